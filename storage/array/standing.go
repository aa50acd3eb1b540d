package array

import "fourdays/storage/bug"

// Standing is where an array stands: what hidden limits count, and how full it is.
type Standing struct {
	// Counters has every counter of the bug language as a bug on the whole array
	// reads it; names is that of the fullest directory.
	Counters map[bug.Counter]int64
	Used     int64 // bytes that its volumes hold
}

// Standing reads the counters of an array, with what they started from. Of a name
// that there is not it is empty.
func (f *Fleet) Standing(name string) Standing {
	f.mu.Lock()
	defer f.mu.Unlock()
	d := f.arrays[name]
	if d == nil {
		return Standing{}
	}
	now := f.clock.Now()
	s := Standing{Counters: map[bug.Counter]int64{}, Used: d.usedBlocks * BlockSize}
	for _, c := range bug.Counters() {
		s.Counters[c] = pick(c, d.counters(now), d.uptime(now))
	}
	s.Counters[bug.Names] = d.fullest()
	return s
}

// fullest is how many names the fullest directory has.
func (d *device) fullest() int64 {
	most := 0
	for _, v := range d.volumes {
		most = max(most, v.root.fullest())
	}
	return int64(most)
}

func (n *inode) fullest() int {
	names := n.real().seen.names
	most := len(names)
	for _, child := range names {
		if child.isDir() {
			most = max(most, child.fullest())
		}
	}
	return most
}
