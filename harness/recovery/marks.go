package recovery

import (
	"fmt"
	"math"
	"slices"
)

// Recovery gives the marks and metrics of what has been added. The classes of
// losses, known only after the same history was judged, are passed here.
func (m *Meter) Recovery(classes []Loss) Recovery {
	r := Recovery{Reopened: []Point{}, Censored: []Censor{}, Notes: []string{}}
	asks := slices.Clone(m.asks)
	slices.SortStableFunc(asks, func(a, b ask) int { return compare(a.intendedUS, b.intendedUS) })
	impact := m.impact(asks)
	bound := m.bound(asks, &r)
	steady := m.steady(asks, impact, bound)

	r.FaultMS, r.ImpactMS = ms(m.in.FaultUS), ms(impact)
	r.HealthMS, r.ProbeMS = ms(m.in.HealthUS), ms(m.probe())
	r.DetectMS = first(r.HealthMS, r.ProbeMS)
	r.HealedMS, r.AckMS, r.SteadyMS = ms(m.in.HealedUS), ms(m.ackUS), ms(steady)
	r.AgreedMS, r.VerifiedMS = ms(m.in.AgreedUS), ms(m.in.AuditedUS)
	r.BacklogMS = ms(m.backlog(steady, &r))
	m.metrics(&r)
	m.availability(&r)
	m.reclosed(&r)
	m.delay(&r)
	r.PeakBacklog = m.peak()
	m.losses(&r, classes)
	return r
}

func compare(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func ms(us *int64) *int64 {
	if us == nil {
		return nil
	}
	return At(*us / 1000)
}

// first is the earlier of two times, of which either may be missing.
func first(a, b *int64) *int64 {
	if a == nil || b != nil && *b < *a {
		return b
	}
	return a
}

func (r *Recovery) note(format string, args ...any) {
	r.Notes = append(r.Notes, fmt.Sprintf(format, args...))
}

// impact is t_i: the first operation intended after the first fault that failed
// or broke its service level. asks are in the order of intention.
func (m *Meter) impact(asks []ask) *int64 {
	if m.in.FaultUS == nil {
		return nil
	}
	for _, a := range asks {
		if a.intendedUS >= *m.in.FaultUS && m.breach(a) {
			return At(a.intendedUS)
		}
	}
	return nil
}

// probe is when the harness first had a bad answer in hand.
func (m *Meter) probe() *int64 {
	if m.in.ProbeUS != nil {
		return m.in.ProbeUS
	}
	return m.seenBad
}

// bound is the p99 that steady service must keep: twice the baseline's, or the
// service level when there was too little baseline to tell.
func (m *Meter) bound(asks []ask, r *Recovery) int64 {
	from, to := m.in.BaselineFromUS, m.in.BaselineToUS
	if from == 0 && to == 0 && m.in.FaultUS != nil {
		to = *m.in.FaultUS
	}
	var latencies []int64
	for _, a := range asks {
		if a.intendedUS >= from && a.intendedUS < to && a.good {
			latencies = append(latencies, a.latencyUS)
		}
	}
	if len(latencies) < m.in.MinOps {
		r.note("the baseline has %d operations, fewer than %d: steady service is judged by the service level of %d ms", len(latencies), m.in.MinOps, m.in.SLOUS/1000)
		return m.in.SLOUS
	}
	return max(2*quantile(latencies, 0.99), unnoticedUS)
}

// unnoticedUS is the latency that nobody notices: twice a baseline of a few
// milliseconds is no breach. Picked.
const unnoticedUS = 250_000

// quantile sorts values and returns the exact quantile q.
func quantile(values []int64, q float64) int64 {
	slices.Sort(values)
	return values[rank(q, len(values))-1]
}

// steady is t_s: the start of the first window with a success ratio of 99.9 %
// and a p99 within bound that is the first of Held such windows in a row. A
// window is the shortest time of at least WindowUS that holds MinOps
// operations. After a window that fails, the next candidate starts after the
// last operation in it that was not good enough, so that the mark is exact to
// one window and the search linear.
func (m *Meter) steady(asks []ask, impact *int64, bound int64) *int64 {
	if impact == nil {
		return nil
	}
	start, _ := slices.BinarySearchFunc(asks, *impact, func(a ask, us int64) int { return compare(a.intendedUS, us) })
	for at, held := start, 0; ; {
		end := m.window(asks, at)
		if end < 0 {
			return nil
		}
		if bad := worst(asks[at:end], bound); bad >= 0 {
			start, held = at+bad+1, 0
			at = start
			continue
		}
		if held++; held == m.in.Held {
			return At(asks[start].intendedUS)
		}
		at = end
	}
}

// window is the end of the window that starts with asks[at], or -1 if the
// history ends before it is full.
func (m *Meter) window(asks []ask, at int) int {
	if at >= len(asks) {
		return -1
	}
	until := asks[at].intendedUS + m.in.WindowUS
	for end := at; end < len(asks); end++ {
		if asks[end].intendedUS >= until && end-at >= m.in.MinOps {
			return end
		}
	}
	if len(asks)-at >= m.in.MinOps && m.in.EndUS >= until {
		return len(asks)
	}
	return -1
}

// worst judges a window: -1 if it is good, or else the last operation that
// makes it bad.
func worst(window []ask, bound int64) int {
	failed, slow, lastFailed, lastSlow := 0, 0, -1, -1
	for i, a := range window {
		if !a.good {
			failed, lastFailed = failed+1, i
		} else if a.latencyUS > bound {
			slow, lastSlow = slow+1, i
		}
	}
	bad := -1
	if float64(failed) > 0.001*float64(len(window)) {
		bad = lastFailed
	}
	if good := len(window) - failed; slow > good-rank(0.99, max(1, good)) {
		bad = max(bad, lastSlow)
	}
	return bad
}

// backlog is t_b: the first time from t_s on at which the senders' queue is no
// longer than the baseline's p95. That every message accepted before shows over
// IMAP is the oracle's D9.
func (m *Meter) backlog(steady *int64, r *Recovery) *int64 {
	if steady == nil {
		return nil
	}
	depth := m.in.Queue
	if depth == nil {
		depth = slices.Clone(m.depth)
		slices.SortStableFunc(depth, func(a, b Depth) int { return compare(a.AtUS, b.AtUS) })
	}
	usual := m.usualDepth(depth)
	r.note("the backlog counts as drained at %d waiting messages", usual)
	now := 0
	for _, d := range depth {
		if d.AtUS > *steady && now <= usual {
			break
		}
		now = d.Messages
		if d.AtUS > *steady && now <= usual {
			return At(d.AtUS)
		}
	}
	if now <= usual {
		return steady
	}
	return nil
}

// usualDepth is the p95 of the queue over the time of the baseline.
func (m *Meter) usualDepth(depth []Depth) int {
	from, to := m.in.BaselineFromUS, m.in.BaselineToUS
	if from == 0 && to == 0 && m.in.FaultUS != nil {
		to = *m.in.FaultUS
	}
	type stay struct {
		messages int
		us       int64
	}
	var stays []stay
	at, now := from, 0
	for _, d := range append(slices.Clone(depth), Depth{AtUS: math.MaxInt64}) {
		if until := min(d.AtUS, to); until > at {
			stays = append(stays, stay{now, until - at})
			at = until
		}
		now = d.Messages
	}
	slices.SortStableFunc(stays, func(a, b stay) int { return a.messages - b.messages })
	var sum int64
	for _, s := range stays {
		if sum += s.us; float64(sum) >= 0.95*float64(to-from) {
			return s.messages
		}
	}
	return 0
}

// peak is the longest that the senders' queue was.
func (m *Meter) peak() *int {
	depth, most := m.in.Queue, 0
	if depth == nil {
		depth = m.depth
	}
	for _, d := range depth {
		most = max(most, d.Messages)
	}
	return &most
}

// metrics computes what lies between the marks, and says which of it was not
// reached.
func (m *Meter) metrics(r *Recovery) {
	end := m.in.EndUS / 1000
	for _, d := range []struct {
		name     string
		from, to *int64
		into     **int64
	}{
		{"ttd_ms", r.ImpactMS, r.DetectMS, &r.TTDMS},
		{"ttd_health_ms", r.ImpactMS, r.HealthMS, &r.TTDHealthMS},
		{"rta_ms", r.ImpactMS, r.SteadyMS, &r.RTAMS},
		{"reconverge_ms", r.HealedMS, r.AgreedMS, &r.ReconvergMS},
		{"drain_ms", r.SteadyMS, r.BacklogMS, &r.DrainMS},
		{"end_to_end_ms", r.ImpactMS, r.BacklogMS, &r.EndToEndMS},
		{"verify_ms", r.BacklogMS, r.VerifiedMS, &r.VerifyMS},
	} {
		switch {
		case d.from == nil:
		case d.to == nil:
			r.Censored = append(r.Censored, Censor{d.name, max(0, end-*d.from)})
		default:
			// What was known or done ahead of need took no time.
			*d.into = At(max(0, *d.to-*d.from))
		}
	}
}

// delay computes the distribution of delivery delays.
func (m *Meter) delay(r *Recovery) {
	r.Delay = Delay{Delivered: len(m.delays), Bounced: m.bounced}
	for _, w := range m.waiting {
		if w.spooled {
			r.Delay.Spooled++
		} else {
			r.Delay.Waiting++
		}
	}
	if len(m.delays) == 0 {
		return
	}
	delays := slices.Clone(m.delays)
	slices.Sort(delays)
	n := len(delays) + len(m.waiting)
	var longest int64
	for _, w := range m.waiting {
		longest = max(longest, m.in.EndUS-w.intendedUS)
	}
	for _, q := range []struct {
		name  string
		share float64
		into  **int64
	}{
		{"p50_ms", 0.5, &r.Delay.P50MS}, {"p90_ms", 0.9, &r.Delay.P90MS}, {"p99_ms", 0.99, &r.Delay.P99MS},
		{"p999_ms", 0.999, &r.Delay.P999MS}, {"max_ms", 1, &r.Delay.MaxMS},
	} {
		if k := rank(q.share, n); k <= len(delays) {
			*q.into = At(delays[k-1] / 1000)
		} else {
			r.Censored = append(r.Censored, Censor{"delivery_delay." + q.name, longest / 1000})
		}
	}
}

// losses computes the actual recovery points.
func (m *Meter) losses(r *Recovery, classes []Loss) {
	for _, c := range classes {
		into := map[string]**int64{"message": &r.RPA.MessageMS, "flag": &r.RPA.FlagMS, "mailbox": &r.RPA.MailboxMS}[c.Class]
		switch {
		case into == nil || c.Acknowledged == 0:
		case c.Lost > 0 && m.in.FaultUS != nil:
			*into = At(max(0, *m.in.FaultUS-c.OldestLostUS) / 1000)
			if *m.in.FaultUS < c.OldestLostUS {
				r.note("what was lost of class %s had been promised after the first fault", c.Class)
			}
		case c.Lost == 0 && c.Unread == 0:
			*into = At(0)
		}
	}
}
