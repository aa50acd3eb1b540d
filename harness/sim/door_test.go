package sim

import (
	"bytes"
	"encoding/gob"
	"fmt"
	"io"
	"os"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fourdays/storage/array"
	"fourdays/storage/vol"
	"fourdays/storage/voltest"
)

const doorAddress = "10.0.0.1:9"

// guestDoor is a voltest.Door to a volume that a guest has mounted: every
// operation goes to the guest, becomes a system call there and comes back to
// the simulator's kernel.
type guestDoor struct {
	t     testing.TB
	s     *Sim
	prog  *Program
	v     *array.Volume
	m     *Machine
	lives int
	conn  *Conn
	in    bytes.Buffer
	enc   *gob.Encoder
	dec   *gob.Decoder
}

// fsAnswer is what testdata/toyfs answers.
type fsAnswer struct {
	Result vol.Result
	Data   []byte
}

// directoryBit is what O_DIRECTORY is called on the way to the guest, where it
// is another number.
const directoryBit = 1 << 30

// errnos are the system's error numbers by those of WASI.
var errnos = func() map[uint32]syscall.Errno {
	m := map[uint32]syscall.Errno{}
	for e, n := range wasiErrnos {
		m[n] = e
	}
	return m
}()

func openDoor(t testing.TB, cfg array.ArrayConfig, profile array.Profile) *guestDoor {
	t.Helper()
	eng, prog := guestProgram(t, "toyfs")
	d := &guestDoor{t: t, prog: prog}
	var err error
	d.s, err = New(t.Context(), Config{Seed: 7, Epoch: epoch, Log: t.Output()}, eng)
	require.NoError(t, err)
	t.Cleanup(func() { d.s.Close(t.Context()) })
	fleet, err := array.New(d.s, 7, array.Config{
		Arrays:  map[string]array.ArrayConfig{"a": cfg},
		Volumes: map[string]array.VolumeConfig{"v": {Array: "a", Profile: profile}},
	})
	require.NoError(t, err)
	d.v = fleet.Volume("v")
	d.boot()
	return d
}

// boot starts the guest and connects to it.
func (d *guestDoor) boot() {
	d.lives++
	var err error
	d.m, err = d.s.Start(d.t.Context(), Spec{
		Name: "fs", IP: "10.0.0.1", Program: d.prog, Mounts: []Mount{{Path: "/data", Volume: d.v}},
		Args:   []string{doorAddress, "/data", strconv.Itoa(d.lives << 20)},
		OnExit: func(code uint32) { d.s.Fail(fmt.Errorf("the guest ended with code %d", code)) },
	})
	require.NoError(d.t, err)
	d.in.Reset()
	connected := false
	d.wait(func() bool {
		d.conn, err = d.s.Dial(doorAddress,
			func(err error) { connected = err == nil; d.s.Stop() },
			func(p []byte) { d.in.Write(p); d.s.Stop() }, func() {})
		require.NoError(d.t, err)
		require.NoError(d.t, d.s.Run(d.t.Context(), d.s.Now()+time.Second))
		return connected
	})
	d.enc, d.dec = gob.NewEncoder(sender{d.conn}), gob.NewDecoder(whole{d})
}

// wait lets the world live until something holds.
func (d *guestDoor) wait(holds func() bool) {
	for end := d.s.Now() + time.Minute; !holds(); {
		require.Less(d.t, d.s.Now(), end, "the guest does not answer")
		require.NoError(d.t, d.s.Run(d.t.Context(), d.s.Now()+time.Second))
	}
}

type sender struct{ c *Conn }

func (s sender) Write(p []byte) (int, error) { return len(p), s.c.Send(p) }

// whole reads what the guest has sent, waiting for it.
type whole struct{ d *guestDoor }

func (w whole) Read(p []byte) (int, error) {
	w.d.wait(func() bool { return w.d.in.Len() > 0 })
	return w.d.in.Read(p)
}

var _ io.Reader = whole{}

// Do implements voltest.Door. WASI has no call for how much room there is.
func (d *guestDoor) Do(op vol.Op) vol.Result {
	if op.Kind == vol.Statfs {
		var res vol.Result
		done := false
		d.v.Do(&op, func(r vol.Result) { res, done = r, true })
		d.wait(func() bool { return done })
		return res
	}
	buf := op.Data
	if op.Kind == vol.Read {
		op.Size, op.Data = int64(len(buf)), nil
	}
	if op.Flag&syscall.O_DIRECTORY != 0 {
		op.Flag = op.Flag&^syscall.O_DIRECTORY | directoryBit
	}
	require.NoError(d.t, d.enc.Encode(op))
	var a fsAnswer
	require.NoError(d.t, d.dec.Decode(&a))
	copy(buf, a.Data)
	if e := a.Result.Errno; e != 0 {
		var known bool
		a.Result.Errno, known = errnos[uint32(e)]
		require.True(d.t, known, "errno %d", e)
	}
	return a.Result
}

// Kill implements vol.Machine.
func (d *guestDoor) Kill() {
	d.m.Kill()
	d.boot()
}

// PowerLoss implements vol.Machine.
func (d *guestDoor) PowerLoss() {
	d.m.PowerLoss()
	d.boot()
}

func guestHarness(t *testing.T, cfg array.ArrayConfig, profile array.Profile) voltest.Harness {
	d := openDoor(t, cfg, profile)
	return voltest.Harness{Door: d, Machine: d, Strict: profile == array.Strict, Small: func() voltest.Door {
		cfg.Capacity = 1 << 20
		return openDoor(t, cfg, profile)
	}}
}

// TestVolumeThroughTheGuest holds the simulator's kernel to what the array
// directly and a plain directory are held to, the machine's deaths included.
func TestVolumeThroughTheGuest(t *testing.T) {
	for name, c := range map[string]struct {
		cfg     array.ArrayConfig
		profile array.Profile
	}{
		"ordered":    {array.ArrayConfig{}, array.Ordered},
		"strict":     {array.ArrayConfig{}, array.Strict},
		"takes time": {array.Picked(), array.Ordered},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			voltest.Run(t, func(t *testing.T) voltest.Harness { return guestHarness(t, c.cfg, c.profile) })
		})
	}
}

// TestAStopOfTheWholeProgramIsCounted: package os's own Sync cannot park, and a
// device that takes time then stops the program, which Stops tells.
func TestAStopOfTheWholeProgramIsCounted(t *testing.T) {
	d := openDoor(t, array.Picked(), array.Ordered)
	f := d.Do(vol.Op{Kind: vol.Open, Path: "f", Flag: os.O_CREATE | os.O_RDWR})
	require.Zero(t, f.Errno)
	require.Empty(t, d.s.Stops())
	require.Zero(t, d.Do(vol.Op{Kind: vol.Sync, File: f.File}).Errno)
	require.Equal(t, map[string]int{"fsync": 1}, d.s.Stops())
}

// BenchmarkArrayThroughWasm is how many operations of the array a program in the
// simulator gets through, beside BenchmarkRead4K and BenchmarkWrite4K of
// storage/array for what the array takes of that. It is run by
//
//	go test ./harness/sim -run '^$' -bench ArrayThroughWasm
func BenchmarkArrayThroughWasm(b *testing.B) {
	const rounds = 20_000
	ops := 0
	for b.Loop() {
		eng, prog := toy(b)
		s, err := New(b.Context(), Config{Seed: 1, Epoch: epoch}, eng)
		require.NoError(b, err)
		fleet, err := array.New(s, 1, array.Config{
			Arrays:  map[string]array.ArrayConfig{"a": {}},
			Volumes: map[string]array.VolumeConfig{"v": {Array: "a"}},
		})
		require.NoError(b, err)
		startOn(b, s, prog, fleet.Volume("v"), "grind", strconv.Itoa(rounds))
		require.NoError(b, s.Run(b.Context(), time.Hour))
		require.False(b, s.Machine("a").Running())
		require.NoError(b, s.Close(b.Context()))
		ops += 2*rounds + rounds/8
	}
	b.ReportMetric(float64(ops)/b.Elapsed().Seconds(), "array-ops/s")
}
