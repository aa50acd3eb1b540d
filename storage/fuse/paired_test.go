//go:build linux

package fuse_test

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// rounds of the comparison in pairs; 0 leaves it out. make bench-fuse asks for it.
var rounds = flag.Int("rounds", 0, "how many short rounds compare mounts with and without rules")

// The mounts that are compared with the first. The second is another of the same:
// what differs between those two is the machine.
var pairs = []system{
	{"no rules", []string{"bench server", "1", "0", "memory"}, ""},
	{"no rules, again", []string{"bench server", "1", "0", "memory"}, ""},
	{"100 rules", []string{"bench server", "1", "100", "memory"}, ""},
	{"1000 rules", []string{"bench server", "1", "1000", "memory"}, ""},
}

// burst is some operations on an open file of 4 MB: a round of one mount.
type burst struct {
	name string
	n    int
	op   func(f *os.File, i int) error
}

var bursts = []burst{
	{"write of 100 bytes", 300, func(f *os.File, i int) error {
		_, err := f.WriteAt(make([]byte, 100), int64(i%1000)*block)
		return err
	}},
	{"write of 4 KiB and fsync", 150, func(f *os.File, i int) error {
		_, err := f.WriteAt(make([]byte, block), int64(i%1000)*block)
		return errors.Join(err, f.Sync())
	}},
	{"read of 4 KiB", 200, func(f *os.File, i int) error {
		if i == 0 { // the kernel holds what was read in the round before
			err := errors.Join(unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED), unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_RANDOM))
			if err != nil {
				return err
			}
		}
		_, err := f.ReadAt(make([]byte, block), int64(i*7%1000)*block)
		return err
	}},
	{"stat", 300, func(f *os.File, _ int) error {
		var st unix.Statx_t
		return unix.Statx(int(f.Fd()), "", unix.AT_EMPTY_PATH|unix.AT_STATX_FORCE_SYNC, unix.STATX_BASIC_STATS, &st)
	}},
	{"create, close, remove", 60, func(f *os.File, i int) error {
		path := filepath.Join(filepath.Dir(f.Name()), "other")
		o, err := os.Create(path)
		if err != nil {
			return err
		}
		return errors.Join(o.Close(), os.Remove(path))
	}},
}

// processor is the time that the threads of a process have run.
func processor(pid int) (time.Duration, error) {
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	var all time.Duration
	for _, t := range tasks {
		text, err := os.ReadFile(t)
		if err != nil {
			return 0, err
		}
		ran, err := strconv.ParseInt(strings.Fields(string(text))[0], 10, 64)
		if err != nil {
			return 0, err
		}
		all += time.Duration(ran)
	}
	return all, err
}

// cost is what an operation takes: the median one, and the server's processor.
type cost struct{ wall, server float64 } // ns

func (b burst) round(t *testing.T, r *running, f *os.File) cost {
	t.Helper()
	before, err := processor(r.client.cmd.Process.Pid)
	require.NoError(t, err)
	wall, err := median(b.n, func(i int) error { return b.op(f, i) })
	require.NoError(t, err)
	after, err := processor(r.client.cmd.Process.Pid)
	require.NoError(t, err)
	return cost{float64(wall), float64(after-before) / float64(b.n)}
}

// interval is the median of some ratios and where the true one lies, 19 times in
// 20: between the ratios whose ranks a fair coin would so often keep it.
func interval(ratios []float64) string {
	s := slices.Sorted(slices.Values(ratios))
	n, low, below := len(s), 0, 0.0
	for p := pow2(-n); low < n/2; low++ { // p is the chance of that many heads
		if below += p; below > 0.025 {
			break
		}
		p *= float64(n-low) / float64(low+1)
	}
	low = max(low-1, 0)
	return fmt.Sprintf("%.3f (%.3f–%.3f)", middle(s), s[low], s[n-1-low])
}

func pow2(n int) float64 {
	p := 1.0
	for range -n {
		p /= 2
	}
	return p
}

// together keeps this thread, and the servers that it starts, on one processor. A
// request that wakes a server on another one takes three times as long, and which
// it is changes from round to round.
func together(t *testing.T) {
	runtime.LockOSThread()
	var before, one unix.CPUSet
	require.NoError(t, unix.SchedGetaffinity(0, &before))
	first := 0
	for !before.IsSet(first) {
		first++
	}
	one.Set(first)
	require.NoError(t, unix.SchedSetaffinity(0, &one))
	t.Cleanup(func() {
		require.NoError(t, unix.SchedSetaffinity(0, &before))
		runtime.UnlockOSThread()
	})
}

// TestRulesInPairs lets mounts with and without rules that match nothing take
// turns, in short rounds and another order each time, and compares each round
// with that of the first mount just beside it. Other work on the machine hits all
// alike, and the server's processor time knows little of it.
func TestRulesInPairs(t *testing.T) {
	if *rounds == 0 {
		t.Skip("make bench-fuse measures")
	}
	mounted(t) // needs what the others need
	together(t)
	var all []*running
	var files []*os.File
	for _, s := range pairs {
		r := s.start(t)
		f, err := filled(r.dir, 4<<20)
		require.NoError(t, err)
		t.Cleanup(func() { f.Close() })
		all, files = append(all, r), append(files, f)
	}
	fmt.Printf("\n%d rounds in turn: what a mount takes against the first, median of the rounds and its 95%% interval\n", *rounds)
	for _, b := range bursts {
		costs := make([][]cost, len(all))
		for k := range *rounds + 1 {
			for _, at := range rand.Perm(len(all)) {
				if c := b.round(t, all[at], files[at]); k > 0 { // the first is for warming up
					costs[at] = append(costs[at], c)
				}
			}
		}
		b.report(costs)
	}
}

func (b burst) report(costs [][]cost) {
	fmt.Printf("\n%-28s%32s%32s\n", b.name, "time of the operation", "processor time of the server")
	for at, mine := range costs {
		var wall, server, absWall, absServer []float64
		for k, c := range mine {
			wall, server = append(wall, c.wall/costs[0][k].wall), append(server, c.server/costs[0][k].server)
			absWall, absServer = append(absWall, c.wall/1000), append(absServer, c.server/1000)
		}
		if at == 0 {
			fmt.Printf("  %-26s%29.2f µs%29.2f µs\n", pairs[at].name, middle(absWall), middle(absServer))
			continue
		}
		fmt.Printf("  %-26s%32s%32s\n", pairs[at].name, interval(wall), interval(server))
	}
}
