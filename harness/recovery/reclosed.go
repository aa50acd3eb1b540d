package recovery

import (
	"cmp"
	"slices"

	"fourdays/harness/hist"
)

// Reclosed is a time in which the service had been reopened and was closed again
// by what came back to it: of what users of open accounts asked, fewer than half
// was served, for as long as steady service has to last. Accounts are those that
// somebody asked for in vain.
type Reclosed struct {
	FromMS   int64   `json:"from_ms"`
	ToMS     *int64  `json:"to_ms"` // nil: until the end
	Accounts float64 `json:"accounts"`
	Asked    int     `json:"asked"`
	Served   int     `json:"served"`
}

// reopenShare is what must be served. Picked: who finds a service dead at every
// second try calls it dead.
const reopenShare = 0.5

// attempt is one question for an account, as far as reopening goes.
type attempt struct {
	intendedUS int64
	account    *face
	served     bool
}

// attempted notes a question that the store was asked. What the provider's own
// front doors answered is what the operator wants.
func (m *Meter) attempted(op *hist.Op, good bool) {
	if op.Node != "" && len(m.in.Closed) > 0 {
		m.attempts = append(m.attempts, attempt{op.IntendedUS, m.face(op), good})
	}
}

// closures are the times in which accounts were closed by the operator, and when
// the first of them was open again.
func (m *Meter) closures() (closed map[string][]span, firstUS int64) {
	closed, firstUS = map[string][]span{}, up
	for _, c := range m.in.Closed {
		to := c.ToUS
		if to < 0 {
			to = up
		} else {
			firstUS = min(firstUS, to)
		}
		closed[c.Account] = append(closed[c.Account], span{c.FromUS, to})
	}
	return closed, firstUS
}

// slot is what was asked in one window of time.
type slot struct {
	fromUS, toUS  int64
	asked, served int
	vain          []*face
}

// reclosed finds the times after the first reopening in which the service was
// closed again: windows in a row that are not served, over at least Held windows,
// with at least MinOps questions. A window in which nobody asked ends nothing.
func (m *Meter) reclosed(r *Recovery) {
	closed, firstUS := m.closures()
	r.Reclosed = []Reclosed{}
	var now []slot
	for _, s := range m.slots(closed, firstUS) {
		if float64(s.served) < reopenShare*float64(s.asked) {
			now = append(now, s)
			continue
		}
		m.close(r, now, &s.fromUS)
		now = nil
	}
	m.close(r, now, nil)
}

// slots are the windows after us in which somebody asked for an open account.
func (m *Meter) slots(closed map[string][]span, us int64) (all []slot) {
	asks := slices.Clone(m.attempts)
	slices.SortStableFunc(asks, func(a, b attempt) int { return cmp.Compare(a.intendedUS, b.intendedUS) })
	for _, a := range asks {
		shut := slices.ContainsFunc(closed[a.account.account], func(s span) bool { return s.from <= a.intendedUS && a.intendedUS < s.to })
		if a.intendedUS < us || shut {
			continue
		}
		at := us + (a.intendedUS-us)/m.in.WindowUS*m.in.WindowUS
		if n := len(all); n == 0 || all[n-1].fromUS != at {
			all = append(all, slot{fromUS: at, toUS: at + m.in.WindowUS})
		}
		s := &all[len(all)-1]
		s.asked++
		if a.served {
			s.served++
		} else if !slices.Contains(s.vain, a.account) {
			s.vain = append(s.vain, a.account)
		}
	}
	return all
}

// close takes windows in a row, and where they end.
func (m *Meter) close(r *Recovery, run []slot, toUS *int64) {
	if len(run) == 0 {
		return
	}
	vain, one := map[*face]bool{}, Reclosed{FromMS: run[0].fromUS / 1000, ToMS: ms(toUS)}
	for _, s := range run {
		one.Asked += s.asked
		one.Served += s.served
		for _, f := range s.vain {
			vain[f] = true
		}
	}
	one.Accounts = float64(len(vain)) * m.in.Scale
	if run[len(run)-1].toUS-run[0].fromUS >= int64(m.in.Held)*m.in.WindowUS && one.Asked >= m.in.MinOps {
		r.Reclosed = append(r.Reclosed, one)
	}
}
