package recovery

import (
	"math"
	"slices"

	"fourdays/harness/hist"
)

// up stands in the place of a time for not being down.
const up = math.MaxInt64

// face is one account as its users see it: mail in and mail out. A mailbox is
// unavailable while either of the two is: from the intended time of the first
// operation that failed until the answer of the next that succeeded. While
// nobody asks, nobody is refused: what nobody asked for counts only if the
// operator says that the account was closed.
type face struct {
	account string
	downUS  [2]int64 // since when, per direction
	okUS    [2]int64 // the last success
	downs   []span
}

type span struct{ from, to int64 }

func (m *Meter) face(op *hist.Op) *face {
	return m.faceOf(op.Account)
}

func (m *Meter) faceOf(account string) *face {
	f := m.accounts[account]
	if f == nil {
		f = &face{account: account, downUS: [2]int64{up, up}, okUS: [2]int64{math.MinInt64, math.MinInt64}}
		m.accounts[account] = f
		m.order = append(m.order, f)
	}
	return f
}

func (f *face) note(op *hist.Op, good bool) {
	way := 0
	if op.Kind == hist.Deliver {
		way = 1
	}
	switch {
	case good && f.downUS[way] != up:
		f.downs = append(f.downs, span{f.downUS[way], max(op.AnsweredUS, f.downUS[way])})
		f.downUS[way] = up
	case !good && f.downUS[way] == up:
		f.downUS[way] = max(op.IntendedUS, f.okUS[way])
	}
	if good {
		f.okUS[way] = max(f.okUS[way], op.AnsweredUS)
	}
}

// spans are the times in which the mailbox was unavailable, merged. open says
// that it still was at the end.
func (f *face) spans(closed []span, endUS int64) (merged []span, open bool) {
	all := append(slices.Clone(f.downs), closed...)
	for _, from := range f.downUS {
		if from != up {
			all = append(all, span{from, endUS})
		}
	}
	slices.SortFunc(all, func(a, b span) int { return compare(a.from, b.from) })
	for _, s := range all {
		s.to = min(s.to, endUS)
		switch n := len(merged); {
		case s.to <= s.from:
		case n > 0 && s.from <= merged[n-1].to:
			merged[n-1].to = max(merged[n-1].to, s.to)
		default:
			merged = append(merged, s)
		}
	}
	return merged, len(merged) > 0 && merged[len(merged)-1].to >= endUS
}

// availability computes mailbox-hours and the curve of reopened mailboxes. A
// mailbox is reopened at the end of its longest unavailable time after the
// fault, so that a hiccup before or after does not count.
func (m *Meter) availability(r *Recovery) {
	if m.in.FaultUS == nil {
		return
	}
	closed := map[string][]span{}
	for _, c := range m.in.Closed {
		to := c.ToUS
		if to < 0 {
			to = m.in.EndUS
		}
		closed[c.Account] = append(closed[c.Account], span{c.FromUS, to})
		m.faceOf(c.Account)
	}
	var total int64
	var back []int64
	down, still := 0, 0
	for _, f := range m.order {
		spans, open := f.spans(closed[f.account], m.in.EndUS)
		us, longest := since(spans, *m.in.FaultUS)
		total += us
		if us == 0 {
			continue
		}
		down++
		if open && longest.to >= m.in.EndUS {
			still++
			continue
		}
		back = append(back, longest.to)
	}
	hours := float64(total) / 3600e6 * m.in.Scale
	r.MailboxHours, r.Unavailable = &hours, float64(down)*m.in.Scale
	if still > 0 {
		r.note("%d of the simulated mailboxes were still unavailable at the end", still)
		r.Censored = append(r.Censored, Censor{"mailbox_hours", m.in.EndUS / 1000})
	}
	slices.Sort(back)
	m.curve(r, back, down)
}

// since is the part of spans after us, and the longest of them.
func since(spans []span, us int64) (total int64, longest span) {
	for _, s := range spans {
		s.from = max(s.from, us)
		if s.to <= s.from {
			continue
		}
		total += s.to - s.from
		if s.to-s.from > longest.to-longest.from {
			longest = s
		}
	}
	return total, longest
}

// maxPoints bounds the curve in the report (picked).
const maxPoints = 400

func (m *Meter) curve(r *Recovery, back []int64, down int) {
	step := max(1, (len(back)+maxPoints-1)/maxPoints)
	for i, us := range back {
		if i+1 < len(back) && (back[i+1]/1000 == us/1000 || (i+1)%step != 0) {
			continue
		}
		r.Reopened = append(r.Reopened, Point{us / 1000, float64(i+1) * m.in.Scale})
	}
	for _, q := range []struct {
		name  string
		share float64
		to    **int64
	}{
		{"reopened_t50_ms", 0.5, &r.T50MS}, {"reopened_t90_ms", 0.9, &r.T90MS},
		{"reopened_t99_ms", 0.99, &r.T99MS}, {"reopened_t100_ms", 1, &r.T100MS},
	} {
		if down == 0 || r.ImpactMS == nil {
			continue
		}
		if need := rank(q.share, down); need <= len(back) {
			*q.to = At(max(0, back[need-1]/1000-*r.ImpactMS))
		} else {
			r.Censored = append(r.Censored, Censor{q.name, m.in.EndUS/1000 - *r.ImpactMS})
		}
	}
}

// rank is how many of n values the quantile q covers, at least one.
func rank(q float64, n int) int {
	k := int(q * float64(n))
	if float64(k) < q*float64(n) {
		k++
	}
	return max(1, min(k, n))
}
