package run

import (
	"bytes"
	"os"
	"syscall"

	"fourdays/harness/check"
	"fourdays/harness/letter"
	"fourdays/storage/vol"
)

// settleSpools lets end what the exchangers have under way, and looks at what
// they still have.
func (st *stage) settleSpools() error {
	for _, sp := range st.spools {
		sp.holding = true
	}
	for _, sp := range st.spools {
		if err := st.until("wait for the spool on "+sp.array, st.pace.quiet, sp.idle); err != nil {
			return err
		}
		seen := false
		sp.look(func() { seen = true })
		if err := st.until("look at the spool on "+sp.array, st.pace.quiet, func() bool { return seen }); err != nil {
			return err
		}
	}
	st.ev.SpoolKnown = true
	return nil
}

// look reads every file that the queue should have, one after the other, as the
// exchanger would.
func (sp *spool) look(done func()) {
	silent := !sp.on
	var next func(i int)
	next = func(i int) {
		switch {
		case i == len(sp.mail):
			done()
		case silent:
			sp.note(sp.mail[i], check.Unreadable)
			next(i + 1)
		default:
			sp.inspect(sp.mail[i], func(state check.Kept, answered bool) {
				sp.note(sp.mail[i], state)
				silent = silent || !answered
				next(i + 1)
			})
		}
	}
	next(0)
}

// inspect reads one file. A volume that does not answer is asked no more.
func (sp *spool) inspect(q *queued, then func(state check.Kept, answered bool)) {
	over := false
	settle := func(state check.Kept, answered bool) {
		if !over {
			over = true
			then(state, answered)
		}
	}
	data := &vol.Op{Kind: vol.Read}
	sp.steps([]*vol.Op{{Kind: vol.Open, Path: spoolQueue + "/" + q.name, Flag: os.O_RDONLY}, data, {Kind: vol.Close}}, func(r vol.Result) {
		switch _, raw, err := parseSpooled(data.Data); {
		case r.Errno == syscall.ENOENT:
			settle("", true)
		case r.Errno != 0:
			settle(check.Unreadable, true)
		case err != nil || !bytes.Equal(raw, letter.Make(q.message, q.size)):
			settle(check.Damaged, true)
		default:
			settle(check.Whole, true)
		}
	})
	sp.st.At(sp.st.Now()+min(spoolPatience, sp.st.pace.patience), func() { settle(check.Unreadable, false) })
}

// note writes down what became of a message; without a state it is not there.
func (sp *spool) note(q *queued, state check.Kept) {
	if state == "" {
		return
	}
	for _, a := range q.accounts {
		if !q.passed[a] {
			sp.st.ev.Spool = append(sp.st.ev.Spool, check.Spooled{Recipient: check.Recipient{Account: a, Message: q.message}, State: state})
		}
	}
}
