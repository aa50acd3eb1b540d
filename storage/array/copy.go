package array

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"syscall"

	"fourdays/storage/bug"
)

// copied is a point-in-time copy of a volume: what a correct array would have
// in it, what this one has, and which blocks this one was made from.
type copied struct {
	want, have, from map[*inode]state
	hurt             map[*inode]*rule // who damaged what it has of a file
}

func realAcked(n *inode) *state { return &n.real().acked }

func trueAcked(n *inode) *state { return &n.truth.acked }

// walk calls f for every inode below dir and for dir itself, in the order of
// names.
func walk(dir *inode, at string, pick func(*inode) *state, f func(p string, n *inode)) {
	f(at, dir)
	names := pick(dir).names
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if n := names[name]; n.isDir() {
			walk(n, path.Join(at, name), pick, f)
		} else {
			f(path.Join(at, name), n)
		}
	}
}

// Copy makes a point-in-time copy of what is acknowledged on a volume, after
// telling its bugs that a snapshot is taken. The second copy of one name is
// incremental: blocks that were not written since keep what the copy had of
// them. A copy takes no room and no time.
func (f *Fleet) Copy(volume, name string) error {
	return f.onVolume("copy", volume, "snapshot", func(v *Volume) error { return v.copyAs(name) })
}

// Restore makes a volume what a copy of it holds; in truth, what a correct copy
// would hold. Bugs are told first. Whoever has the volume open loses its opens
// and what it has not synced. A restore that fails changes nothing.
func (f *Fleet) Restore(volume, name string) error {
	return f.onVolume("restore", volume, "restore", func(v *Volume) error {
		c := v.copies[name]
		if c == nil {
			return fmt.Errorf("there is no copy %q", name)
		}
		return v.restore(c)
	})
}

// onVolume does something to a volume that its array serves, told of an event.
func (f *Fleet) onVolume(verb, name, event string, do func(*Volume) error) error {
	f.mu.Lock()
	defer f.unlock()
	v := f.volumes[name]
	if v == nil {
		return fmt.Errorf("%s volume %q: there is no such volume", verb, name)
	}
	f.tellOf(v, event)
	if !v.array.serving {
		return fmt.Errorf("%s volume %q: no controller serves", verb, name)
	}
	if err := do(v); err != nil {
		return fmt.Errorf("%s volume %q: %w", verb, name, err)
	}
	return nil
}

// tellOf lets the bugs on one volume see an event.
func (f *Fleet) tellOf(v *Volume, event string) {
	f.tell(func(o *Volume) bool { return o == v }, event)
}

func (v *Volume) copyAs(name string) error {
	c := &copied{map[*inode]state{}, map[*inode]state{}, map[*inode]state{}, map[*inode]*rule{}}
	last := v.copies[name]
	if last == nil {
		last = &copied{}
	}
	walk(v.root, ".", trueAcked, func(_ string, n *inode) { c.want[n] = n.truth.acked.clone() })
	var err error
	walk(v.root, ".", realAcked, func(p string, n *inode) {
		if err == nil {
			err = c.take(v, p, n, last)
		}
	})
	v.epoch++
	if err == nil {
		v.copies[name] = c
	}
	return err
}

// take puts an inode into the copy: what changed since the last one through the
// bugs there are, the rest as the last one has it.
func (c *copied) take(v *Volume, p string, n *inode, last *copied) error {
	from, have := n.real().acked.clone(), n.real().acked.clone()
	was, had := last.from[n], last.have[n]
	if n.actual != nil {
		c.hurt[n] = n.hurt
	}
	for idx := range from.blocks.n {
		b := from.block(idx)
		if b != nil && b == was.block(idx) {
			have.blocks.set(idx, had.block(idx))
			if had.block(idx) != b {
				c.hurt[n] = last.hurt[n]
			}
			continue
		}
		made, by, err := v.pass(parcel{bug.Copy, p, n, idx, from.size}, b, had.block(idx))
		if err != nil {
			return err
		}
		if have.blocks.set(idx, made); by != nil {
			c.hurt[n] = by
		}
	}
	c.from[n], c.have[n] = from, have
	return nil
}

// parcel is a block of a file on its way: to a copy, back, or to another site.
type parcel struct {
	act  bug.Act
	path string
	node *inode
	idx  int
	size int64 // of the file
}

// pass takes a block through the bugs of a plane other than data and returns
// what arrives where had was before, and who altered it.
func (v *Volume) pass(p parcel, b, had *block) (*block, *rule, error) {
	if b == nil {
		return nil, nil, nil
	}
	var by *rule
	for _, g := range v.asked(p.act, spot{path: p.path, node: p.node, off: int64(p.idx) * BlockSize, n: BlockSize}) {
		where := v.name + ":" + p.path + " " + string(p.act)
		if errno := g.rule.bug.Effect.Reply.Errno; errno != 0 {
			g.rule.mark(where)
			g.rule.observe()
			return nil, nil, fmt.Errorf("%s: %w", p.path, errno)
		}
		made := g.altered(p, b, had)
		if made == b || made.holds() == b.holds() {
			g.masked()
			continue
		}
		g.rule.mark(where)
		b, by = made, g.rule
	}
	return b, by, nil
}

// holds is what is in a block; a hole is zeros.
func (b *block) holds() [BlockSize]byte {
	if b == nil {
		return *zeroBlock.data
	}
	return *b.data
}

// altered is what a bug makes of a block on its way to where had was before.
func (g *gate) altered(p parcel, b, had *block) *block {
	e := &g.rule.bug.Effect
	if e.Persist.Kind == bug.No {
		return had
	}
	off := int64(p.idx) * BlockSize
	made := newBlock(0)
	*made.data = b.holds()
	data := made.data[:max(0, min(BlockSize, p.size-off))]
	switch c := e.Data; c.Kind {
	case bug.Zero:
		clear(data)
	case bug.Old:
		p.node.readOld(data, off, int(c.N))
	case bug.Other:
		g.v.readOther(g, p.node, data, off)
	case bug.Flip:
		g.flip(data, int(c.N))
	}
	return made
}

// restore reads a copy back and then puts it in place of all there is.
func (v *Volume) restore(c *copied) error {
	back := &copied{want: c.want, have: map[*inode]state{}, hurt: maps.Clone(c.hurt)}
	var err error
	var room int64
	walk(v.root, ".", c.picks(), func(p string, n *inode) {
		s := c.have[n]
		s = s.clone()
		for idx, b := range s.blocks.all() {
			if err != nil {
				break
			}
			room++
			var made *block
			var by *rule
			made, by, err = v.pass(parcel{bug.Restore, p, n, idx, s.size}, b, n.real().acked.block(idx))
			if s.blocks.set(idx, made); by != nil {
				back.hurt[n] = by
			}
		}
		back.have[n] = s
	})
	if err == nil && v.limited != nil && room*BlockSize > v.limit {
		err = syscall.ENOSPC
	}
	if err == nil {
		v.become(back)
	}
	return err
}

// picks reads what a copy has of an inode.
func (c *copied) picks() func(*inode) *state {
	return func(n *inode) *state { s := c.have[n]; return &s }
}

// become replaces all that a volume holds.
func (v *Volume) become(c *copied) {
	v.endOpens()
	for _, n := range v.dirty {
		v.clean(n)
		n.listed = false
	}
	v.dirty, v.journal, v.lies, v.aliases = nil, nil, nil, nil
	clear(v.strays)
	for n, s := range c.want {
		n.truth, n.actual, n.beyond = image{seen: s.clone(), acked: s.clone()}, nil, bitmap{}
		n.owed, n.wounds = bitmap{}, nil
	}
	for n, s := range c.have {
		if want, ok := c.want[n]; !ok || !same(&want, &s) {
			n.actual, n.hurt = &image{seen: s.clone(), acked: s.clone()}, c.hurt[n]
		}
	}
	v.rebuild()
}

// same reports whether two states are one: the same names, or the same blocks.
func same(a, b *state) bool {
	return a.size == b.size && sameNames(a, b) && sameBlocks(&a.blocks, &b.blocks)
}
