package wire_test

import (
	"math/rand/v2"
	"net"
	"os"
	"reflect"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fourdays/storage/array"
	"fourdays/storage/vol"
	"fourdays/storage/voltest"
	"fourdays/storage/wire"
)

// realTime is a clock for arrays in live worlds.
type realTime struct{ start time.Time }

func (c realTime) Now() time.Duration              { return time.Since(c.start) }
func (c realTime) After(d time.Duration, f func()) { time.AfterFunc(d, f) }
func newVolume(t testing.TB, cfg array.ArrayConfig, profile array.Profile) *array.Volume {
	f, err := array.New(realTime{time.Now()}, 7, array.Config{Arrays: map[string]array.ArrayConfig{"a": cfg},
		Volumes: map[string]array.VolumeConfig{"v": {Array: "a", Profile: profile}}})
	require.NoError(t, err)
	return f.Volume("v")
}

// dial serves a volume on a socket pair and returns both ends of the wire.
func dial(t testing.TB, v vol.Volume) (*wire.Server, *wire.Remote) {
	ours, theirs, err := wire.Pair()
	require.NoError(t, err)
	defer theirs.Close()
	fd, err := syscall.Dup(int(theirs.Fd())) // as another process would have it
	require.NoError(t, err)
	conn, err := wire.Inherited(fd)
	require.NoError(t, err)
	return connect(t, v, ours, conn)
}

func connect(t testing.TB, v vol.Volume, ours, theirs net.Conn) (*wire.Server, *wire.Remote) {
	s, r := wire.NewServer(ours, v), wire.Dial(theirs)
	ended := make(chan error, 1)
	go func() { ended <- s.Serve() }()
	t.Cleanup(func() {
		_ = r.Close() // the test may have closed it
		require.NoError(t, <-ended)
		<-r.Gone()
		require.NoError(t, r.Err())
	})
	return s, r
}

// door waits for each answer.
type door struct{ v vol.Volume }

func (d door) Do(op vol.Op) vol.Result { return <-start(d.v, op) }

func start(v vol.Volume, op vol.Op) chan vol.Result {
	answer := make(chan vol.Result, 1)
	v.Do(&op, func(res vol.Result) { answer <- res })
	return answer
}

// TestArrayBehindTheWire holds an array to the suite through a connection, a
// real one and one that hands over every byte.
func TestArrayBehindTheWire(t *testing.T) {
	for name, behind := range map[string]func(*testing.T, vol.Volume) *wire.Remote{
		"socket": func(t *testing.T, v vol.Volume) *wire.Remote { _, r := dial(t, v); return r },
		"pipe": func(t *testing.T, v vol.Volume) *wire.Remote {
			ours, theirs := net.Pipe()
			_, r := connect(t, v, ours, theirs)
			return r
		},
	} {
		for kind, cfg := range map[string]array.ArrayConfig{"instant": {}, "slow": {Service: 20 * time.Microsecond}} {
			if kind == "slow" && (name == "pipe" || testing.Short()) {
				continue // each wait takes a real timer
			}
			t.Run(name+"/"+kind, func(t *testing.T) {
				voltest.Run(t, func(t *testing.T) voltest.Harness {
					v := newVolume(t, cfg, array.Ordered)
					return voltest.Harness{Door: door{behind(t, v)}, Machine: v, Small: func() voltest.Door {
						small := cfg
						small.Capacity = 1 << 20
						return door{behind(t, newVolume(t, small, array.Ordered))}
					}}
				})
			})
		}
	}
}

// scripted is a volume whose answers a test gives.
type scripted struct {
	got chan *pending
}

type pending struct {
	op   vol.Op
	data string // as it came
	done func(vol.Result)
}

func newScripted() *scripted { return &scripted{got: make(chan *pending, 1000)} }

func (s *scripted) Do(op *vol.Op, done func(vol.Result)) {
	s.got <- &pending{*op, string(op.Data), done}
}

// fill sets every field of a struct to something that is not zero, so that a
// field nobody carries over is seen when it is added.
func fill(rng *rand.Rand, v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(rng, v.Field(i))
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(rng, v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 3, 3))
		for i := range 3 {
			fill(rng, v.Index(i))
		}
	case reflect.String:
		v.SetString("some/path" + string(rune('a'+rng.IntN(26))))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(1 + rng.Int64N(1<<40))
	default: // unsigned
		v.SetUint(1 + uint64(rng.IntN(100)))
	}
}

// TestEveryFieldTravels fills operations and results with values at random.
func TestEveryFieldTravels(t *testing.T) {
	v := newScripted()
	_, r := dial(t, v)
	rng := rand.New(rand.NewPCG(1, 1))
	for range 100 {
		var op vol.Op
		fill(rng, reflect.ValueOf(&op).Elem())
		if op.Kind == vol.Read {
			continue
		}
		var want vol.Result
		fill(rng, reflect.ValueOf(&want).Elem())
		answer := start(r, op)
		p := <-v.got
		require.Equal(t, string(op.Data), p.data)
		p.op.Data = op.Data
		require.Equal(t, op, p.op)
		p.done(want)
		require.Equal(t, want, <-answer)
	}
}

// TestAReadBringsItsBytes and no more than were read, in place.
func TestAReadBringsItsBytes(t *testing.T) {
	v := newScripted()
	_, r := dial(t, v)
	into := []byte("..........")
	answer := start(r, vol.Op{Kind: vol.Read, File: 1, Data: into})
	p := <-v.got
	require.Len(t, p.op.Data, 10)
	copy(p.op.Data, "abcdefghij")
	p.done(vol.Result{N: 4})
	require.Equal(t, vol.Result{N: 4}, <-answer)
	require.Equal(t, "abcd......", string(into))
}

// TestACanceledReadTouchesNothing lets go of a read that hangs: its answer, when
// it comes, goes nowhere, and a file that was opened for nobody is closed.
func TestACanceledReadTouchesNothing(t *testing.T) {
	v := newScripted()
	_, r := dial(t, v)
	into := []byte("mine")
	read := &vol.Op{Kind: vol.Read, File: 1, Data: into}
	open := &vol.Op{Kind: vol.Open, Path: "a"}
	for _, op := range []*vol.Op{read, open} {
		r.Do(op, func(vol.Result) { t.Error("answered") })
		p := <-v.got
		r.Cancel(op)
		copy(p.op.Data, "hers")
		p.done(vol.Result{N: len(p.op.Data), File: 7})
	}
	closed := <-v.got
	require.Equal(t, []any{vol.Close, vol.FileID(7)}, []any{closed.op.Kind, closed.op.File})
	require.Equal(t, "mine", string(into))
	r.Cancel(read)
}

// letting is a volume that lets go of operations.
type letting struct {
	*scripted
	canceled chan vol.Op
}

func (l letting) Cancel(op *vol.Op) { l.canceled <- *op }

// TestTheVolumeLetsGoToo of an operation that hangs; one that it answers all the
// same, as it was about to, has no effect but for a file to close.
func TestTheVolumeLetsGoToo(t *testing.T) {
	v := letting{newScripted(), make(chan vol.Op, 10)}
	_, r := dial(t, v)
	for _, op := range []*vol.Op{{Kind: vol.Write, File: 3, Data: []byte("x")}, {Kind: vol.Open, Path: "a"}} {
		r.Do(op, func(vol.Result) { t.Error("answered") })
		p := <-v.got
		r.Cancel(op)
		require.Equal(t, op.Kind, (<-v.canceled).Kind)
		p.done(vol.Result{File: 7})
	}
	require.Equal(t, vol.Close, (<-v.got).op.Kind)
	answer := start(r, vol.Op{Kind: vol.Stat, Path: "a"})
	(<-v.got).done(vol.Result{})
	<-answer
}

// TestOneThatHangsKeepsNobodyWaiting answers in reverse, and one never.
func TestOneThatHangsKeepsNobodyWaiting(t *testing.T) {
	v := newScripted()
	_, r := dial(t, v)
	hung := start(r, vol.Op{Kind: vol.Sync, File: 1})
	<-v.got
	var answers []chan vol.Result
	var there []*pending
	for i := range 100 {
		answers = append(answers, start(r, vol.Op{Kind: vol.Write, Off: int64(i), Data: make([]byte, 100)}))
		there = append(there, <-v.got)
	}
	for i := len(there) - 1; i >= 0; i-- {
		there[i].done(vol.Result{N: i})
	}
	for i, answer := range answers {
		require.Equal(t, i, (<-answer).N)
	}
	require.Empty(t, hung)
}

// TestACutConnectionIsEIO for what is in flight and for what comes later.
func TestACutConnectionIsEIO(t *testing.T) {
	for name, cut := range map[string]func(*wire.Server, *wire.Remote) error{
		"by the server": func(s *wire.Server, _ *wire.Remote) error { return s.Close() },
		"by the remote": func(_ *wire.Server, r *wire.Remote) error { return r.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			v := newScripted()
			s, r := dial(t, v)
			var flying []chan vol.Result
			for range 10 {
				flying = append(flying, start(r, vol.Op{Kind: vol.Sync, File: 1}))
			}
			p := <-v.got
			require.NoError(t, cut(s, r))
			for _, answer := range flying {
				require.Equal(t, vol.Result{Errno: syscall.EIO}, <-answer)
			}
			<-r.Gone()
			require.Equal(t, syscall.EIO, door{r}.Do(vol.Op{Kind: vol.Stat, Path: "."}).Errno)
			p.done(vol.Result{}) // too late, and no harm
			<-s.Invalidate()
		})
	}
}

// TestWhatIsTooLargeIsRefusedHere and the connection goes on.
func TestWhatIsTooLargeIsRefusedHere(t *testing.T) {
	_, r := dial(t, newVolume(t, array.ArrayConfig{}, array.Ordered))
	d := door{r}
	require.Equal(t, syscall.EINVAL, d.Do(vol.Op{Kind: vol.Write, File: 1, Data: make([]byte, wire.MaxData+1)}).Errno)
	require.Equal(t, syscall.ENAMETOOLONG, d.Do(vol.Op{Kind: vol.Stat, Path: string(make([]byte, 1<<17))}).Errno)
	require.Zero(t, d.Do(vol.Op{Kind: vol.Stat, Path: "."}).Errno)
}

// TestInvalidateIsAwaited also while operations hang, and when nobody listens.
func TestInvalidateIsAwaited(t *testing.T) {
	v := newScripted()
	s, r := dial(t, v)
	<-s.Invalidate()
	start(r, vol.Op{Kind: vol.Sync, File: 1})
	asked, let := make(chan struct{}), make(chan struct{})
	r.OnInvalidate(func() {
		close(asked)
		answer := start(r, vol.Op{Kind: vol.Stat, Path: "a"}) // as a kernel may do meanwhile
		<-let
		<-answer
	})
	<-v.got
	done := s.Invalidate()
	<-asked
	(<-v.got).done(vol.Result{})
	select {
	case <-done:
		t.Fatal("told before it was done")
	default:
	}
	close(let)
	<-done
}

// TestAShutDoor lets no operation through and gives no answer, also not to one
// that came before.
func TestAShutDoor(t *testing.T) {
	v := newScripted()
	s, r := dial(t, v)
	before := start(r, vol.Op{Kind: vol.Write, File: 1, Data: []byte("x")})
	p := <-v.got
	s.Shut()
	p.done(vol.Result{N: 1})
	after := start(r, vol.Op{Kind: vol.Sync, File: 1})
	require.NoError(t, s.Close())
	require.Equal(t, syscall.EIO, (<-before).Errno)
	require.Equal(t, syscall.EIO, (<-after).Errno)
	require.Empty(t, v.got)
}

// TestManyAtOnce lets goroutines write and read back through one connection.
func TestManyAtOnce(t *testing.T) {
	_, r := dial(t, newVolume(t, array.ArrayConfig{Service: time.Microsecond}, array.Ordered))
	var all sync.WaitGroup
	for g := range 8 {
		all.Go(func() {
			d := door{r}
			file := d.Do(vol.Op{Kind: vol.Open, Path: string(rune('a' + g)), Flag: os.O_CREATE | os.O_RDWR}).File
			for i := range 200 {
				p := make([]byte, 5000)
				p[0], p[4999] = byte(i), byte(g)
				if n := d.Do(vol.Op{Kind: vol.Write, File: file, Off: int64(i) * 5000, Data: p}).N; n != 5000 {
					t.Errorf("wrote %d bytes", n)
				}
				got := make([]byte, 5000)
				if d.Do(vol.Op{Kind: vol.Read, File: file, Off: int64(i) * 5000, Data: got}); string(got) != string(p) {
					t.Errorf("read back something else")
				}
			}
		})
	}
	all.Wait()
}

func TestInheritedWantsASocket(t *testing.T) {
	f, err := os.Open(os.DevNull)
	require.NoError(t, err)
	defer f.Close()
	_, err = wire.Inherited(int(f.Fd()))
	require.ErrorContains(t, err, "is not the socket of a volume")
	_, err = wire.Inherited(999)
	require.Error(t, err)
}
