package array

// track is where an open file was last read or written, or where anybody last
// wrote a file.
type track struct {
	at, next int64
	is       bool
}

// moved notes that n bytes at an offset were read through a handle.
func (h *handle) moved(off int64, n int) { h.track.next, h.track.is = off+int64(n), true }

// wrote notes that n bytes were written there.
func (h *handle) wrote(off int64, n int) {
	h.moved(off, n)
	h.writes = track{off, off + int64(n), true}
	h.node.writes = h.writes
}

// last is where the last write began: through this handle, or else through any.
func (h *handle) last() (int64, bool) {
	if h.writes.is {
		return h.writes.at, true
	}
	return h.node.writes.at, h.node.writes.is
}
