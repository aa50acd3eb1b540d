package wire

import (
	"io"
	"sync"
)

// keep is how large a buffer is kept for later. Picked.
const keep = 4 << 20

// out collects frames and writes them in order. Whoever flushes writes also what
// others add meanwhile, so many frames share a write.
type out struct {
	to io.Writer

	mu      sync.Mutex
	full    []byte // to be written
	spare   []byte
	writing bool
	muted   bool
	err     error
}

// add puts frames at the end; make appends them to what it is given.
func (o *out) add(make func(buf []byte) []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err == nil && !o.muted {
		o.full = make(o.full)
	}
}

// mute lets nothing more be added.
func (o *out) mute() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.muted = true
}

// flush writes what is there, unless somebody is at it already.
func (o *out) flush() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	for !o.writing && len(o.full) > 0 && o.err == nil {
		o.write()
	}
	return o.err
}

func (o *out) write() {
	now := o.full
	o.full, o.writing = o.spare[:0], true
	o.mu.Unlock()
	_, err := o.to.Write(now)
	o.mu.Lock()
	if o.spare = now[:0]; cap(now) > keep {
		o.spare = nil
	}
	o.writing, o.err = false, err
}
