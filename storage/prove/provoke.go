package prove

import (
	"fmt"
	"os"
	"path"
	"slices"
	"time"

	"fourdays/storage/bug"
	"fourdays/storage/vol"
)

// tries is how often an operation that should fire a bug is made, on different
// files: some of them an effect may leave as they are.
const tries = 3

// provoke makes a trigger come true on a host by walking it. around is what an
// operation has to be like for what stands around the trigger.
func (p *proof) provoke(h *host, t *bug.Trigger, around shape) error {
	switch {
	case t.Event != "":
		return p.event(h, t.Event)
	case t.Count != nil:
		return p.reach(h, t.Count)
	case t.Level != nil:
		return p.level(h, t.Level, around)
	case t.Match != nil:
		return p.perform(h, around.with(t.Match))
	case t.Overlap != nil:
		return p.overlap(h, t.Overlap, around)
	case t.Chance != nil:
		return p.perform(h, around)
	case t.Time != nil:
		p.clock.to(t.Time.At)
		return nil
	case len(t.All) > 0:
		return p.all(h, t, around)
	}
	if err := p.provoke(h, t.Arm, shape{}); err != nil {
		return err
	}
	return p.provoke(h, t.Fire, around)
}

// all provokes conditions first, then what is remembered, and at last one
// operation that is as every match asks.
func (p *proof) all(h *host, t *bug.Trigger, around shape) error {
	kids := slices.Clone(t.All)
	for i := range kids {
		if m := kids[i].Match; m != nil {
			around = around.with(m)
		}
	}
	slices.SortStableFunc(kids, func(a, b bug.Trigger) int { return order(&a) - order(&b) })
	acted := false
	for i := range kids {
		k := &kids[i]
		if acted && (k.Match != nil || k.Chance != nil || passing(k)) {
			continue // one operation serves for all of them
		}
		if err := p.provoke(h, k, around); err != nil {
			return err
		}
		acted = acted || k.Match != nil || k.Chance != nil || k.Overlap != nil || passing(k)
	}
	return nil
}

// passing reports whether a level is over when nobody works: it has to be acted
// under.
func passing(t *bug.Trigger) bool {
	return t.Level != nil && (t.Level.Gauge == bug.Dirty || t.Level.Gauge == bug.Queue)
}

func order(t *bug.Trigger) int {
	switch {
	case passing(t):
		return 3
	case t.Time != nil:
		return 0
	case t.Count != nil, t.Level != nil:
		return 1
	case t.Event != "", t.Arm != nil, len(t.All) > 0:
		return 2
	case t.Overlap != nil:
		return 3
	case t.Match != nil:
		return 4
	}
	return 5
}

// perform makes operations of a shape: of every kind that it allows, or of
// those that the effect concerns.
func (p *proof) perform(h *host, s shape) error {
	if s.olderThan > 0 {
		p.clock.advance(s.olderThan)
	}
	kinds := s.ops
	if len(kinds) == 0 {
		kinds = p.bug.Effect.Ops
	}
	targets := p.targets(h, s.path)
	for _, k := range kinds {
		for i := range tries {
			p.act(h, k, targets[i%len(targets)], s)
		}
	}
	return nil
}

// targets are files that a glob of the trigger and the scope mean, which nobody
// has used yet.
func (p *proof) targets(h *host, glob string) []string {
	k := p.layout.turn(h.turn)
	h.turn++
	var all []string
	for _, t := range p.layout.targets(k) {
		if bug.MatchPath(glob, t) && bug.MatchPath(p.bug.Scope.Path, t) {
			all = append(all, t)
		}
	}
	if len(all) == 0 {
		all = p.layout.targets(k)
	}
	return all
}

// act makes one operation of a kind on a file, and what has to be around it.
func (p *proof) act(h *host, k vol.Kind, target string, s shape) {
	flag := os.O_RDWR
	if s.has(bug.Direct) {
		flag |= vol.Direct
	}
	dir := path.Dir(target)
	switch k {
	case vol.Open:
		p.openNew(h, target, s)
	case vol.Read:
		p.reads(h, target, flag, s)
	case vol.Write:
		p.writes(h, target, flag, s)
	case vol.Truncate:
		p.put(h, target, 3)
		p.shorten(h, target, 2)
	case vol.Sync:
		p.overwrite(h, target, 0, 1, 0)
	case vol.SyncDir:
		p.put(h, p.newName(h, target), 1)
		p.syncDir(h, dir)
	case vol.ReadDir:
		p.list(h, dir)
	case vol.Mkdir, vol.Rmdir:
		name := p.newName(h, path.Join(dir, "made"))
		p.mkdir(h, name)
		p.rmdir(h, name)
	case vol.Unlink, vol.Rename:
		from, to := p.newName(h, target), p.newName(h, target)
		p.put(h, from, 1)
		p.rename(h, from, to)
		p.unlink(h, to)
	case vol.Stat:
		p.do(h, vol.Op{Kind: vol.Stat, Path: target}, nil)
	case vol.Statfs:
		p.space(h)
	case vol.Close:
		p.look(h, target)
	}
}

// newName is a name beside a file that nobody has used; for a glob, one that it
// means.
func (p *proof) newName(h *host, beside string) string {
	h.made++
	for _, glob := range p.layout.patterns {
		if bug.MatchPath(glob, beside) {
			name := sample(glob, "", 1000+h.made)
			if path.Dir(name) == "." {
				name = path.Join(path.Dir(beside), name)
			}
			return name
		}
	}
	return fmt.Sprintf("%s.%d", beside, h.made)
}

func (p *proof) openNew(h *host, target string, s shape) {
	if !s.has(bug.Create) {
		p.close(h, p.open(h, target, os.O_RDWR))
		return
	}
	p.put(h, p.newName(h, target), 1)
}

func (p *proof) reads(h *host, target string, flag int, s shape) {
	n, piece := s.blocks()
	f := p.open(h, target, flag)
	for at := 0; at < n*blockSize; at += piece {
		all := p.do(h, vol.Op{Kind: vol.Read, Off: int64(at), Size: int64(piece)}, f)
		for i, a := range all {
			if a.how == done && at%blockSize == 0 && len(a.data)%blockSize == 0 {
				p.check(h, i, target, at/blockSize, len(a.data)/blockSize, a.data[:a.res.N])
			}
		}
	}
	p.close(h, f)
}

// writes overwrites from the beginning or appends, three times on one open, so
// that what has to follow something does.
func (p *proof) writes(h *host, target string, flag int, s shape) {
	n, piece := s.blocks()
	f := p.open(h, target, flag)
	e := h.sides[well].ledger.files[target]
	for i := range tries {
		at := i * n
		if s.has(bug.Append) && e != nil {
			at = e.size()
		} else if s.has(bug.Overwrite) && e != nil && at+n > e.size() {
			at = 0
		}
		p.write(h, f, at, n, piece)
	}
	p.sync(h, f)
	p.close(h, f)
}

// overlap makes the second follow the first at once, on one file.
func (p *proof) overlap(h *host, o *bug.Overlap, around shape) error {
	for _, target := range p.targets(h, around.path) {
		for i, name := range []string{o.First, o.Second} {
			k, ok := vol.ParseKind(name)
			switch {
			case !ok:
				if err := p.event(h, name); err != nil {
					return err
				}
			case i == 0:
				p.act(h, k, target, shape{})
			default:
				p.act(h, k, target, around)
			}
		}
	}
	return nil
}

// event lets something happen to a host's array, on both sides.
func (p *proof) event(h *host, name string) error {
	switch name {
	case bug.EventArm:
		return nil
	case bug.EventFlush:
		p.act(h, vol.Sync, p.targets(h, "")[0], shape{})
		return nil
	case bug.EventDiscard:
		for range tries {
			p.act(h, vol.Unlink, p.targets(h, "")[0], shape{})
		}
		return nil
	case bug.EventPowerLoss, bug.EventPowerCycle:
		return p.powerCycle(h.array)
	}
	return p.happens(h, name)
}

// off is how long the power is away in a power cycle.
const off = 10 * time.Second

func (p *proof) powerCycle(name string) error {
	if err := p.both(func(f fleet) error { return f.PowerLoss(name) }); err != nil {
		return err
	}
	p.clock.advance(off)
	p.booted[name] = p.clock.now
	return p.both(func(f fleet) error { return f.PowerOn(name) })
}
