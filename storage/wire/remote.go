package wire

import (
	"bufio"
	"net"
	"sync"
	"syscall"

	"fourdays/storage/vol"
)

// readBuffer is how much is read from a connection at one time. Picked.
const readBuffer = 128 << 10

// Remote is a volume at the other end of a connection. It implements vol.Volume,
// and Do may be called concurrently. An operation that cannot travel is refused:
// ENAMETOOLONG, or EINVAL for more than MaxData.
type Remote struct {
	conn net.Conn
	out  out
	gone chan struct{}

	mu         sync.Mutex
	last       uint64
	flying     map[uint64]flight // nil once the connection is gone
	landed     sync.Cond         // an answer has come in
	invalidate func()
	why        error
}

// flight is an operation that was sent and is not answered.
type flight struct {
	op       *vol.Op
	done     func(vol.Result)
	reading  bool // its answer is coming in
	canceled bool // op is a stand-in for it
}

// Dial makes a volume of a connection to a Server, and reads from it until it
// ends.
func Dial(conn net.Conn) *Remote {
	r := &Remote{conn: conn, out: out{to: conn}, gone: make(chan struct{}), flying: map[uint64]flight{}}
	r.landed.L = &r.mu
	go r.read()
	return r
}

// OnInvalidate sets what is called, on a goroutine of its own, when the serving
// side wants caches to be dropped. It is told when the call returns.
func (r *Remote) OnInvalidate(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.invalidate = f
}

// Gone is closed when the connection is gone and everything in flight is
// answered.
func (r *Remote) Gone() <-chan struct{} { return r.gone }

// Err says what was wrong with the other side when the connection is gone, nil if
// it just ended.
func (r *Remote) Err() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.why
}

// Close ends the connection.
func (r *Remote) Close() error { return r.conn.Close() }

// Do implements vol.Volume.
func (r *Remote) Do(op *vol.Op, done func(vol.Result)) {
	if errno := sendable(op); errno != 0 {
		done(vol.Result{Errno: errno})
		return
	}
	id, ok := r.takeOff(op, done)
	if !ok {
		done(vol.Result{Errno: syscall.EIO})
		return
	}
	r.out.add(func(buf []byte) []byte {
		buf = appendRequest(buf, id, op)
		if carries(op.Kind) {
			buf = append(buf, op.Data...)
		}
		return buf
	})
	r.flush()
}

func (r *Remote) takeOff(op *vol.Op, done func(vol.Result)) (uint64, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.flying == nil {
		return 0, false
	}
	r.last++
	r.flying[r.last] = flight{op: op, done: done}
	return r.last, true
}

// flush sends what waits. When it cannot, the reader sees the end too.
func (r *Remote) flush() {
	if r.out.flush() != nil {
		_ = r.conn.Close()
	}
}

// read answers operations until the connection ends.
func (r *Remote) read() {
	in := bufio.NewReaderSize(r.conn, readBuffer)
	var err error
	for err == nil {
		err = r.frame(in)
	}
	_ = r.conn.Close()
	r.end(err)
}

func (r *Remote) frame(in *bufio.Reader) error {
	h, err := take(in, headSize)
	if err != nil {
		return err
	}
	switch id := le.Uint64(h[8:]); h[0] {
	case frameResult:
		return r.result(in, h, id)
	case frameInvalidate:
		go r.drop(id)
		return nil
	}
	return errFrame
}

func (r *Remote) result(in *bufio.Reader, h []byte, id uint64) error {
	f, ok := r.landing(id, true)
	if !ok {
		return errFrame
	}
	var into []byte
	if !carries(f.op.Kind) {
		into = f.op.Data
	}
	res, err := readResult(in, h, into)
	if err != nil {
		r.landing(id, false)
		return err
	}
	r.mu.Lock()
	delete(r.flying, id)
	r.landed.Broadcast()
	r.mu.Unlock()
	switch {
	case !f.canceled:
		f.done(res)
	case f.op.Kind == vol.Open && res.Errno == 0: // nobody will ever close it
		go r.Do(&vol.Op{Kind: vol.Close, File: res.File}, func(vol.Result) {})
	}
	return nil
}

// landing notes that the answer to an operation comes in, or that it came to
// nothing. Meanwhile nobody can let go of it.
func (r *Remote) landing(id uint64, reading bool) (flight, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f, ok := r.flying[id]
	if ok {
		f.reading = reading
		r.flying[id] = f
		r.landed.Broadcast()
	}
	return f, ok
}

// Cancel implements vol.Canceler. The volume at the other end lets go too, if it
// can; an operation that is on its way may yet be carried out.
func (r *Remote) Cancel(op *vol.Op) {
	id, ok := r.letGo(op)
	if !ok {
		return
	}
	r.out.add(func(buf []byte) []byte {
		buf, _ = head(buf, frameCancel, id)
		return buf
	})
	r.flush()
}

// letGo finds an operation that nothing has come for yet. One whose answer is
// coming in is waited for.
func (r *Remote) letGo(op *vol.Op) (id uint64, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for id, f := range r.flying {
		if f.op != op || f.canceled {
			continue
		}
		if f.reading { // it is answered, or the connection ends
			for r.flying[id].reading {
				r.landed.Wait()
			}
			return 0, false
		}
		f.canceled = true
		f.op = &vol.Op{Kind: op.Kind, Data: make([]byte, len(op.Data))}
		r.flying[id] = f
		return id, true
	}
	return 0, false
}

// drop has the caches dropped and says so.
func (r *Remote) drop(id uint64) {
	r.mu.Lock()
	f := r.invalidate
	r.mu.Unlock()
	if f != nil {
		f()
	}
	r.out.add(func(buf []byte) []byte {
		buf, _ = head(buf, frameInvalidated, id)
		return buf
	})
	r.flush()
}

// end answers everything that is in flight.
func (r *Remote) end(err error) {
	r.mu.Lock()
	flying := r.flying
	r.flying = nil
	r.why = fault(err)
	r.mu.Unlock()
	for _, f := range flying {
		if !f.canceled {
			f.done(vol.Result{Errno: syscall.EIO})
		}
	}
	close(r.gone)
}
