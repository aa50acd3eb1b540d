package array

import "runtime"

// Media is where the bytes of blocks can lie, instead of in the memory of this
// process. Block gives out 4 KiB, all zero, or nil if there is no room: then they
// lie in memory after all. Free takes them back. Both are called concurrently.
type Media interface {
	Block() *[BlockSize]byte
	Free(*[BlockSize]byte)
}

// pool makes the blocks of a fleet, on media or in memory, and takes their bytes
// back when the last place in a table that held them is given to another block. So
// what is written over and over takes no more memory than it holds, without waiting
// for the collector, which would let as much garbage stand about as there is in use.
//
// A block that somebody else holds as well (a clone of a table, a lie, a copy) is
// shared, is so for good, and is the collector's. A block that has given its bytes
// back has none: who forgot to share it ends the program and never sees the bytes of
// another. A nil pool makes blocks in memory and takes none back.
type pool struct {
	media Media
	free  []*[BlockSize]byte // in memory, in no state
}

// A block belongs to whoever writes in the epoch it was made in. Any sharing
// between images starts a new epoch, after which a write copies first.
type block struct {
	epoch  uint64
	scar   *rule // what made it differ from the checksum that the array stored with it
	data   *[BlockSize]byte
	places int32 // in tables, unless it is shared
	shared bool
	onDisk bool // the bytes are the media's
	late   runtime.Cleanup
}

// newBlock makes a block of zeros in memory. Its bytes are a piece of their own:
// together with the rest they would take the next larger size that the heap has, 4864.
func newBlock(epoch uint64) *block { return &block{epoch: epoch, data: new([BlockSize]byte)} }

// block makes one; whole says that all of it will be written, and may be anything now.
func (p *pool) block(epoch uint64, whole bool) *block {
	if p == nil {
		return newBlock(epoch)
	}
	if p.media != nil {
		if data := p.media.Block(); data != nil {
			b := &block{epoch: epoch, data: data, onDisk: true}
			b.late = runtime.AddCleanup(b, p.media.Free, data)
			return b
		}
	}
	last := len(p.free) - 1
	if last < 0 {
		return newBlock(epoch)
	}
	b := &block{epoch: epoch, data: p.free[last]}
	p.free = p.free[:last]
	if !whole {
		clear(b.data[:])
	}
	return b
}

// share says that somebody holds b who is not a table, or is one of several.
func (b *block) share() {
	if b != nil && !b.shared {
		b.shared = true
	}
}

// hold says that b has got a place in a table.
func (b *block) hold() {
	if b != nil && !b.shared {
		b.places++
	}
}

// drop says that b has lost a place. With the last one it gives its bytes back.
func (p *pool) drop(b *block) {
	if b == nil || b.shared {
		return
	}
	if b.places--; b.places > 0 || p == nil {
		return
	}
	if b.onDisk {
		b.late.Stop()
		p.media.Free(b.data)
	} else {
		p.free = append(p.free, b.data)
	}
	b.data = nil
}
