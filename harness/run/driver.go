package run

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"fourdays/harness/cmd/mailload/control"
	"fourdays/harness/hist"
	"fourdays/harness/world"
)

// driver is the program that speaks LMTP, IMAP and HTTP to the nodes on the
// harness's behalf, seen through its control connection.
type driver struct {
	w       world.World
	address string
	conn    world.Conn
	calls   int // connections that were asked for
	book    control.Book
	rest    []byte
	asked   map[int64]*hist.Op // by ID, what has not been answered
	own     int64              // the last ID of the harness's own questions; they count down
	err     error
}

// connect opens the control connection, trying until the program listens.
// epoch is when the scenario's clock was zero on the programs' wall clock.
func (d *driver) connect(epoch time.Time, ready func()) error {
	d.calls++
	call := d.calls
	opened := func(err error) {
		if err == nil {
			d.hello(epoch, ready)
			return
		}
		d.w.At(d.w.Now()+100*time.Millisecond, func() {
			if err := d.connect(epoch, ready); err != nil {
				d.fail(err)
			}
		})
	}
	gone := func() {
		if call == d.calls {
			d.fail(errors.New("it hung up"))
		}
	}
	conn, err := d.w.Dial(d.address, opened, d.data, gone)
	d.conn = conn
	return err
}

// reconnect tells the program of another epoch. No question may be open.
func (d *driver) reconnect(epoch time.Time, ready func()) error {
	d.calls++ // who hangs up now is us
	d.conn.Close()
	d.rest = nil
	return d.connect(epoch, ready)
}

func (d *driver) hello(epoch time.Time, ready func()) {
	line, err := json.Marshal(control.Hello{Start: epoch.UnixMicro()})
	if err == nil {
		err = d.conn.Send(append(line, '\n'))
	}
	if err != nil {
		d.fail(err)
		return
	}
	ready()
}

// fail notes that the driver cannot be used any more, and ends every question.
func (d *driver) fail(err error) {
	if d.err == nil {
		d.err = fmt.Errorf("drive load: %w", err)
		d.book.Fail()
	}
}

// ask sends a group of ops. done is called once, later, with those that were
// answered.
func (d *driver) ask(group []*hist.Op, done func([]*hist.Op)) {
	for _, op := range group {
		if op.ID == 0 {
			d.own--
			op.ID = d.own
		}
	}
	line, err := d.book.Ask(group, d.noting(group, done))
	if err != nil {
		d.fail(err)
		d.w.At(d.w.Now(), func() { done(nil) })
		return
	}
	if d.err == nil {
		err = d.conn.Send(line)
	}
	if d.err != nil || err != nil {
		d.w.At(d.w.Now(), d.book.Fail)
		d.fail(err)
	}
}

// data takes what the driver says: whole lines, each an answered op.
func (d *driver) data(p []byte) {
	d.rest = append(d.rest, p...)
	for {
		i := bytes.IndexByte(d.rest, '\n')
		if i < 0 {
			return
		}
		line := d.rest[:i]
		d.rest = d.rest[i+1:]
		if err := d.book.Answer(line); err != nil {
			d.fail(err)
			return
		}
	}
}

// noting keeps a group for as long as it is not answered.
func (d *driver) noting(group []*hist.Op, done func([]*hist.Op)) func([]*hist.Op) {
	if d.asked == nil {
		d.asked = map[int64]*hist.Op{}
	}
	for _, op := range group {
		d.asked[op.ID] = op
	}
	return func(answers []*hist.Op) {
		for _, op := range group {
			delete(d.asked, op.ID)
		}
		done(answers)
	}
}

// unanswered are the ops that were asked and not answered, in the order of their
// IDs.
func (d *driver) unanswered() (all []*hist.Op) {
	for _, id := range slices.Sorted(maps.Keys(d.asked)) {
		all = append(all, d.asked[id])
	}
	return all
}
