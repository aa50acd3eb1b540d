package margin

import (
	"fmt"
	"io"
	"slices"

	"fourdays/harness/hist"
	"fourdays/harness/report"
)

// What becomes of a store that meets a hidden limit.
const (
	Survives   = "survives"     // mail was taken and shown while the limit held
	Halves     = "half serves"  // one of the two; when the limit was gone all was there
	Stops      = "stops safely" // neither; when the limit was gone all was there
	Loses      = "loses"        // promised mail is gone or changed
	Unknown    = "cannot tell"
	NotReached = "not reached" // the counter does not move in this scenario
)

// Outcome is a case of the sweep and what its run showed.
type Outcome struct {
	Case
	Result string `json:"result"`
	Why    string `json:"why,omitempty"`
	// Harmed is how many promised messages were lost, altered, misfiled or came
	// back, beyond those of the run without the limit.
	Harmed int `json:"harmed"`
	// HeldMS is for how long the limit held; nil where it was not met.
	HeldMS *int64 `json:"held_ms"`
	// In and Out are of the later half of that, when who can take over has done so:
	// mail that was offered, and what users asked of their mailboxes.
	In  Share `json:"mail_in"`
	Out Share `json:"mail_out"`
	// Warned says that an array or a node told of it before it was met.
	Warned bool `json:"warned"`
	// NoticedMS is how long after the first failure anybody noticed; nil is never.
	NoticedMS *int64 `json:"noticed_ms"`
	Digest    string `json:"digest"`
	Dir       string `json:"-"` // the run directory
}

// Share is how many asked, and how many of them were served.
type Share struct {
	Asked  int `json:"asked"`
	Served int `json:"served"`
}

// Judge says what the run of a case showed, against the run without a limit.
// history is that of the run; an error is that it cannot be read.
func Judge(c Case, base, r *report.Run, history io.Reader) (Outcome, error) {
	o := Outcome{Case: c, Digest: r.Digest}
	limit := receipt(r)
	switch {
	case r.Verdict == report.Error || r.Verdict == report.Aborted:
		o.Result, o.Why = Unknown, r.Why
		return o, nil
	case limit == nil || limit.FirstAtMS == nil:
		o.Result, o.Why = Unknown, "the limit was not met"
		return o, nil
	}
	end := c.Scenario.Duration.Milliseconds()
	held := end - *limit.FirstAtMS
	o.HeldMS, o.NoticedMS = &held, r.Recovery.TTDMS
	o.Warned = warned(r, *limit.FirstAtMS)
	o.Harmed = max(0, harm(r)-harm(base))
	if err := o.watch(history, (end-held/2)*1000, end*1000); err != nil {
		return o, err
	}
	o.Result, o.Why = o.result(base, r)
	return o, nil
}

// Unreached is the outcome of a case that cannot be played.
func Unreached(c Case) Outcome { return Outcome{Case: c, Result: NotReached, Why: c.Still} }

// watch counts what users asked from a moment on and had before another, in
// microseconds.
func (o *Outcome) watch(history io.Reader, from, to int64) error {
	return hist.Scan(history, func(op *hist.Op) error {
		if !op.OfUser() || op.IntendedUS < from || op.IntendedUS >= to {
			return nil
		}
		way := &o.Out
		if op.Kind == hist.Deliver {
			way = &o.In
		}
		way.Asked++
		if op.Outcome == hist.OK && op.AnsweredUS < to {
			way.Served++
		}
		return nil
	})
}

// result tells survival, a stop and a loss apart.
func (o *Outcome) result(base, r *report.Run) (result, why string) {
	switch {
	case o.Harmed > 0:
		return Loses, ""
	case r.Mail.Unread > base.Mail.Unread:
		return Unknown, fmt.Sprintf("%s promised messages could not be looked for", report.Count(int64(r.Mail.Unread)))
	case o.In.Asked == 0 || o.Out.Asked == 0:
		return Unknown, "nobody offered or asked for mail while the limit held"
	case o.In.Served > 0 && o.Out.Served > 0:
		return Survives, ""
	case o.In.Served+o.Out.Served > 0:
		return Halves, ""
	}
	return Stops, ""
}

func receipt(r *report.Run) *report.Fault {
	i := slices.IndexFunc(r.Faults, func(f report.Fault) bool { return f.Bug == Hidden })
	if i < 0 {
		return nil
	}
	return &r.Faults[i]
}

func harm(r *report.Run) int {
	m := r.Mail
	return m.Lost + m.Altered + m.Misfiled + m.Resurrected
}

// warned says that an array raised an alarm that the script did not ask for, or a
// node told of something, before a moment.
func warned(r *report.Run, ms int64) bool {
	return slices.ContainsFunc(r.Alarms, func(a report.Alarm) bool { return !a.Scripted && a.AtMS < ms }) ||
		slices.ContainsFunc(r.Timeline, func(e report.Event) bool { return e.Kind == "detected" && e.AtMS < ms })
}
