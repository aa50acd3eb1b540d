package wire_test

import (
	"bytes"
	"io"
	"net"
	"testing"
	"time"

	"fourdays/storage/array"
	"fourdays/storage/vol"
	"fourdays/storage/wire"
)

// stream is a connection on which the other side says what it likes and takes
// whatever it is told.
type stream struct{ in io.Reader }

func (s *stream) Read(p []byte) (int, error)     { return s.in.Read(p) }
func (*stream) Write(p []byte) (int, error)      { return len(p), nil }
func (*stream) Close() error                     { return nil }
func (*stream) LocalAddr() net.Addr              { return nil }
func (*stream) RemoteAddr() net.Addr             { return nil }
func (*stream) SetDeadline(time.Time) error      { return nil }
func (*stream) SetReadDeadline(time.Time) error  { return nil }
func (*stream) SetWriteDeadline(time.Time) error { return nil }

// FuzzServer lets the other side send anything: no panic, an end, and a volume
// that still answers.
func FuzzServer(f *testing.F) {
	f.Add(recorded(f))
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"))
	f.Add(append(recorded(f), append([]byte{5, 0, 0, 0, 0, 0, 0, 0, 1}, make([]byte, 47)...)...))
	f.Fuzz(func(t *testing.T, in []byte) {
		v := newVolume(t, array.ArrayConfig{}, array.Ordered)
		_ = wire.Serve(&stream{in: bytes.NewReader(in)}, v)
		if res := (door{v}).Do(vol.Op{Kind: vol.Stat, Path: "."}); res.Errno != 0 {
			t.Fatalf("the volume answers %v", res.Errno)
		}
	})
}

// recorded is what a remote sends for a few operations.
func recorded(f *testing.F) []byte {
	ours, theirs := net.Pipe()
	r := wire.Dial(theirs)
	for _, op := range []vol.Op{{Kind: vol.Open, Path: "a", Flag: 0o102}, {Kind: vol.Write, File: 1, Data: []byte("hello")},
		{Kind: vol.Read, File: 1, Data: make([]byte, 5)}, {Kind: vol.Rename, Path: "a", To: "b"}, {Kind: vol.ReadDir, Path: "."}} {
		go r.Do(&op, func(vol.Result) {})
	}
	all := make([]byte, 5*56+5+1+1+1+1)
	if _, err := io.ReadFull(ours, all); err != nil {
		f.Fatal(err)
	}
	_ = ours.Close()
	<-r.Gone()
	return all
}

// FuzzRemote answers two operations with anything: no panic, and each is told
// exactly once.
func FuzzRemote(f *testing.F) {
	result := make([]byte, 56)
	result[0], result[8] = 2, 1
	f.Add(result)
	f.Add(append(append([]byte{3}, make([]byte, 55)...), result...))
	f.Fuzz(func(t *testing.T, in []byte) {
		gate := make(chan struct{})
		s := &stream{in: io.MultiReader(waiting{gate}, bytes.NewReader(in))}
		r := wire.Dial(s)
		told := make(chan int, 100)
		for i := range 2 {
			r.Do(&vol.Op{Kind: vol.Read, Data: make([]byte, 100)}, func(vol.Result) { told <- i })
		}
		close(gate)
		<-r.Gone()
		if a, b := <-told, <-told; a == b || len(told) > 0 {
			t.Fatalf("told %d, %d and %d more", a, b, len(told))
		}
	})
}

// waiting is empty, once the gate is open.
type waiting struct{ gate chan struct{} }

func (w waiting) Read([]byte) (int, error) {
	<-w.gate
	return 0, io.EOF
}
