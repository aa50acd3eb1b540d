package array

import (
	"cmp"
	"maps"
	"slices"
)

// lossEvents are the moments that take away what a lying flush left behind.
type lossEvents uint8

const (
	lostAtPowerLoss lossEvents = 1 << iota
	lostAtFailover
	lostAtNodePowerLoss
	lostAtEviction // from the node's cache
)

// tearOneIn is how many of the blocks that did not survive whole are torn
// instead of lost (picked).
const tearOneIn = 4

// PowerLoss implements vol.Machine: the node loses power, the array does not.
// What was acknowledged stays; of the rest, metadata survive in the profile's
// order and each block survives whole, torn at a sector, or not at all.
func (v *Volume) PowerLoss() {
	v.fleet.mu.Lock()
	defer v.fleet.unlock()
	v.dropInFlight()
	clear(v.files)
	v.dropLies(lostAtNodePowerLoss)
	v.loseNode()
	v.destage(len(v.lies)) // the array has power: it keeps, and in time writes, what it cached
	v.survive()
	v.unify()
	v.revert()
	v.rebuild()
}

// survive decides by seed what of the unsynced lived, and acknowledges it.
func (v *Volume) survive() {
	chosen := make([]bool, len(v.journal))
	if v.strict {
		for i := range chosen {
			chosen[i] = v.rng.IntN(2) == 0
		}
		v.keepPossible(chosen)
	} else {
		for i := range v.rng.IntN(len(chosen) + 1) {
			chosen[i] = true
		}
	}
	lost := map[*inode]bool{} // files with a truncation that did not survive
	for i := range v.journal {
		if !chosen[i] && v.journal[i].file != nil {
			lost[v.journal[i].file] = true
		}
	}
	v.commitChosen(chosen, nil)
	v.journal = nil
	chance := v.rng.Float64()
	for _, n := range v.dirty {
		if !lost[n] {
			v.surviveData(n, chance)
		}
		v.clean(n)
		n.owed, n.listed = bitmap{}, false
	}
	v.dirty = nil
	v.epoch++
}

// keepPossible takes back the survival of what depends on something lost.
func (v *Volume) keepPossible(chosen []bool) {
	for i := range chosen {
		for j := range i {
			if !chosen[j] && v.journal[i].dependsOn(&v.journal[j]) {
				chosen[i] = false
			}
		}
	}
}

func (v *Volume) surviveData(n *inode, chance float64) {
	n.dirty.each(func(idx int) {
		switch {
		case v.rng.Float64() < chance:
			n.both(func(i *image) { i.survive(idx, 0xff, v.epoch) })
		case v.rng.IntN(tearOneIn) == 0:
			mask := uint8(v.rng.IntN(256))
			n.both(func(i *image) { i.survive(idx, mask, v.epoch) })
		}
	})
}

// survive acknowledges those sectors of a block that mask has, as far as the
// file reached; the file is as long as what survived of it.
func (i *image) survive(idx int, mask uint8, epoch uint64) {
	b := i.seen.block(idx)
	if b == nil || mask == 0 {
		return
	}
	for s := range BlockSize / SectorSize {
		from := int64(idx)*BlockSize + int64(s)*SectorSize
		if mask&(1<<s) == 0 || from >= i.seen.size {
			continue
		}
		at := int(from % BlockSize)
		n := min(SectorSize, i.seen.size-from)
		i.acked.writeAt(b.data[at:at+int(n)], from, epoch)
		i.acked.block(idx).scar = b.scar
	}
}

// revert makes the node see what is durable.
func (v *Volume) revert() {
	for _, n := range v.reachable(ackedOf) {
		n.both(func(i *image) { i.seen = i.acked.clone() })
	}
	v.epoch++
}

// reachable lists the inodes below the root in the truth and in what the array
// holds, in the order of their making.
func (v *Volume) reachable(pick func(*image) *state) []*inode {
	met := map[*inode]bool{v.root: true}
	all := []*inode{v.root}
	for i := 0; i < len(all); i++ {
		all[i].both(func(img *image) {
			for _, child := range pick(img).names {
				if !met[child] {
					met[child] = true
					all = append(all, child)
				}
			}
		})
	}
	slices.SortFunc(all, byIno)
	return all
}

// byIno is the order in which inodes were made.
func byIno(a, b *inode) int { return cmp.Compare(a.ino, b.ino) }

// rebuild counts again what is there, after names came back or went away.
func (v *Volume) rebuild() {
	v.charge(-v.usedBlocks)
	v.array.usedInodes -= v.usedInodes
	opened := map[*inode]int{}
	for _, h := range v.files {
		opened[h.node]++
	}
	all := v.reachable(seenOf)
	for n := range opened {
		if !slices.Contains(all, n) {
			all = append(all, n)
		}
	}
	for _, n := range all {
		n.linked = false
	}
	v.root.linked = true
	v.mark(v.root)
	slices.SortFunc(all, byIno)
	v.inodes, v.forked, v.gone, v.usedInodes = nil, nil, 0, 0
	for _, n := range all {
		n.opens = opened[n]
		if n.actual != nil {
			v.forked = append(v.forked, n)
		}
		if n.linked || n.opens > 0 {
			v.inodes = append(v.inodes, n)
			v.usedInodes++
			v.charge(n.room())
		}
	}
	v.array.usedInodes += v.usedInodes
}

// mark notes which inodes have a name in what the array holds. A lost flush can
// bring back a name whose bearer has moved on since: then one of the two goes, as
// fsck would have it.
func (v *Volume) mark(dir *inode) {
	names := dir.real().seen.names
	for _, name := range slices.Sorted(maps.Keys(names)) {
		child := names[name]
		if child.linked {
			delete(v.fork(dir, nil).seen.names, name)
			continue
		}
		child.linked = true
		if child.isDir() {
			v.mark(child)
		}
	}
}

// loseCache takes away what lying flushes left, and lets the nodes see it.
// What a node has not synced yet is still in the node.
func (d *device) loseCache(e lossEvents) {
	for _, v := range d.volumes {
		if v.dropLies(e) {
			v.forgetLies()
		}
	}
}

// forgetLies makes the nodes see the media again where nothing is dirty. The
// metadata they had not synced stay with them.
func (v *Volume) forgetLies() {
	for _, n := range v.forked {
		v.reread(n)
	}
	for _, l := range v.lies {
		l.show(v.epoch)
	}
	for i := range v.journal {
		for _, c := range v.journal[i].changes {
			c.dir.setName(seenOf, c.name, c.child, v.journal[i].truth)
		}
	}
	v.epoch++
	v.rebuild()
}

// reread gives an inode the media's content, with what the node has not synced
// laid over it.
func (v *Volume) reread(n *inode) {
	unsynced := n.actual.seen
	seen := n.actual.acked.clone()
	for _, e := range v.journal {
		if e.file == n && !e.truth {
			v.epoch++
			seen.truncate(e.size, v.epoch)
		}
	}
	n.dirty.each(func(idx int) {
		if b := unsynced.block(idx); b != nil {
			seen.grow(max(seen.size, min(unsynced.size, int64(idx+1)*BlockSize)))
			seen.put(idx, b)
		}
	})
	n.actual.seen = seen
}
