package array

import (
	"maps"
	"math/bits"
)

// BlockSize is the unit in which images share bytes and crashes lose them, and
// SectorSize the unit in which a block can tear.
const (
	BlockSize  = 4096
	SectorSize = 512
)

// state is one image of one inode: the blocks of a file, nil where there is a
// hole, or the names of a directory. Bytes past size are zero.
type state struct {
	blocks table
	size   int64
	names  map[string]*inode
}

func (s *state) clone() state {
	return state{blocks: s.blocks.clone(), size: s.size, names: maps.Clone(s.names)}
}

func blocksFor(size int64) int { return int((size + BlockSize - 1) / BlockSize) }

// span calls f for each block that [off, off+n) touches, with the part of the
// block and the position in the caller's buffer.
func span(off int64, n int, f func(idx, from, to, pos int)) {
	for pos := 0; pos < n; {
		idx := int(off / BlockSize)
		from := int(off % BlockSize)
		to := min(BlockSize, from+n-pos)
		f(idx, from, to, pos)
		pos += to - from
		off += int64(to - from)
	}
}

func (s *state) readAt(p []byte, off int64) int {
	if off >= s.size {
		return 0
	}
	n := int(min(int64(len(p)), s.size-off))
	for pos := 0; pos < n; {
		idx, from := int((off+int64(pos))/BlockSize), int((off+int64(pos))%BlockSize)
		to := min(BlockSize, from+n-pos)
		if b := s.blocks.at(idx); b != nil {
			copy(p[pos:], b.data[from:to])
		} else {
			clear(p[pos : pos+to-from])
		}
		pos += to - from
	}
	return n
}

// writeAt stores p at off and extends the file if need be.
func (s *state) writeAt(p []byte, off int64, epoch uint64) {
	s.grow(max(s.size, off+int64(len(p))))
	for pos := 0; pos < len(p); {
		idx, from := int((off+int64(pos))/BlockSize), int((off+int64(pos))%BlockSize)
		n := min(BlockSize-from, len(p)-pos)
		copy(s.own(idx, epoch, n == BlockSize).data[from:], p[pos:pos+n])
		pos += n
	}
}

// own returns block idx for writing; whole says that all of it will be written.
// Nodes write whole blocks, so its checksum is that of what is in it now.
func (s *state) own(idx int, epoch uint64, whole bool) *block {
	b := s.blocks.at(idx)
	if b != nil && b.epoch == epoch {
		b.scar = nil
		return b
	}
	fresh := s.blocks.pool.block(epoch, whole || b != nil)
	if b != nil && !whole {
		*fresh.data = *b.data
	}
	s.blocks.set(idx, fresh)
	return fresh
}

func (s *state) grow(size int64) {
	s.size = size
	s.blocks.resize(max(s.blocks.n, blocksFor(size)))
}

// truncate sets the size; what is cut off is forgotten, what is added is zero.
func (s *state) truncate(size int64, epoch uint64) {
	if size >= s.size {
		s.grow(size)
		return
	}
	keep := blocksFor(size)
	s.blocks.resize(keep)
	s.size = size
	if from := int(size % BlockSize); from != 0 && s.block(keep-1) != nil {
		clear(s.own(keep-1, epoch, false).data[from:])
	}
}

// allocated counts the blocks that are not holes.
func (s *state) allocated() int64 { return s.blocks.count(0, s.blocks.n) }

func (s *state) block(idx int) *block { return s.blocks.at(idx) }

// put makes b the content of block idx, if that lies within the size.
func (s *state) put(idx int, b *block) {
	if idx < s.blocks.n {
		s.blocks.set(idx, b)
	}
}

// bitmap is the set of blocks of a file that were written since its last sync.
type bitmap struct {
	words    []uint64
	low, end int // words in use: [low, end)
}

// add puts members in and says how many of them are new.
func (m *bitmap) add(from, to int) int64 {
	var fresh int64
	for i := from; i < to; i++ {
		w := i / 64
		if w >= len(m.words) {
			m.words = append(m.words, make([]uint64, w+1-len(m.words))...)
		}
		if m.words[w]&(1<<(i%64)) == 0 {
			fresh++
		}
		m.words[w] |= 1 << (i % 64)
		if m.end == 0 {
			m.low, m.end = w, w+1
		}
		m.low, m.end = min(m.low, w), max(m.end, w+1)
	}
	return fresh
}

func (m *bitmap) count() (n int64) {
	for _, word := range m.words[m.low:m.end] {
		n += int64(bits.OnesCount64(word))
	}
	return n
}

func (m *bitmap) empty() bool { return m.end == 0 }

func (m *bitmap) has(i int) bool {
	w := i / 64
	return w < len(m.words) && m.words[w]&(1<<(i%64)) != 0
}

// drop takes out every member from i on.
func (m *bitmap) drop(i int) {
	for w := i / 64; w < len(m.words); w++ {
		if w == i/64 {
			m.words[w] &= 1<<(i%64) - 1
		} else {
			m.words[w] = 0
		}
	}
}

// each calls f with every member in rising order.
func (m *bitmap) each(f func(idx int)) {
	for w := m.low; w < m.end; w++ {
		for word := m.words[w]; word != 0; word &= word - 1 {
			f(w*64 + bits.TrailingZeros64(word))
		}
	}
}

func (m *bitmap) reset() {
	clear(m.words[m.low:m.end])
	m.low, m.end = 0, 0
}
