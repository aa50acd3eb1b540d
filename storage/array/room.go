package array

import (
	"syscall"

	"fourdays/storage/bug"
	"fourdays/storage/vol"
)

// need is how many blocks a write adds, if the array has room for them.
func (v *Volume) need(n *inode, off int64, size int) (int64, syscall.Errno) {
	from, to := int(off/BlockSize), blocksFor(off+int64(size))
	need := int64(to-from) - n.real().seen.blocks.count(from, to)
	if need > 0 && (v.array.usedBlocks+need)*BlockSize > v.array.cfg.Capacity {
		return 0, syscall.ENOSPC
	}
	if need > 0 && v.limited != nil && (v.usedBlocks+need)*BlockSize > v.limit {
		v.limited.observe()
		return 0, syscall.ENOSPC
	}
	return need, 0
}

// space is what Statfs answers: the array's room, as the volume sees it.
func (v *Volume) space() vol.Space {
	d := v.array
	s := vol.Space{
		Bytes: d.cfg.Capacity, FreeBytes: max(0, d.cfg.Capacity-d.usedBlocks*BlockSize),
		Inodes: d.cfg.Inodes, FreeInodes: max(0, d.cfg.Inodes-d.usedInodes),
	}
	if v.limited != nil {
		s.Bytes, s.FreeBytes = v.limit, max(0, min(s.FreeBytes, v.limit-v.usedBlocks*BlockSize))
	}
	return s
}

// reported is what a volume says about its room, which may be false: there is
// room all the same.
func (v *Volume) reported(s vol.Space) vol.Space {
	for _, g := range v.asked(bug.Space, spot{}) {
		if s.FreeBytes == 0 {
			g.masked()
			continue
		}
		g.rule.mark(v.name + " " + string(bug.Space))
		g.rule.observe()
		s.FreeBytes, s.FreeInodes = 0, 0
	}
	return s
}

// shrink makes the volume say that it has only so many bytes. What is beyond,
// counted in the order in which files were made, is out of reach.
func (v *Volume) shrink(size int64, r *rule) bool {
	if v.space().Bytes == size {
		return false
	}
	v.limit, v.limited = size, r
	left := size / BlockSize
	for _, n := range v.inodes {
		n.beyond = bitmap{}
		for idx := range n.real().seen.blocks.all() {
			if left--; left < 0 {
				n.beyond.add(idx, idx+1)
			}
		}
	}
	return true
}

// beyondReach reports whether a part of a file lies where the volume has ended.
func (v *Volume) beyondReach(n *inode, off int64, size int) bool {
	if n.beyond.empty() {
		return false
	}
	hit := false
	span(off, size, func(idx, _, _, _ int) { hit = hit || n.beyond.has(idx) })
	if hit {
		v.limited.observe()
	}
	return hit
}

// cannotFlush reports whether the node has written where the volume has ended
// since.
func (v *Volume) cannotFlush(n *inode) bool {
	hit := false
	if !n.beyond.empty() {
		n.dirty.each(func(idx int) { hit = hit || n.beyond.has(idx) })
	}
	if hit {
		v.limited.observe()
	}
	return hit
}
