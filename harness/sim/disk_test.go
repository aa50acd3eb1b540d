package sim

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fourdays/storage/array"
	"fourdays/storage/vol"
)

// gate is a volume that can be made to hang as real ones do: what waits for
// the device waits for ever.
type gate struct {
	vol.Volume
	hung bool
}

func (g *gate) Do(op *vol.Op, done func(vol.Result)) {
	if g.hung && !op.NoWait {
		return
	}
	g.Volume.Do(op, done)
}

func (g *gate) Kill()      { g.Volume.(vol.Machine).Kill() }
func (g *gate) PowerLoss() { g.Volume.(vol.Machine).PowerLoss() }

func newVolume(t testing.TB, s *Sim) *gate { return &gate{Volume: newFleet(t, s).Volume("n1")} }

func newFleet(t testing.TB, s *Sim) *array.Fleet {
	f, err := array.New(s, 1, array.Config{
		Arrays:  map[string]array.ArrayConfig{"east": array.Picked()},
		Volumes: map[string]array.VolumeConfig{"n1": {Array: "east", Store: "main"}},
	})
	require.NoError(t, err)
	return f
}

func startOn(t testing.TB, s *Sim, p *Program, v vol.Volume, args ...string) *Machine {
	m, err := s.Start(t.Context(), Spec{
		Name: "a", IP: "10.0.0.1", Program: p, Args: args, Mounts: []Mount{{Path: "/data", Volume: v}},
		OnExit: func(code uint32) {
			if code != 0 {
				s.Fail(fmt.Errorf("the program crashed with code %d", code))
			}
		},
	})
	require.NoError(t, err)
	return m
}

// TestAHungDiskStopsAGoroutineNotTheProgram is the foundation of every
// scenario with a hang: the program goes on beating.
func TestAHungDiskStopsAGoroutineNotTheProgram(t *testing.T) {
	var out bytes.Buffer
	s, prog := newSim(t, 1, &out)
	v := newVolume(t, s)
	startOn(t, s, prog, v, "heart")
	require.NoError(t, s.Run(t.Context(), 5500*time.Millisecond))
	require.Contains(t, out.String(), "synced 4")
	v.hung = true
	out.Reset()
	require.NoError(t, s.Run(t.Context(), 20*time.Second))
	require.NotContains(t, out.String(), "synced")
	require.Contains(t, out.String(), "beat 15")
}

var putLine = regexp.MustCompile(`put (\d+)\n`)
var readLine = regexp.MustCompile(`read (\d+)\n`)

func lastNumber(t *testing.T, re *regexp.Regexp, out string) int {
	all := re.FindAllStringSubmatch(out, -1)
	if len(all) == 0 {
		return -1
	}
	n, err := strconv.Atoi(all[len(all)-1][1])
	require.NoError(t, err)
	return n
}

// TestBadgerKeepsWhatItSynced: a store with synced commits, ended at several
// instants by a kill and by a power loss, has every acknowledged commit.
func TestBadgerKeepsWhatItSynced(t *testing.T) {
	for i, at := range []time.Duration{300 * time.Millisecond, 900 * time.Millisecond, 1111 * time.Millisecond} {
		for _, power := range []bool{false, true} {
			t.Run(fmt.Sprintf("%v,power=%v", at, power), func(t *testing.T) {
				var out bytes.Buffer
				s, prog := newSim(t, uint64(i), &out)
				v := newVolume(t, s)
				m := startOn(t, s, prog, v, "badger", "write", "/data/db")
				require.NoError(t, s.Run(t.Context(), at), "%s", &out)
				put := lastNumber(t, putLine, out.String())
				require.Positive(t, put, out.String())
				if power {
					m.PowerLoss()
				} else {
					m.Kill()
				}
				startOn(t, s, prog, v, "badger", "read", "/data/db")
				require.NoError(t, s.Run(t.Context(), at+10*time.Second), "%s", &out)
				require.Greater(t, lastNumber(t, readLine, out.String()), put, "acknowledged commits are gone")
			})
		}
	}
}

// BenchmarkBadgerPut is the price of one synced commit of a guest.
func BenchmarkBadgerPut(b *testing.B) {
	for b.Loop() {
		s, prog := newSim(b, 1, new(bytes.Buffer))
		startOn(b, s, prog, newVolume(b, s), "badger", "write", "/data/db")
		require.NoError(b, s.Run(b.Context(), 10*time.Second))
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/3000, "µs/put")
}

// TestAHangAtAnyMomentOfARotationStopsNoBeat: Badger changes its memtable for a
// new one every fortieth record, with new files, renames and syncs of its own.
// Whenever the disk stops in all that, goroutines that do not need it go on.
func TestAHangAtAnyMomentOfARotationStopsNoBeat(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	s, prog := newSim(t, 1, &out)
	began := time.Duration(0)
	for i := range 24 {
		v := newVolume(t, s)
		m := startOn(t, s, prog, v, "badger", "turn", "/data/db")
		at := 150*time.Millisecond + time.Duration(i)*3700*time.Microsecond
		require.NoError(t, s.Run(t.Context(), began+at))
		put := lastNumber(t, putLine, out.String())
		require.Greater(t, put, 40)
		v.hung = true
		require.NoError(t, s.Run(t.Context(), began+at+time.Second))
		out.Reset()
		require.NoError(t, s.Run(t.Context(), began+at+2*time.Second))
		require.NotContains(t, out.String(), "put")
		require.Greater(t, bytes.Count(out.Bytes(), []byte("beat")), 80, "hung at %v, after %d records", at, put)
		m.Kill()
		began = s.Now()
	}
}
