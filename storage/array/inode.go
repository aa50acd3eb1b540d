package array

import (
	"io/fs"
	"slices"
	"time"

	"fourdays/storage/vol"
)

// image is what a node sees of an inode and what of it was promised.
type image struct{ seen, acked state }

// inode is one file or directory. actual is nil while no fault has made it
// differ from the truth.
type inode struct {
	ino    uint64
	mode   fs.FileMode
	mtime  time.Duration
	uid    uint32
	gid    uint32
	to     string // of a symbolic link
	truth  image
	actual *image
	dirty  bitmap
	opens  int
	linked bool
	listed bool  // in the volume's list of dirty inodes
	hurt   *rule // the last rule that damaged what is stored here
	old    map[int][]*block
	beyond bitmap // blocks that a volume which shrank no longer reaches
	aged   bool   // not written since the first bug was armed, if that ended the preparation
	owed   bitmap // blocks that count as clean because a flush failed
	writes track  // of the last write
	wounds []wound
}

func (n *inode) isDir() bool { return n.mode.IsDir() }

func (n *inode) isLink() bool { return n.mode&fs.ModeSymlink != 0 }

// real is what the array holds, as against what it should hold.
func (n *inode) real() *image {
	if n.actual != nil {
		return n.actual
	}
	return &n.truth
}

// room is how many blocks the array holds of n.
func (n *inode) room() int64 {
	s := &n.real().seen
	return s.allocated()
}

// both calls f with the truth and, if it differs, with what the array holds.
func (n *inode) both(f func(*image)) {
	f(&n.truth)
	if n.actual != nil {
		f(n.actual)
	}
}

func (n *inode) info(name string) vol.Info {
	size := n.real().seen.size
	if n.isDir() {
		size = BlockSize
	} else if n.isLink() {
		size = int64(len(n.to))
	}
	return vol.Info{Name: name, Ino: n.ino, Size: size, Mode: n.mode, MTime: n.mtime, UID: n.uid, GID: n.gid, To: n.to}
}

// fork makes the array's image of n its own, so that a fault can change it.
func (v *Volume) fork(n *inode, r *rule) *image {
	if r != nil {
		n.hurt = r
	}
	if n.actual == nil {
		n.actual = &image{seen: n.truth.seen.clone(), acked: n.truth.acked.clone()}
		v.forked = append(v.forked, n)
		v.epoch++
	}
	return n.actual
}

func (v *Volume) newInode(mode fs.FileMode) *inode {
	v.lastIno++
	n := &inode{ino: v.lastIno, mode: mode, mtime: v.fleet.clock.Now(), linked: true}
	n.truth.seen.blocks.pool, n.truth.acked.blocks.pool = v.fleet.pool, v.fleet.pool
	if mode.IsDir() {
		n.truth.seen.names = map[string]*inode{}
		n.truth.acked.names = map[string]*inode{}
	}
	v.inodes = append(v.inodes, n)
	v.usedInodes++
	v.array.usedInodes++
	return n
}

// release gives back the room of an inode that has neither name nor opener.
func (v *Volume) release(n *inode) {
	if n.linked || n.opens != 0 {
		return
	}
	v.discarded = v.discarded || n.room() > 0
	v.charge(-n.room())
	v.goneBlocks += n.room()
	v.usedInodes--
	v.array.usedInodes--
	v.gone++
	v.clean(n)
	n.owed, n.beyond, n.wounds = bitmap{}, bitmap{}, nil
	if n.actual != nil {
		n.actual.seen.blocks.resize(0)
		n.actual.seen = state{}
	}
	if len(v.forked) == 0 { // otherwise a correct array may have it still, under some name
		n.truth.seen.blocks.resize(0)
		n.truth.seen = state{}
	}
	n.opens = -1 // never again
	if v.gone > 64 && v.gone > len(v.inodes)/2 || v.goneBlocks > forgetAfter {
		v.compact()
	}
}

// clean notes that nothing of n waits to be flushed.
func (v *Volume) clean(n *inode) {
	v.dirtyBlocks -= n.dirty.count()
	n.dirty.reset()
}

func (v *Volume) charge(blocks int64) {
	v.usedBlocks += blocks
	v.array.usedBlocks += blocks
}

// forgetAfter is how many blocks of released inodes are kept in memory for nothing,
// at most: 64 MiB (picked).
const forgetAfter = 16384

// compact forgets released inodes; the rest stay in the order of their making.
func (v *Volume) compact() {
	kept := v.inodes[:0]
	for _, n := range v.inodes {
		if n.opens >= 0 {
			kept = append(kept, n)
		} else {
			delete(v.strays, n)
		}
	}
	clear(v.inodes[len(kept):])
	v.inodes, v.gone, v.goneBlocks = kept, 0, 0
	v.dirty = slices.DeleteFunc(v.dirty, func(n *inode) bool {
		n.listed = n.opens >= 0
		return !n.listed
	})
}
