package array

import (
	"time"

	"fourdays/storage/bug"
)

// Alarm is something that the own monitoring of an array has said.
type Alarm struct {
	At    time.Duration
	Array string
	Text  string
	Rule  string // which armed bug is behind it, as the harness knows; "" if none is
}

// Alarms lists what the arrays have said of themselves, in the order in which
// they did.
func (f *Fleet) Alarms() []Alarm {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]Alarm(nil), f.alarms...)
}

// alarm is raised by an array unless a bug of the report plane keeps it silent.
func (d *device) alarm(text string, r *rule) {
	silent := false
	for _, g := range d.asked(bug.Alarm) {
		g.rule.mark(d.name + " alarm: " + text)
		silent = true
	}
	if silent {
		return
	}
	a := Alarm{At: d.fleet.clock.Now(), Array: d.name, Text: text}
	if r != nil {
		a.Rule = r.id
	}
	d.fleet.alarms = append(d.fleet.alarms, a)
}

// alarmFelt says, once for each rule, that callers feel something.
func (d *device) alarmFelt(r *rule) {
	if text := r.felt(); text != "" {
		d.alarmOnce(r, text)
	}
}

func (d *device) alarmOnce(r *rule, text string) {
	if !d.told[r] {
		d.told[r] = true
		d.alarm(text, r)
	}
}

// An answer is slow when it comes lateFactor times the array's service time too
// late, but never later than lateAlways, which is also what counts where an
// operation takes no time. Both are picked.
const (
	lateFactor = 100
	lateAlways = time.Second
)

// slow reports whether an array's monitoring would call an operation slow that
// is answered so much too late.
func (d *device) slow(late time.Duration) bool {
	if d.cfg.Service == 0 || d.cfg.Service > lateAlways/lateFactor {
		return late >= lateAlways
	}
	return late >= lateFactor*d.cfg.Service
}

// alarmLate says, once for each rule, that operations take longer than they
// should by so much, if that is much.
func (d *device) alarmLate(r *rule, late time.Duration) {
	if d.slow(late) {
		d.alarmOnce(r, "operations are slow")
	}
}

// felt is how the array would describe what callers feel of a rule: an error or
// silence. Wrong data is not felt.
func (r *rule) felt() string {
	switch e := &r.bug.Effect; {
	case e.Reply.Never:
		return "operations are not answered"
	case e.Action == bug.ReadOnly:
		return "a volume is read-only"
	case e.Action == bug.Offline:
		return "a volume is offline"
	case e.Reply.Errno != 0:
		return "operations fail: " + e.Reply.Errno.Error()
	}
	return ""
}
