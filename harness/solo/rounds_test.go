package solo_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fourdays/ci/need"
	"fourdays/harness/solo"
)

// ways to end a mount on which something hangs.
var ways = []func(t *testing.T, s *solo.Solo){
	func(t *testing.T, s *solo.Solo) { must(t, s, solo.Request{Do: solo.Umount, Lazy: true}) },
	func(t *testing.T, s *solo.Solo) {
		must(t, s, solo.Request{Do: solo.Heal})
		require.NoError(t, s.Close())
	},
	func(t *testing.T, s *solo.Solo) {
		must(t, s, solo.Request{Do: solo.Heal})
		must(t, s, solo.Request{Do: solo.PowerLoss})
		require.NoError(t, s.Close())
	},
}

// TestRoundsLeaveNothing mounts, lets an operation hang, and ends it in each way:
// no mount, file descriptor or goroutine is left.
func TestRoundsLeaveNothing(t *testing.T) {
	need.FUSE(t)
	rounds := need.Rounds(t)
	dir := t.TempDir()
	round(t, dir, 0)                                          // what is made once is no leak
	fds, goroutines := openFiles(t), runtime.NumGoroutine()+2 // those that look
	for i := range rounds {
		round(t, dir, i)
	}
	require.Eventually(t, func() bool { return openFiles(t) <= fds && runtime.NumGoroutine() <= goroutines },
		10*time.Second, 20*time.Millisecond, "%d files, %d goroutines at first", fds, goroutines)
	table, err := os.ReadFile("/proc/self/mounts")
	require.NoError(t, err)
	require.NotContains(t, string(table), dir)
}

func openFiles(t *testing.T) int {
	all, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	return len(all)
}

func round(t *testing.T, dir string, i int) {
	s, err := solo.Open(solo.Config{Dir: dir, Name: "of-a-test", Seed: uint64(i), Bugs: solo.Shipped{}})
	require.NoError(t, err)
	path := filepath.Join(dir, "a")
	write(t, path, strings.Repeat("x", 10_000), true)
	must(t, s, solo.Request{Do: solo.Arm, Bug: "libero-2023", ReachedAt: 1})
	over := make(chan error, 1)
	go func() {
		_, err := os.ReadFile(path)
		over <- err
	}()
	require.Eventually(t, func() bool { return s.Do(solo.Request{Do: solo.Faults}).Faults[0].Fired > 0 },
		10*time.Second, time.Millisecond)
	if i%50 == 49 { // it waits for a close that hangs
		require.NoError(t, s.Close())
	} else {
		ways[i%len(ways)](t, s)
	}
	<-s.Gone()
	<-over // hung no longer, with an error or without
	require.Contains(t, fmt.Sprint(s.Do(solo.Request{Do: solo.Umount})), "ended")
}
