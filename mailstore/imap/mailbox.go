package imap

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	goimap "github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"

	"fourdays/mailstore/mail"
	"fourdays/mailstore/store"
)

// settle notes that a command is done which has nothing to do with the selected
// mailbox, so that Poll need not look at that.
func (s *session) settle(err error) error {
	if err != nil {
		return s.translate(err)
	}
	s.settled = true
	return nil
}

// Select implements imapserver.Session, EXAMINE included.
func (s *session) Select(name string, options *goimap.SelectOptions) (*goimap.SelectData, error) {
	contents, name, err := s.open(name)
	if err != nil {
		return nil, s.translate(err)
	}
	s.view = newView(s.account, name, contents, options.ReadOnly)
	data := &goimap.SelectData{
		Flags:       usedFlags(contents.Items),
		NumMessages: uint32(len(contents.Items)),
		UIDNext:     goimap.UID(contents.UIDNext),
		UIDValidity: contents.UIDValidity,
	}
	if !options.ReadOnly {
		data.PermanentFlags = append(slices.Clone(data.Flags), goimap.FlagWildcard)
	}
	unseen := slices.IndexFunc(contents.Items, func(i store.Item) bool { return i.Flags.System&mail.Seen == 0 })
	data.FirstUnseenSeqNum = uint32(unseen + 1)
	return data, nil
}

func (s *session) open(name string) (store.Contents, string, error) {
	name, err := mail.MailboxName(name)
	if err != nil {
		return store.Contents{}, "", store.ErrNoMailbox
	}
	contents, err := s.store.Open(context.Background(), s.account, name)
	return contents, name, err
}

// usedFlags lists the system flags and those keywords that messages have.
func usedFlags(items []store.Item) []goimap.Flag {
	flags := []goimap.Flag{goimap.FlagSeen, goimap.FlagAnswered, goimap.FlagFlagged, goimap.FlagDeleted, goimap.FlagDraft}
	var keywords []string
	for _, item := range items {
		for _, keyword := range item.Flags.Keywords {
			if !slices.Contains(keywords, keyword) {
				keywords = append(keywords, keyword)
			}
		}
	}
	slices.Sort(keywords)
	for _, keyword := range keywords {
		flags = append(flags, goimap.Flag(keyword))
	}
	return flags
}

// Unselect implements imapserver.Session.
func (s *session) Unselect() error {
	s.view = nil
	return nil
}

// Create implements imapserver.Session.
func (s *session) Create(name string, _ *goimap.CreateOptions) error {
	name, err := mail.MailboxName(strings.TrimSuffix(name, string(mail.Delimiter)))
	if err == nil {
		err = s.store.CreateMailbox(context.Background(), s.account, name)
	}
	return s.settle(err)
}

// Delete implements imapserver.Session.
func (s *session) Delete(name string) error {
	name, err := mail.MailboxName(name)
	if err != nil {
		err = store.ErrNoMailbox
	} else {
		err = s.store.DeleteMailbox(context.Background(), s.account, name)
	}
	return s.settle(err)
}

// Rename implements imapserver.Session. It is not offered: under its new name a
// mailbox would need new UIDs, or a UIDVALIDITY above all that name ever had.
func (s *session) Rename(string, string, *goimap.RenameOptions) error {
	return no(goimap.ResponseCodeCannot, "RENAME is not supported")
}

// Subscribe implements imapserver.Session. Every mailbox is subscribed.
func (s *session) Subscribe(name string) error {
	_, _, err := s.open(name)
	return s.settle(err)
}

// Unsubscribe implements imapserver.Session.
func (s *session) Unsubscribe(string) error {
	return no(goimap.ResponseCodeCannot, "every mailbox is subscribed")
}

// List implements imapserver.Session.
func (s *session) List(w *imapserver.ListWriter, ref string, patterns []string, options *goimap.ListOptions) error {
	if options.ReturnStatus != nil {
		return &goimap.Error{Type: goimap.StatusResponseTypeBad, Text: "LIST-STATUS is not supported"}
	}
	if len(patterns) == 0 {
		s.settled = true
		return w.WriteList(&goimap.ListData{Attrs: []goimap.MailboxAttr{goimap.MailboxAttrNoSelect}, Delim: mail.Delimiter})
	}
	mailboxes, err := s.store.List(context.Background(), s.account)
	if err != nil {
		return s.translate(err)
	}
	s.settled = true
	for i, m := range mailboxes {
		if options.SelectSpecialUse || !matches(m.Name, ref, patterns) {
			continue
		}
		data := goimap.ListData{Mailbox: m.Name, Delim: mail.Delimiter, Attrs: childAttr(mailboxes[i+1:], m.Name)}
		if options.ReturnSubscribed || options.SelectSubscribed {
			data.Attrs = append(data.Attrs, goimap.MailboxAttrSubscribed)
		}
		if err := w.WriteList(&data); err != nil {
			return err
		}
	}
	return nil
}

func matches(name, ref string, patterns []string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		if strings.EqualFold(ref+pattern, mail.Inbox) {
			return name == mail.Inbox
		}
		return imapserver.MatchList(name, mail.Delimiter, ref, pattern)
	})
}

// childAttr says whether a mailbox has others below it.
func childAttr(others []store.NamedMailbox, name string) []goimap.MailboxAttr {
	below := name + string(mail.Delimiter)
	if slices.ContainsFunc(others, func(o store.NamedMailbox) bool { return strings.HasPrefix(o.Name, below) }) {
		return []goimap.MailboxAttr{goimap.MailboxAttrHasChildren}
	}
	return []goimap.MailboxAttr{goimap.MailboxAttrHasNoChildren}
}

// Status implements imapserver.Session. The counts are counted, not kept.
func (s *session) Status(name string, options *goimap.StatusOptions) (*goimap.StatusData, error) {
	if options.DeletedStorage {
		return nil, &goimap.Error{Type: goimap.StatusResponseTypeBad, Text: "DELETED-STORAGE is not supported"}
	}
	contents, name, err := s.open(name)
	if err != nil {
		return nil, s.translate(err)
	}
	var unseen, deleted, recent uint32
	var size int64
	for _, item := range contents.Items {
		size += int64(item.Size)
		if item.Flags.System&mail.Seen == 0 {
			unseen++
		}
		if item.Flags.System&mail.Deleted != 0 {
			deleted++
		}
	}
	messages, limit := uint32(len(contents.Items)), uint32(s.store.MaxMessage())
	s.settled = true
	return &goimap.StatusData{
		Mailbox: name, NumMessages: &messages, NumRecent: &recent, NumUnseen: &unseen, NumDeleted: &deleted, Size: &size,
		UIDNext: goimap.UID(contents.UIDNext), UIDValidity: contents.UIDValidity, AppendLimit: &limit,
	}, nil
}

// maxAhead is how many bytes are made room for on the client's word. Picked.
const maxAhead = 256 << 10

// Append implements imapserver.Session.
func (s *session) Append(name string, r goimap.LiteralReader, options *goimap.AppendOptions) (*goimap.AppendData, error) {
	if r.Size() > int64(s.store.MaxMessage()) {
		return nil, s.translate(store.ErrTooLarge)
	}
	message := bytes.NewBuffer(make([]byte, 0, min(r.Size(), maxAhead)+bytes.MinRead))
	if _, err := message.ReadFrom(r); err != nil {
		return nil, err
	}
	if int64(message.Len()) != r.Size() {
		return nil, s.drop() // the client is gone in the middle of its message
	}
	flags, err := parseFlags(options.Flags)
	if err != nil {
		return nil, s.translate(err)
	}
	where, err := s.appendTo(name, flags, options.Time, message.Bytes())
	if errors.Is(err, store.ErrNoMailbox) {
		return nil, no(goimap.ResponseCodeTryCreate, "no such mailbox")
	}
	if err != nil {
		return nil, s.translate(err)
	}
	if where.UID == 0 {
		return nil, nil
	}
	return &goimap.AppendData{UID: goimap.UID(where.UID), UIDValidity: where.UIDValidity}, nil
}

func (s *session) appendTo(name string, flags mail.Flags, date time.Time, message []byte) (store.Where, error) {
	name, err := mail.MailboxName(name)
	if err != nil {
		return store.Where{}, store.ErrNoMailbox
	}
	now := time.Now()
	if date.IsZero() {
		date = now.UTC()
	}
	where, err := s.store.Append(context.Background(), s.account, name, flags, date, now, message)
	if err == nil {
		s.settled = s.view == nil || s.view.known.Mailbox != name
	}
	return where, err
}

func parseFlags(flags []goimap.Flag) (mail.Flags, error) {
	names := make([]string, 0, len(flags))
	for _, flag := range flags {
		if !strings.EqualFold(string(flag), `\Recent`) { // nobody may set it, clients do
			names = append(names, string(flag))
		}
	}
	return mail.ParseFlags(names)
}
