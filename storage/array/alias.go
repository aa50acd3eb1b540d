package array

import "bytes"

// alias is two blocks that have become one: what is written to either is in
// both. It ends when one of their files is gone.
type alias struct {
	ends [2]struct {
		node *inode
		idx  int
	}
	rule *rule
	last [2][2]*block // of what is seen and acknowledged, what each held when last looked at
}

var bothStates = [2]func(*image) *state{seenOf, ackedOf}

// alias makes the block that fired, or a random one, one with another.
func (g *gate) alias(at spot) bool {
	v, a := g.v, &alias{rule: g.rule}
	one, off := v.at(at), at.off
	if one == nil || one.isDir() {
		one, off = v.address(g, nil)
	}
	if one == nil {
		return false
	}
	other, there := v.address(g, one)
	a.ends[0].node, a.ends[0].idx = one, int(off/BlockSize)
	a.ends[1].node, a.ends[1].idx = other, int(there/BlockSize)
	if other == nil || a.ends[0] == a.ends[1] || other.real().acked.block(a.ends[1].idx) == nil {
		return false
	}
	v.fork(one, g.rule)
	v.fork(other, g.rule)
	v.aliases = append(v.aliases, a)
	v.unify()
	return true
}

// unify carries what was written to one end of an alias since it last looked
// over to the other. If both have changed, the end that fired wins.
func (v *Volume) unify() {
	if len(v.aliases) == 0 {
		return
	}
	kept := v.aliases[:0]
	for _, a := range v.aliases {
		if a.ends[0].node.opens < 0 || a.ends[1].node.opens < 0 {
			continue
		}
		kept = append(kept, a)
		for i, pick := range bothStates {
			a.level(&a.last[i], pick, v.epoch)
		}
	}
	v.aliases = kept
	v.epoch++ // so that the next write makes a new block, and shows
}

func (a *alias) level(last *[2]*block, pick func(*image) *state, epoch uint64) {
	states := [2]*state{pick(a.ends[0].node.real()), pick(a.ends[1].node.real())}
	for i, from := range states {
		b := from.block(a.ends[i].idx)
		if b == nil || b == last[i] {
			continue
		}
		states[1-i].fill(a.ends[1-i].idx, b, epoch)
		break
	}
	for i, s := range states {
		last[i] = s.block(a.ends[i].idx)
	}
}

// fill makes b the content of a block, as far as the file reaches; a hole stays
// one.
func (s *state) fill(idx int, b *block, epoch uint64) {
	if s.block(idx) == nil {
		return
	}
	room := min(BlockSize, s.size-int64(idx)*BlockSize)
	if bytes.Equal(b.data[room:], zeroBlock.data[room:]) {
		s.blocks.set(idx, b)
		return
	}
	fresh := newBlock(epoch)
	fresh.scar = b.scar
	copy(fresh.data[:room], b.data[:])
	s.blocks.set(idx, fresh)
}
