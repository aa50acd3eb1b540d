package array

// zero puts zeros where data was, past the array's own checksums: over so many
// bytes at a random address, over what fired, or over everything.
func (g *gate) zero(at spot) bool {
	v := g.v
	if g.rule.bug.Effect.Bytes.Max > 0 {
		n, off := v.address(g, v.at(at))
		return n != nil && v.zeroRange(n, g.rule, spot{off: off, n: g.length()})
	}
	if !at.whole() {
		n := v.at(at)
		return n != nil && !n.isDir() && v.zeroRange(n, g.rule, at)
	}
	done := false
	for _, n := range v.inodes {
		done = !n.isDir() && v.zeroRange(n, g.rule, at) || done
	}
	return done
}

// length is how many bytes an action takes: whole sectors, at least one.
func (g *gate) length() int64 {
	s := g.rule.bug.Effect.Bytes
	n := s.Min
	if s.Max > s.Min {
		n += g.rng.Int64N(s.Max - s.Min + 1)
	}
	return max(SectorSize, n/SectorSize*SectorSize)
}

// address is a random sector that holds data: of another file than n or, if
// there is none, of n itself. Each is as likely as any other; holes hold none.
func (v *Volume) address(g *gate, n *inode) (*inode, int64) {
	var total int64
	for _, o := range v.inodes {
		if o != n {
			total += o.stored()
		}
	}
	if total == 0 {
		if n == nil || n.stored() == 0 {
			return nil, 0
		}
		return n, g.sector(n, g.rng.Int64N(n.stored()))
	}
	at := g.rng.Int64N(total)
	for _, o := range v.inodes {
		if o == n {
			continue
		}
		if at < o.stored() {
			return o, g.sector(o, at)
		}
		at -= o.stored()
	}
	panic("array: more blocks than files have")
}

// stored is how many blocks of a file that has a name are on the media.
func (n *inode) stored() int64 {
	if n.isDir() || !n.linked {
		return 0
	}
	s := &n.real().acked
	return s.allocated()
}

// sector is the offset of a random sector of the nth stored block of a file.
func (g *gate) sector(n *inode, nth int64) int64 {
	s := &n.real().acked
	off := s.nth(nth) * BlockSize
	sectors := (min(BlockSize, s.size-off) + SectorSize - 1) / SectorSize
	return off + g.rng.Int64N(sectors)*SectorSize
}

// nth is the index of a block that is not a hole, counted among those.
func (s *state) nth(n int64) int64 {
	for i := range s.blocks.all() {
		if n == 0 {
			return int64(i)
		}
		n--
	}
	panic("array: fewer blocks than were counted")
}

// zeroRange zeroes a part of a file and reports whether it was not zero yet.
// Blocks zeroed whole are one block: there may be very many.
func (v *Volume) zeroRange(n *inode, r *rule, at spot) bool {
	done := false
	zeros := newBlock(0)
	zeros.scar = r
	v.fork(n, nil)
	v.epoch++
	for _, s := range []*state{&n.actual.acked, &n.actual.seen} {
		low, high := at.reach(s.size)
		span(low, int(high-low), func(idx, from, to, _ int) {
			b := s.block(idx)
			if b == nil || s == &n.actual.seen && n.dirty.has(idx) || isZero(b.data[from:to]) {
				return
			}
			done = true
			if from == 0 && to == BlockSize {
				s.put(idx, zeros)
				return
			}
			b = s.own(idx, v.epoch, false)
			clear(b.data[from:to])
			b.scar = r
		})
	}
	if done {
		n.hurt = r
	}
	return done
}

func isZero(p []byte) bool {
	for _, c := range p {
		if c != 0 {
			return false
		}
	}
	return true
}
