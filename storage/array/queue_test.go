package array_test

import (
	gosync "sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fourdays/storage/array"
	"fourdays/storage/vol"
	"fourdays/storage/voltest"
)

// timing is an array of 1 ms an operation and 1 MB/s.
func timing(c *array.ArrayConfig) {
	c.Service, c.Bandwidth, c.Takeover = time.Millisecond, 1_000_000, 5*time.Second
}

// submit starts an operation and notes when it is answered.
func (r *rig) submit(v vol.Volume, op vol.Op) *time.Duration {
	at := time.Duration(-1)
	v.Do(&op, func(vol.Result) { at = r.clock.Now() })
	return &at
}

func TestOperationsQueueAtTheirController(t *testing.T) {
	r := newRig(t, 1, east(timing), func(c *array.Config) { c.Volumes["n4"] = array.VolumeConfig{Array: "east"} })
	v, beside := r.Volume("n1"), r.Volume("n4")
	noWait := vol.Op{Kind: vol.Open, Path: "a", Flag: syscall.O_RDWR | syscall.O_CREAT, NoWait: true}
	f := must(t, v, noWait).File
	first := r.submit(v, vol.Op{Kind: vol.Write, File: f, Data: make([]byte, 10_000)})
	second := r.submit(v, vol.Op{Kind: vol.Sync, File: f})
	third := r.submit(beside, vol.Op{Kind: vol.Stat, Path: "."})
	r.clock.Advance(time.Second)
	require.Equal(t, 11*time.Millisecond, *first, "1 ms and 10 kB at 1 MB/s")
	require.Equal(t, 12*time.Millisecond, *second)
	require.Equal(t, 13*time.Millisecond, *third, "volumes of one array share its controller")
}

func TestNothingMovesWhileAControllerTakesOver(t *testing.T) {
	r := newRig(t, 1, east(timing))
	v := r.Volume("n1")
	require.NoError(t, r.Failover("east"))
	at := r.submit(v, vol.Op{Kind: vol.Stat, Path: "."})
	r.clock.Advance(10 * time.Second)
	require.Equal(t, 5*time.Second+time.Millisecond, *at)

	instant := newRig(t, 1, east(func(c *array.ArrayConfig) { c.Takeover = time.Second }))
	require.NoError(t, instant.Failover("east"))
	at = instant.submit(instant.Volume("n1"), vol.Op{Kind: vol.Stat, Path: "."})
	instant.clock.Advance(2 * time.Second)
	require.Equal(t, time.Second, *at)
	require.Zero(t, stat(t, instant.Volume("n1")), "afterwards it takes no time again")
}

// TestASyncInFlightIsNotPromised shows a power loss between an fsync and its
// answer: over many seeds the data is sometimes there and sometimes not.
func TestASyncInFlightIsNotPromised(t *testing.T) {
	there := 0
	for seed := range uint64(40) {
		r := newRig(t, seed, east(timing))
		v := r.Volume("n1")
		f := must(t, v, vol.Op{Kind: vol.Open, Path: "a", Flag: syscall.O_RDWR | syscall.O_CREAT, NoWait: true}).File
		must(t, v, vol.Op{Kind: vol.Write, File: f, Data: []byte("x"), NoWait: true})
		at := r.submit(v, vol.Op{Kind: vol.Sync, File: f})
		v.PowerLoss()
		r.clock.Advance(time.Second)
		require.Negative(t, *at, "a dead node gets no answer")
		if do(t, v, vol.Op{Kind: vol.Stat, Path: "a", NoWait: true}).Errno == 0 {
			there++
		}
	}
	require.Greater(t, there, 5)
	require.Less(t, there, 35)
}

func TestAWriteInFlightDiesWithItsProcess(t *testing.T) {
	r := newRig(t, 1, east(timing))
	v := r.Volume("n1")
	f := must(t, v, vol.Op{Kind: vol.Open, Path: "a", Flag: syscall.O_RDWR | syscall.O_CREAT, NoWait: true}).File
	at := r.submit(v, vol.Op{Kind: vol.Write, File: f, Data: []byte("x")})
	v.Kill()
	r.clock.Advance(time.Second)
	require.Negative(t, *at)
	require.Zero(t, must(t, v, vol.Op{Kind: vol.Stat, Path: "a", NoWait: true}).Info.Size)
}

func TestAWriteInFlightOutlivesTheCloseOfItsFile(t *testing.T) {
	r := newRig(t, 1, east(timing))
	v := r.Volume("n1")
	f := must(t, v, vol.Op{Kind: vol.Open, Path: "a", Flag: syscall.O_RDWR | syscall.O_CREAT, NoWait: true}).File
	r.submit(v, vol.Op{Kind: vol.Write, File: f, Data: []byte("x")})
	must(t, v, vol.Op{Kind: vol.Close, File: f, NoWait: true})
	r.clock.Advance(time.Second)
	require.Equal(t, int64(1), must(t, v, vol.Op{Kind: vol.Stat, Path: "a", NoWait: true}).Info.Size)
}

func TestAnArrayWithoutPowerFailsEverything(t *testing.T) {
	r := newRig(t, 1, east(timing))
	v := r.Volume("n1")
	at := r.submit(v, vol.Op{Kind: vol.Stat, Path: "."})
	require.NoError(t, r.PowerLoss("east"))
	require.NoError(t, r.PowerLoss("east"), "twice is as once")
	require.Equal(t, syscall.EIO, stat(t, v))
	require.Equal(t, syscall.EIO, do(t, v, vol.Op{Kind: vol.Mkdir, Path: "d", NoWait: true}).Errno)
	require.Zero(t, stat(t, r.Volume("n2")))
	r.clock.Advance(time.Second)
	require.NoError(t, r.PowerOn("east"))
	require.NoError(t, r.PowerOn("east"))
	require.Negative(t, *at, "what was in flight is never answered")
	require.Zero(t, do(t, v, vol.Op{Kind: vol.Stat, Path: ".", NoWait: true}).Errno)
}

// TestAFailoverLosesNothingThatWasAcknowledged is the healthy array, and so is
// the power cut: its cache is mirrored and has a battery.
func TestAFailoverLosesNothingThatWasAcknowledged(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	f := write(t, v, "a", "x")
	sync(t, v, f)
	writeAt(t, v, f, 1, "y") // in the node, not in the array
	require.NoError(t, r.Failover("east"))
	cycle(r, "east")
	wantRead(t, v, "a", "xy")
	sync(t, v, f)
	v.PowerLoss()
	wantRead(t, v, "a", "xy")
}

func TestInodesRunOutBeforeBytesDo(t *testing.T) {
	r := newRig(t, 1, east(func(c *array.ArrayConfig) { c.Inodes = 4 }))
	v := r.Volume("n1")
	writeSync(t, v, "a", "x")
	must(t, v, vol.Op{Kind: vol.Mkdir, Path: "d"})
	writeSync(t, v, "d/b", "x")
	require.Equal(t, syscall.ENOSPC, do(t, v, vol.Op{Kind: vol.Mkdir, Path: "e"}).Errno)
	require.Equal(t, syscall.ENOSPC, do(t, v, vol.Op{Kind: vol.Open, Path: "e", Flag: syscall.O_CREAT | syscall.O_RDWR}).Errno)
	require.Equal(t, vol.Space{Bytes: array.PickedCapacity, FreeBytes: array.PickedCapacity - 2*4096, Inodes: 4},
		must(t, v, vol.Op{Kind: vol.Statfs, Path: "."}).Space)
	must(t, v, vol.Op{Kind: vol.Unlink, Path: "a"})
	must(t, v, vol.Op{Kind: vol.Mkdir, Path: "e"})
	v.PowerLoss()
	require.Equal(t, int64(4), must(t, v, vol.Op{Kind: vol.Statfs, Path: "."}).Space.Inodes)
}

func TestVolumesOfOneArrayShareItsRoom(t *testing.T) {
	r := newRig(t, 1, east(func(c *array.ArrayConfig) { c.Capacity = 4 * 4096 }),
		func(c *array.Config) { c.Volumes["n4"] = array.VolumeConfig{Array: "east"} })
	writeSync(t, r.Volume("n1"), "a", string(make([]byte, 3*4096)))
	f := create(t, r.Volume("n4"), "b")
	big := vol.Op{Kind: vol.Write, File: f, Data: make([]byte, 2*4096)}
	require.Equal(t, syscall.ENOSPC, do(t, r.Volume("n4"), big).Errno)
	must(t, r.Volume("n1"), vol.Op{Kind: vol.Truncate, Path: "a", Size: 4096})
	must(t, r.Volume("n4"), big)
}

func TestFilesHaveALargestSize(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	f := create(t, v, "a")
	require.Equal(t, syscall.EFBIG, do(t, v, vol.Op{Kind: vol.Write, File: f, Off: array.MaxFile, Data: []byte("x")}).Errno)
	require.Equal(t, syscall.EFBIG, do(t, v, vol.Op{Kind: vol.Truncate, File: f, Size: array.MaxFile + 1}).Errno)
	require.Equal(t, syscall.EINVAL, do(t, v, vol.Op{Kind: vol.Stat, Path: "../a"}).Errno)
	require.Equal(t, syscall.ENOSYS, do(t, v, vol.Op{Kind: 99, File: f}).Errno)
	require.Equal(t, syscall.EBUSY, do(t, v, vol.Op{Kind: vol.Rmdir, Path: "."}).Errno)
	require.Equal(t, syscall.EBUSY, do(t, v, vol.Op{Kind: vol.Rename, Path: "a", To: "."}).Errno)
}

func TestConfigurationsThatCannotBeAreRefused(t *testing.T) {
	one := map[string]array.ArrayConfig{"east": {}}
	for want, cfg := range map[string]array.Config{ // in any order: each stands alone
		`make volumes: volume n1: no array "west"`:                             {Arrays: one, Volumes: map[string]array.VolumeConfig{"n1": {Array: "west"}}},
		`make volumes: volume n1: profile "lax" is neither ordered nor strict`: {Arrays: one, Volumes: map[string]array.VolumeConfig{"n1": {Array: "east", Profile: "lax"}}},
		`make volumes: volume without a name`:                                  {Arrays: one, Volumes: map[string]array.VolumeConfig{"": {Array: "east"}}},
		`make arrays: array without a name`:                                    {Arrays: map[string]array.ArrayConfig{"": {}}},
		`make arrays: array a: -1 controllers`:                                 {Arrays: map[string]array.ArrayConfig{"a": {Controllers: -1}}},
		`make arrays: array a: negative age, time powered, rebuild or skew`:    {Arrays: map[string]array.ArrayConfig{"a": {Skew: -1}}},
		`make arrays: array a: 3 of 3 drives tolerated`:                        {Arrays: map[string]array.ArrayConfig{"a": {Drives: 3, Tolerance: 3}}},
		`make arrays: array a: negative cache or queue`:                        {Arrays: map[string]array.ArrayConfig{"a": {Cache: -1}}},
		`make arrays: array a: power-on hours start from how long it was powered`: {Arrays: map[string]array.ArrayConfig{
			"a": {Counters: array.Counters{PowerOnHours: 1}}}},
		`make arrays: array a: negative time`:                          {Arrays: map[string]array.ArrayConfig{"a": {Service: -1}}},
		`make arrays: array a: negative bandwidth, capacity or inodes`: {Arrays: map[string]array.ArrayConfig{"a": {Capacity: -1}}},
	} {
		_, err := array.New(&voltest.Clock{}, 1, cfg)
		require.EqualError(t, err, want)
	}
}

func TestNamesThatAreNotThereAreErrors(t *testing.T) {
	r := newRig(t, 1)
	for _, err := range []error{r.Failover("x"), r.PowerLoss("x"), r.PowerOn("x"), r.Destage("x"), r.Upgrade("x", "y"), r.Event("x", "y")} {
		require.ErrorContains(t, err, `array "x": there is no such array`)
	}
	require.Nil(t, r.Volume("x"))
	require.Empty(t, r.OS("x"))
	require.Equal(t, []string{"n1", "n2", "n3"}, r.Volumes())
	require.Equal(t, []string{"east", "north", "west"}, r.Arrays())
	require.Equal(t, "n1 east", r.Volume("n1").Name()+" "+r.Volume("n1").Array())
}

// TestManyMayAskAtOnce is for doors that are not one thread: it says nothing
// unless the race detector is on.
func TestManyMayAskAtOnce(t *testing.T) {
	r := newRig(t, 1)
	var wg gosync.WaitGroup
	for _, name := range r.Volumes() {
		for range 2 {
			wg.Go(func() {
				v := r.Volume(name)
				for range 100 {
					write(t, v, "a", "x")
					r.Receipts()
				}
			})
		}
	}
	wg.Wait()
	wantRead(t, r.Volume("n1"), "a", "x")
}

// TestAFileClosedAndRemovedLivesWhileItIsWritten shows the room of such a file
// given back, and only once, when the last operation on it has been answered.
func TestAFileClosedAndRemovedLivesWhileItIsWritten(t *testing.T) {
	r := newRig(t, 1, east(timing))
	v := r.Volume("n1")
	f := must(t, v, vol.Op{Kind: vol.Open, Path: "a", Flag: syscall.O_RDWR | syscall.O_CREAT, NoWait: true}).File
	at := r.submit(v, vol.Op{Kind: vol.Write, File: f, Data: []byte("x")})
	must(t, v, vol.Op{Kind: vol.Unlink, Path: "a", NoWait: true})
	must(t, v, vol.Op{Kind: vol.Close, File: f, NoWait: true})
	require.Equal(t, syscall.EBADF, do(t, v, vol.Op{Kind: vol.Stat, File: f, NoWait: true}).Errno)
	free := func() int64 { return must(t, v, vol.Op{Kind: vol.Statfs, NoWait: true}).Space.FreeInodes }
	require.Equal(t, array.PickedInodes-2, free())
	r.clock.Advance(time.Second)
	require.Positive(t, *at)
	require.Equal(t, array.PickedInodes-1, free())
}
