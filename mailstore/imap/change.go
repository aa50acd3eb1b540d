package imap

import (
	"context"
	"reflect"

	goimap "github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"

	"fourdays/mailstore/mail"
	"fourdays/mailstore/store"
)

// errReadOnly answers a change of a mailbox that was opened by EXAMINE.
var errReadOnly = no("", "mailbox is opened read-only")

// writable names the messages of a set for a command that changes them.
func (s *session) writable(set goimap.NumSet) (mail.Target, error) {
	if s.view.readOnly {
		return mail.Target{}, errReadOnly
	}
	return s.view.target(set)
}

var flagsOps = map[goimap.StoreFlagsOp]mail.FlagsOp{
	goimap.StoreFlagsSet: mail.SetFlags, goimap.StoreFlagsAdd: mail.AddFlags, goimap.StoreFlagsDel: mail.RemoveFlags,
}

// Store implements imapserver.Session.
func (s *session) Store(w *imapserver.FetchWriter, set goimap.NumSet, change *goimap.StoreFlags, _ *goimap.StoreOptions) error {
	t, err := s.writable(set)
	if err != nil {
		return err
	}
	flags, err := parseFlags(change.Flags)
	if err != nil {
		return s.translate(err)
	}
	var reply mail.Reply
	if len(t.UIDs) > 0 {
		reply, err = s.store.SetFlags(context.Background(), t, flagsOps[change.Op], flags)
	}
	if err != nil {
		return s.translate(err)
	}
	s.settled, s.holdExpunge = len(t.UIDs) > 0 && s.view.changedBy(reply), true
	for _, changed := range reply.Changed {
		e := s.view.find(changed.UID)
		if e == nil {
			continue
		}
		// Without an answer the client takes it that only its own change was made.
		expected, _ := e.Flags.Apply(flagsOps[change.Op], flags)
		e.changed = change.Silent && !expected.Equal(changed.Flags)
		e.Flags = changed.Flags
		if change.Silent || !s.view.told(e.UID) {
			continue
		}
		m := fetched{located: located{s.view.index(e.UID), e.Item}}
		if err := writeMessage(w.CreateMessage(m.seq()), &m, &goimap.FetchOptions{UID: true, Flags: true}); err != nil {
			return err
		}
	}
	return nil
}

// Expunge implements imapserver.Session, also for CLOSE, which go-imap asks of
// a mailbox opened by EXAMINE as well: there it does nothing and is no error.
func (s *session) Expunge(w *imapserver.ExpungeWriter, uids *goimap.UIDSet) error {
	if s.view.readOnly && closing(w) {
		return nil
	}
	all := goimap.UIDSet{{Start: 1, Stop: goimap.UID(s.view.lastUID())}}
	if uids != nil {
		all = *uids
	}
	t, err := s.writable(all)
	if err != nil {
		return err
	}
	if len(t.UIDs) == 0 || s.view.lastUID() == 0 && uids == nil {
		return nil
	}
	reply, err := s.store.Expunge(context.Background(), t)
	if err != nil {
		return s.translate(err)
	}
	s.settled = s.view.changedBy(reply)
	return s.dropped(reply.From, w.WriteExpunge)
}

// closing tells CLOSE from EXPUNGE: go-imap gives it a writer without a
// connection.
func closing(w *imapserver.ExpungeWriter) bool {
	return reflect.ValueOf(w).Elem().FieldByName("conn").IsNil()
}

// dropped tells the client which messages this command took away.
func (s *session) dropped(uids []uint32, tell func(seq uint32) error) error {
	for _, uid := range uids {
		if e := s.view.find(uid); e != nil {
			e.gone = true
		}
	}
	return s.view.dropGone(tell)
}

// Copy implements imapserver.Session.
func (s *session) Copy(set goimap.NumSet, dest string) (*goimap.CopyData, error) {
	t, err := s.view.target(set)
	if err != nil {
		return nil, err
	}
	reply, inside, err := s.copy(t, dest, false)
	if err != nil {
		return nil, s.translate(err)
	}
	s.settled = !inside
	return copied(reply), nil
}

// Move implements imapserver.SessionMove. The mailbox it moves from is told of
// what is gone; all of it happens in one command.
func (s *session) Move(w *imapserver.MoveWriter, set goimap.NumSet, dest string) error {
	t, err := s.writable(set)
	if err != nil {
		return err
	}
	reply, inside, err := s.copy(t, dest, true)
	if err != nil {
		return s.translate(err)
	}
	if data := copied(reply); data != nil {
		if err := w.WriteCopyData(data); err != nil {
			return err
		}
	}
	s.settled = len(t.UIDs) > 0 && !inside && s.view.changedBy(reply)
	return s.dropped(reply.From, w.WriteExpunge)
}

// copy says also whether the messages stay inside the selected mailbox, where
// they are new ones that the client is to be told of.
func (s *session) copy(t mail.Target, dest string, move bool) (reply mail.Reply, inside bool, err error) {
	dest, err = mail.MailboxName(dest)
	if err != nil {
		return reply, false, store.ErrNoTarget
	}
	if len(t.UIDs) > 0 {
		reply, err = s.store.Copy(context.Background(), t, dest, move)
	}
	return reply, dest == s.view.known.Mailbox, err
}

// copied is COPYUID, nil when nothing was copied.
func copied(reply mail.Reply) *goimap.CopyData {
	if len(reply.To) == 0 {
		return nil
	}
	data := &goimap.CopyData{UIDValidity: reply.UIDValidity}
	for i := range reply.To {
		data.SourceUIDs.AddNum(goimap.UID(reply.From[i]))
		data.DestUIDs.AddNum(goimap.UID(reply.To[i]))
	}
	return data
}
