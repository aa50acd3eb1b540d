package run

import (
	"fmt"
	"slices"

	"fourdays/harness/background"
	"fourdays/harness/report"
	"fourdays/storage/array"
	"fourdays/storage/bug"
)

// Noise is the background of a run, as the evidence keeps it: what was drawn,
// with one receipt for each phenomenon. Whether any of it came is luck, so no
// check asks for it.
type Noise struct {
	report.Background
	Faults []*noiseFault `json:"faults"`
}

// noiseFault is the receipt of all faults of one phenomenon.
type noiseFault struct {
	report.Fault
	Rules []string `json:"rules"`
	Drawn int64    `json:"drawn"`
	// Blocks is how many blocks were to be damaged, Empty how many of those found
	// nothing stored.
	Blocks int64 `json:"blocks"`
	Empty  int64 `json:"empty"`
}

// planBackground draws the faults that the arrays have anyway, and plans them.
// What falls into a leap strikes when the leap ends: nobody looks before. Only
// drives fail on time, for their rebuild goes on meanwhile.
func (st *stage) planBackground() error {
	b := st.s.Background
	if b == nil {
		return nil
	}
	p, ok := background.Get(b.Profile)
	if !ok {
		return fmt.Errorf("background: there is no profile %q", b.Profile)
	}
	n := &Noise{Background: report.Background{Profile: b.Profile, Accelerate: b.Accelerate}}
	for _, ph := range p.Phenomena {
		n.Faults = append(n.Faults, &noiseFault{Fault: report.Fault{Bug: ph.ID(), Scope: "the background", Can: effects(ph.Bug)}})
	}
	for _, f := range background.Draw(p.Accelerated(b.Accelerate), st.s.Fleet(), 0, st.s.Duration, st.seed) {
		n.Drawn++
		st.planNoise(n.of(f.Bug.ID), f)
	}
	st.ev.Noise = n
	st.tell("phase", "%s", &n.Background)
	return nil
}

func (n *Noise) of(id string) *noiseFault {
	return n.Faults[slices.IndexFunc(n.Faults, func(f *noiseFault) bool { return f.Bug == id })]
}

// planNoise plans one drawn fault.
func (st *stage) planNoise(n *noiseFault, f background.Fault) {
	if n.Drawn++; n.Drawn == 1 {
		n.PlannedAtMS = f.At.Milliseconds()
	}
	at := st.At
	if f.Volume() == "" {
		at = st.dueAt
	}
	at(f.At, st.orFail(func() error { return st.strike(n, f) }))
}

// orFail makes a mistake in the background one of the harness.
func (st *stage) orFail(f func() error) func() {
	return func() {
		if err := f(); err != nil {
			st.fail(fmt.Errorf("background: %w", err))
		}
	}
}

// strike arms a drawn fault and lets it come true place by place. A fault that
// waits for an operation of its own is only armed.
func (st *stage) strike(n *noiseFault, f background.Fault) error {
	rule, err := st.fleet.Arm(f.Bug, bug.Scope{Population: bug.Population{Array: f.Array, Volume: f.Volume()}})
	if err != nil {
		return err
	}
	n.Rules = append(n.Rules, rule.ID)
	if n.ArmedAtMS == nil {
		n.ArmedAtMS = ms(st.Now())
	}
	if f.Lasts > 0 {
		st.At(f.At+f.Lasts, st.orFail(func() error { return st.fleet.Disarm(rule.ID) }))
	}
	if f.Bug.Trigger.Event != background.Event {
		return nil
	}
	for _, p := range f.Places {
		if p.Volume == "" {
			return st.fleet.FireDrive(rule.ID, f.Array, p.Drive)
		}
		st.At(p.At, st.orFail(func() error { return st.hit(n, rule.ID, p) }))
	}
	return nil
}

// hit damages one place.
func (st *stage) hit(n *noiseFault, rule string, p background.Place) error {
	n.Blocks++
	there, err := st.fleet.FireAt(rule, p.Volume, p.Offset)
	if !there {
		n.Empty++
	}
	return err
}

// noise sums up, by phenomenon, what the arrays know of the background.
func (st *stage) noise(receipts []array.Receipt) {
	if st.ev.Noise == nil {
		return
	}
	for _, n := range st.ev.Noise.Faults {
		for _, r := range receipts {
			if slices.Contains(n.Rules, r.ID) {
				n.add(r)
			}
		}
		n.Observed = n.words()
	}
}

func (n *noiseFault) add(r array.Receipt) {
	n.Fired, n.Masked = n.Fired+int64(r.Fired), n.Masked+int64(r.Masked)
	if r.MaskedBy != "" {
		n.MaskedBy = r.MaskedBy
	}
	if r.Fired == 0 {
		return
	}
	first, last := (r.FirstAt - lead).Milliseconds(), (r.LastAt - lead).Milliseconds()
	if n.FirstAtMS == nil || first < *n.FirstAtMS {
		n.FirstAtMS, n.Where = &first, r.Where
	}
	if n.LastAtMS == nil || last > *n.LastAtMS {
		n.LastAtMS = &last
	}
	if at := (r.ObservedAt - lead).Milliseconds(); r.Observed && (n.ObservedAtMS == nil || at < *n.ObservedAtMS) {
		n.ObservedAtMS = &at
	}
}

// words says what became of the faults of one phenomenon.
func (n *noiseFault) words() string {
	text := fmt.Sprintf("%d drawn", n.Drawn)
	if n.Blocks > 0 {
		text += fmt.Sprintf(" with %d blocks", n.Blocks)
	}
	if n.Empty > 0 {
		text += fmt.Sprintf(", %d of them found nothing stored", n.Empty)
	}
	if n.ObservedAtMS != nil {
		text += ", reached the application"
	}
	return text
}
