package mail

import (
	"encoding/binary"
	"errors"
)

// ErrMalformed means that bytes are not what an encoder of this package wrote.
var ErrMalformed = errors.New("malformed record")

// writer appends fields to a buffer.
type writer struct{ b []byte }

func (w *writer) byte(v byte)        { w.b = append(w.b, v) }
func (w *writer) uint(v uint64)      { w.b = binary.AppendUvarint(w.b, v) }
func (w *writer) int(v int64)        { w.b = binary.AppendVarint(w.b, v) }
func (w *writer) fixed(v []byte)     { w.b = append(w.b, v...) }
func (w *writer) string(v string)    { w.uint(uint64(len(v))); w.b = append(w.b, v...) }
func (w *writer) bytes(v []byte)     { w.uint(uint64(len(v))); w.b = append(w.b, v...) }
func (w *writer) strings(v []string) { list(w, v, w.string) }

func (w *writer) bool(v bool) {
	if v {
		w.byte(1)
	} else {
		w.byte(0)
	}
}

func (w *writer) ranges(v []Range) {
	list(w, v, func(r Range) {
		w.uint(uint64(r.First))
		w.uint(uint64(r.Last))
	})
}

func (w *writer) uids(v []uint32) {
	list(w, v, func(u uint32) { w.uint(uint64(u)) })
}

func (w *writer) flags(f Flags) {
	w.byte(f.System)
	w.strings(f.Keywords)
}

func list[T any](w *writer, items []T, put func(T)) {
	w.uint(uint64(len(items)))
	for _, item := range items {
		put(item)
	}
}

// reader takes fields off a buffer. After the first failure every field reads
// as its zero value and err stays set.
type reader struct {
	b   []byte
	err error
}

func (r *reader) fail() {
	r.b, r.err = nil, ErrMalformed
}

func (r *reader) byte() byte {
	if len(r.b) == 0 {
		r.fail()
		return 0
	}
	v := r.b[0]
	r.b = r.b[1:]
	return v
}

func (r *reader) bool() bool {
	v := r.byte()
	if v > 1 {
		r.fail()
	}
	return v == 1
}

// uint refuses a number that is longer than it need be: one value, one form.
func (r *reader) uint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 || n > 1 && r.b[n-1] == 0 {
		r.fail()
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) int() int64 {
	v := r.uint()
	return int64(v>>1) ^ -int64(v&1)
}

func (r *reader) uint32() uint32 {
	v := r.uint()
	if v > 1<<32-1 {
		r.fail()
		return 0
	}
	return uint32(v)
}

// bytes returns a slice of the input, not a copy.
func (r *reader) bytes() []byte {
	n := r.uint()
	if n > uint64(len(r.b)) {
		r.fail()
		return nil
	}
	v := r.b[:n:n]
	r.b = r.b[n:]
	return v
}

func (r *reader) string() string { return string(r.bytes()) }

func (r *reader) fixed(into []byte) {
	if len(r.b) < len(into) {
		r.fail()
		return
	}
	r.b = r.b[copy(into, r.b):]
}

// ranges refuses those that are empty, overlap or are out of order.
func (r *reader) ranges() []Range {
	var after uint32
	return take(r, func() Range {
		v := Range{First: r.uint32(), Last: r.uint32()}
		if v.First <= after || v.First > v.Last {
			r.fail()
		}
		after = v.Last
		return v
	})
}

func (r *reader) strings() []string { return take(r, r.string) }
func (r *reader) uids() []uint32    { return take(r, r.uint32) }

func (r *reader) flags() Flags {
	f := Flags{System: r.byte(), Keywords: r.strings()}
	if f.System&^systemMask != 0 || len(f.Keywords) > MaxKeywords {
		r.fail()
	}
	for i, keyword := range f.Keywords {
		if !goodKeyword(keyword) || i > 0 && compareFold(f.Keywords[i-1], keyword) >= 0 {
			r.fail()
		}
	}
	return f
}

func (r *reader) end() error {
	if len(r.b) != 0 {
		r.fail()
	}
	return r.err
}

// take reads a list. Every item takes at least one byte, which bounds what a
// hostile count can make it allocate.
func take[T any](r *reader, get func() T) []T {
	n := r.uint()
	if n > uint64(len(r.b)) {
		r.fail()
	}
	if n == 0 || r.err != nil {
		return nil
	}
	items := make([]T, 0, min(n, 1024))
	for range n {
		items = append(items, get())
		if r.err != nil {
			return nil
		}
	}
	return items
}
