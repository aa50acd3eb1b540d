package prove

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"fourdays/storage/array"
	"fourdays/storage/bug"
	"fourdays/storage/vol"
)

// spare is how many rounds of files are kept for provoking.
const spare = 2

// proof is one rig being led through a bug.
type proof struct {
	*rig
	layout   layout
	alone    bool // only the first host is provoked, to see how far that reaches
	counted  counted
	started  map[string]array.Counters
	booted   map[string]time.Duration
	promoted map[string]bool // arrays whose other site has taken over
	verdict  bug.Reboot
}

// Alone shows a bug on bare arrays, with every chance made sure and sizes scaled
// to what a proof stores; Result.Changed says what was replaced. Its error says that no rig for the bug could be made, or
// that an array refused what it was told; that nothing fired is no error but a
// difference. It is safe for concurrent use.
func Alone(b bug.Bug, seed uint64) (Result, error) {
	if err := b.Check(); err != nil {
		return Result{}, fmt.Errorf("prove %s: %w", b.ID, err)
	}
	sure := surely(b)
	out := Result{Bug: b.ID, Seed: seed, Changed: sure.did}
	alts := alternatives(sure.bug.Trigger)
	for i, t := range alts {
		alt := sure.bug
		alt.Trigger = t
		name := ""
		if len(alts) > 1 {
			name = fmt.Sprintf("trigger %d of %d", i+1, len(alts))
		}
		if err := out.add(alt, name, seed); err != nil {
			return out, err
		}
	}
	return out, nil
}

// add proves one alternative of a trigger, and how far one provocation reaches.
func (r *Result) add(b bug.Bug, name string, seed uint64) error {
	p, err := ready(b, seed, false)
	if err == nil {
		err = p.whole()
	}
	if err != nil {
		return r.refuse(name, err)
	}
	q, err := ready(b, seed, true)
	if err == nil {
		err = q.one()
	}
	if err != nil {
		return r.refuse(name, err)
	}
	r.take(name, p, q)
	return nil
}

// unreachable says that a trigger cannot be made to come true.
type unreachable string

// Error implements error.
func (u unreachable) Error() string { return string(u) }

// refuse notes that an alternative of a trigger could not be provoked; any other
// error is passed on.
func (r *Result) refuse(name string, err error) error {
	var why unreachable
	if !errors.As(err, &why) {
		return err
	}
	r.Silent = append(r.Silent, strings.TrimSpace(name+" did not fire: "+why.Error()))
	return nil
}

// patient reports whether the trigger does not come true by some operations.
func (p *proof) patient(ops []vol.Kind, long bool) bool {
	return idle{&p.bug, ops, long, p.clock.now}.patient(&p.bug.Trigger)
}

// waiting is the time between arming and the trigger: ordinary work and a look
// at everything, as far as that is not what the bug waits for.
func (p *proof) waiting() {
	p.quiet = true
	if p.patient(working, false) {
		p.workAll(p.hosts)
	}
	if p.patient(looking, false) {
		p.scan(p.hosts)
	}
	p.quiet = p.alone
}

// inside are the hosts in the bug's population.
func (p *proof) inside() []*host {
	return slices.DeleteFunc(slices.Clone(p.hosts), func(h *host) bool { return !h.inside })
}

// whole leads a rig through everything: trigger, work, what the effect waits
// for, a reboot and the vendor's fix.
func (p *proof) whole() (err error) {
	if err := p.arm(p.bug); err != nil {
		return err
	}
	armed := p.begin("armed")
	p.waiting()
	p.begin("triggered")
	if err := p.provokeAll(p.hosts); err != nil {
		return err
	}
	p.scan(p.hosts)
	p.worse = awaits(&p.bug.Trigger, bug.EventPowerCycle) && p.stage.worseThan(armed)
	if err := p.consequences(p.hosts); err != nil {
		return err
	}
	if p.verdict, err = p.reboot(); err != nil {
		return err
	}
	return p.fix()
}

func (p *proof) provokeAll(hosts []*host) error {
	for _, h := range hosts {
		if err := p.provoke(h, &p.bug.Trigger, shape{path: p.bug.Scope.Path}); err != nil {
			return err
		}
		p.glance(h)
	}
	return nil
}

// reboot cycles the power of everything and says what that did. Hosts that were
// left without an answer are started again as well.
func (p *proof) reboot() (bug.Reboot, error) {
	before := p.stage
	after := p.begin("rebooted")
	for _, h := range p.hosts {
		if h.hung {
			h.powerLoss()
		}
	}
	for _, name := range arrays(p.hosts) {
		if err := p.powerCycle(name); err != nil {
			return "", err
		}
	}
	p.scan(p.hosts)
	if p.worse || after.worseThan(before) {
		return bug.Worsens, nil
	}
	p.workAll(p.hosts)
	if len(after.Notices) > 0 {
		return bug.Stays, nil
	}
	return p.afterwards()
}

// afterwards tells whether what a reboot seems to have cleared comes back by
// itself, or when it is provoked again.
func (p *proof) afterwards() (bug.Reboot, error) {
	later := p.begin("waited")
	p.clock.to(p.comingBack())
	for _, h := range p.inside() {
		p.glance(h)
	}
	p.scan(p.hosts)
	p.workAll(p.hosts)
	if len(later.Notices) > 0 {
		return bug.Comes, nil
	}
	if p.bug.Persistence == bug.UntilReboot {
		return bug.Clears, nil
	}
	again := len(p.stages)
	p.begin("again")
	if err := p.provokeAll(p.inside()); err != nil {
		return "", err
	}
	if err := p.consequences(p.inside()); err != nil {
		return "", err
	}
	if slices.ContainsFunc(p.stages[again:], (*Stage).noticed) {
		return bug.Stays, nil
	}
	return bug.Clears, nil
}

// comingBack is when a bug that a reboot ended would be back by itself.
func (p *proof) comingBack() time.Duration {
	at := p.clock.now + max(p.bug.Returns, time.Hour) + time.Minute
	for _, c := range counts(&p.bug.Trigger) {
		for _, booted := range p.booted {
			if c.Clock == bug.Uptime {
				at = max(at, booted+time.Duration(c.At)*time.Second)
			}
		}
	}
	return at
}

// fix installs the vendor's fix, switches on what would not start, and looks
// whether operations are well.
func (p *proof) fix() error {
	if err := p.fleets[sick].Fix(p.bug.ID); err != nil {
		return fmt.Errorf("prove %s: %w", p.bug.ID, err)
	}
	for _, name := range arrays(p.hosts) {
		if err := p.both(func(f fleet) error { return f.PowerOn(name) }); err != nil {
			return err
		}
	}
	p.clock.advance(comeBack)
	p.begin("fixed")
	for _, h := range p.hosts {
		p.fresh(h, "fresh")
	}
	p.end()
	return nil
}

// one provokes the bug on one host and looks at all of them.
func (p *proof) one() error {
	b, closing := p.narrowed()
	if err := p.arm(b); err != nil {
		return err
	}
	first := p.hosts[:1]
	p.begin("armed")
	p.waiting()
	before := p.round
	p.begin("one")
	if err := p.provokeAll(first); err != nil {
		return err
	}
	if err := p.consequences(first); err != nil {
		return err
	}
	if closing > 0 {
		p.clock.to(max(closing, p.clock.now))
	}
	p.begin("reached")
	p.scan(p.hosts)
	p.followAll(before)
	p.end()
	return nil
}

// narrowed is the bug as it is armed to see how far one provocation reaches. A
// trigger that looking would make come true ends at a time, before anybody looks;
// where arming is what provokes, only the first array is armed.
func (p *proof) narrowed() (b bug.Bug, closing time.Duration) {
	b = p.bug
	if awaits(&b.Trigger, bug.EventArm) && b.Scope.Extent != bug.ExtentSystem {
		b.Scope.Population.Array = p.hosts[0].array
	} else if !p.patient(working, true) {
		closing = p.clock.now + time.Hour + 2*waits(&b.Trigger)
		b.Trigger = bug.Trigger{All: []bug.Trigger{{Time: &bug.Time{Until: closing}}, b.Trigger}}
	}
	return b, closing
}

// followAll does on all other hosts what was done on the first: the same
// operations at the same addresses, but for what provoked the bug.
func (p *proof) followAll(from int) {
	first, others := p.hosts[0], p.hosts[1:]
	to := p.round
	for _, h := range others {
		for turn := range first.turn {
			for _, target := range p.layout.targets(p.layout.turn(turn)) {
				p.overwrite(h, target, 0, 2, 0)
			}
		}
		for p.round = from; p.round < to; p.round++ {
			p.work(h, p.layout)
		}
	}
	p.scan(p.hosts)
}

// waits is how long provoking a trigger takes.
func waits(t *bug.Trigger) time.Duration {
	var sum time.Duration
	for _, m := range matches(t) {
		sum += m.OlderThan
	}
	walk(t, func(t *bug.Trigger) {
		if t.Time != nil {
			sum += t.Time.At
		}
	})
	return sum
}

func keys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
