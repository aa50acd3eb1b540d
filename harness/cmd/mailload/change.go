package main

import (
	"errors"
	"fmt"

	"github.com/emersion/go-imap/v2"

	"fourdays/harness/hist"
	"fourdays/harness/letter"
)

// errHalf marks an op of several commands that was refused after the first.
var errHalf = errors.New("refused halfway")

func appendTo(c *imapConn, op *hist.Op, _ *imap.SelectData) error {
	raw := letter.Make(op.Message, op.Size)
	op.Digest = letter.Digest(raw)
	cmd := c.Append(op.Mailbox, int64(len(raw)), &imap.AppendOptions{Flags: flags(op.Flags)})
	_, errWrite := cmd.Write(raw)
	errClose := cmd.Close()
	data, err := cmd.Wait()
	if err != nil {
		return err
	}
	if err := errors.Join(errWrite, errClose); err != nil {
		return fmt.Errorf("accepted before it was sent: %v", err)
	}
	if data.UID != 0 {
		op.NewUIDs, op.UIDValidity = []uint32{uint32(data.UID)}, data.UIDValidity
	}
	return nil
}

func copyTo(c *imapConn, op *hist.Op, box *imap.SelectData) error {
	set, err := asked(op, box)
	if err != nil {
		return err
	}
	data, err := c.Copy(set, op.To).Wait()
	if err != nil {
		return err
	}
	return went(op, data.UIDValidity, data.SourceUIDs, data.DestUIDs)
}

func moveTo(c *imapConn, op *hist.Op, box *imap.SelectData) error {
	set, err := asked(op, box)
	if err != nil {
		return err
	}
	if !c.Caps().Has(imap.CapMove) {
		return fmt.Errorf("%w: the server does not offer MOVE", errAsked)
	}
	data, err := c.Move(set, op.To).Wait()
	if err != nil {
		return err
	}
	return went(op, data.UIDValidity, data.SourceUIDs, data.DestUIDs)
}

// went notes COPYUID, if there was one.
func went(op *hist.Op, validity uint32, from, to imap.NumSet) error {
	sources, err := numbers(from)
	if err != nil {
		return err
	}
	goals, err := numbers(to)
	if err != nil {
		return err
	}
	if len(sources) != len(goals) {
		return fmt.Errorf("read COPYUID: %d messages became %d", len(sources), len(goals))
	}
	if len(goals) > 0 {
		op.UIDs, op.NewUIDs, op.UIDValidity = sources, goals, validity
	}
	return nil
}

var storeOps = map[string]imap.StoreFlagsOp{"+": imap.StoreFlagsAdd, "-": imap.StoreFlagsDel, "=": imap.StoreFlagsSet}

func store(c *imapConn, op *hist.Op, box *imap.SelectData) error {
	set, err := asked(op, box)
	if err != nil {
		return err
	}
	how, known := storeOps[op.FlagsOp]
	if !known {
		return fmt.Errorf("%w: flags_op %q", errAsked, op.FlagsOp)
	}
	op.UIDValidity = box.UIDValidity
	return c.Store(set, &imap.StoreFlags{Op: how, Silent: true, Flags: flags(op.Flags)}, nil).Close()
}

// expunge marks the messages deleted and removes them. When only the marking
// went through, something was done: the outcome is unknown.
func expunge(c *imapConn, op *hist.Op, box *imap.SelectData) error {
	set, err := asked(op, box)
	if err != nil {
		return err
	}
	op.UIDValidity = box.UIDValidity
	mark := &imap.StoreFlags{Op: imap.StoreFlagsAdd, Silent: true, Flags: []imap.Flag{imap.FlagDeleted}}
	if err := c.Store(set, mark, nil).Close(); err != nil {
		return err
	}
	if err := c.UIDExpunge(set).Close(); err != nil {
		return errors.Join(errHalf, err)
	}
	return nil
}

func create(c *imapConn, op *hist.Op, _ *imap.SelectData) error {
	return c.Create(op.Mailbox, nil).Wait()
}

func remove(c *imapConn, op *hist.Op, _ *imap.SelectData) error {
	return c.Delete(op.Mailbox).Wait()
}

func flags(names []string) []imap.Flag {
	list := make([]imap.Flag, len(names))
	for i, n := range names {
		list[i] = imap.Flag(n)
	}
	return list
}
