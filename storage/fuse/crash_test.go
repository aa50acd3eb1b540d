//go:build linux

package fuse_test

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fourdays/ci/need"
)

// pages is how much the mapping client writes before and after its msync.
const pages = 64

func init() {
	clients["mapper"] = mapper
	clients["reader"] = reader
	clients["writer"] = writer
	clients["syncer"] = syncer
}

// mapper maps a file, writes and syncs its first half, writes its second, and
// then waits to be killed.
func mapper(args []string) error {
	f, err := os.OpenFile(args[0], os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	if err := f.Truncate(2 * pages * 4096); err != nil {
		return err
	}
	m, err := syscall.Mmap(int(f.Fd()), 0, 2*pages*4096, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		return err
	}
	for i := range pages {
		m[i*4096] = 'a'
	}
	if err := msync(m); err != nil {
		return err
	}
	for i := pages; i < 2*pages; i++ {
		m[i*4096] = 'b'
	}
	say("written")
	return nil
}

// lost counts the pages of the mapper that are not there, of each half.
func (r *rig) lost() (synced, dirty int) {
	r.Helper()
	text, err := os.ReadFile(filepath.Join(r.dir, "mapped"))
	require.NoError(r, err)
	require.Len(r, text, 2*pages*4096)
	for i := range pages {
		if text[i*4096] != 'a' {
			synced++
		}
		if text[(pages+i)*4096] != 'b' {
			dirty++
		}
	}
	return synced, dirty
}

// powerCut is what a world does when a node loses power, and then mounts again.
func (r *rig) powerCut(c *client) {
	r.Helper()
	require.NoError(r, r.m.Abort())
	require.True(r, c.dies(bound))
	r.v.PowerLoss()
	r.mount()
}

// TestAPowerCutDropsWhatOnlyTheKernelHolds maps a file, syncs half of it and cuts
// the power: what was synced is there, of the rest nothing.
func TestAPowerCutDropsWhatOnlyTheKernelHolds(t *testing.T) {
	r := mounted(t)
	c := start(t, "mapper", filepath.Join(r.dir, "mapped"))
	c.hears("written")
	r.powerCut(c)
	synced, dirty := r.lost()
	require.Zero(t, synced)
	require.Equal(t, pages, dirty)
}

// TestAKillLosesNothingThatIsMapped kills the program instead of the power, and
// unmounts in the ordinary way: all is there.
func TestAKillLosesNothingThatIsMapped(t *testing.T) {
	r := mounted(t)
	c := start(t, "mapper", filepath.Join(r.dir, "mapped"))
	c.hears("written")
	require.True(t, c.dies(bound))
	r.v.Kill()
	synced, dirty := r.lost()
	require.Equal(t, []int{0, 0}, []int{synced, dirty})

	require.NoError(t, r.m.Unmount())
	r.mount()
	synced, dirty = r.lost()
	require.Equal(t, []int{0, 0}, []int{synced, dirty})
}

// reader reads a file twice, the second time when it is told to.
func reader(args []string) error {
	f, err := os.Open(args[0])
	if err != nil {
		return err
	}
	for {
		text, err := io.ReadAll(io.NewSectionReader(f, 0, 1<<20))
		say(fmt.Sprintf("%q %v", text, err != nil))
	}
}

// TestInvalidateShowsAnArmedReadFault reads a file, arms a fault of reads, and
// reads again: the kernel still has it, until it is told to forget.
func TestInvalidateShowsAnArmedReadFault(t *testing.T) {
	r := mounted(t)
	path := filepath.Join(r.dir, "f")
	require.NoError(t, os.WriteFile(path, []byte("text"), 0o644))
	c := start(t, "reader", path)
	c.hears(`"text" false`)
	rule := r.arm("effect: {ops: [read], reply: EIO}")
	c.goOn()
	c.hears(`"text" false`)
	r.m.Invalidate()
	c.goOn()
	c.hears(`"" true`)
	require.NoError(t, r.Disarm(rule.ID))
	c.goOn()
	c.hears(`"text" false`)
}

// TestInvalidateWaitsOnceForWhatHangs asks again and again while a page is being
// read and the array does not answer: the kernel takes a thread for it, one only.
func TestInvalidateWaitsOnceForWhatHangs(t *testing.T) {
	r := mounted(t)
	path := filepath.Join(r.dir, "hung")
	require.NoError(t, os.WriteFile(path, []byte("text"), 0o644))
	c := start(t, "reader", path)
	c.hears(`"text" false`)
	rule := r.arm(hangs)
	r.m.Invalidate()
	c.goOn()
	require.Eventually(t, func() bool { return r.Receipts()[0].Fired > 0 }, bound, time.Millisecond)
	var all sync.WaitGroup
	for range 5 {
		all.Go(r.m.Invalidate)
	}
	all.Wait()
	stacks := make([]byte, 1<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	require.Equal(t, 1, strings.Count(string(stacks), ".InodeNotify("))
	require.NoError(t, r.Disarm(rule.ID))
	c.hears(`"text" false`)
}

// TestAnErrorOfAWriteIsTold arms errors of writes and flushes: the program hears
// of them where it would on a disk.
func TestAnErrorOfAWriteIsTold(t *testing.T) {
	r := mounted(t)
	f, err := os.Create(filepath.Join(r.dir, "f"))
	require.NoError(t, err)
	defer f.Close()
	rule := r.arm("effect: {ops: [write], reply: ENOSPC}")
	_, err = f.WriteString("x")
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.NoError(t, r.Disarm(rule.ID))
	r.arm("effect: {ops: [fsync], reply: EIO}")
	_, err = f.WriteString("x")
	require.NoError(t, err)
	require.ErrorIs(t, f.Sync(), syscall.EIO)
}

// writer writes to a file, again and again.
func writer(args []string) error {
	f, err := os.OpenFile(args[0], os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	say("open")
	_, err = f.WriteString("x")
	say(fmt.Sprint("wrote ", err))
	return nil
}

const hangs = "scope: {path: \"hung*\"}\neffect: {ops: [write, read, fsync], reply: never}"

// TestAHungVolumeHangsNobodyElse lets a write hang: another file is written and
// read meanwhile, the writer can be killed, and the mount cut off.
func TestAHungVolumeHangsNobodyElse(t *testing.T) {
	r := mounted(t)
	hung := make([]*client, 40)
	for i := range hung {
		hung[i] = start(t, "writer", filepath.Join(r.dir, fmt.Sprint("hung", i)))
		hung[i].hears("open")
	}
	r.arm(hangs)
	for _, c := range hung {
		c.goOn()
	}
	require.Eventually(t, func() bool { return r.Receipts()[0].Fired == len(hung) }, bound, time.Millisecond)
	other := filepath.Join(r.dir, "other")
	require.NoError(t, os.WriteFile(other, []byte("fine"), 0o644))
	text, err := os.ReadFile(other)
	require.NoError(t, err)
	require.Equal(t, "fine", string(text))

	require.True(t, hung[0].dies(5*time.Second), "a killed program does not wait for the array")
	begin := time.Now()
	require.NoError(t, r.m.Abort())
	require.Less(t, time.Since(begin), 3*time.Second)
	for _, c := range hung[1:] {
		require.NotEqual(t, "wrote <nil>", c.line())
	}
}

// TestWhatHangsEndsWithAConnectionThatOthersCut lets root cut a mount off while a
// write hangs: the mount has ended, and nothing waits any more.
func TestWhatHangsEndsWithAConnectionThatOthersCut(t *testing.T) {
	need.Root(t)
	r := mounted(t)
	c := start(t, "writer", filepath.Join(r.dir, "hung"))
	c.hears("open")
	r.arm(hangs)
	c.goOn()
	require.Eventually(t, func() bool { return r.Receipts()[0].Fired > 0 }, bound, time.Millisecond)
	require.NoError(t, syscall.Unmount(r.dir, syscall.MNT_FORCE|syscall.MNT_DETACH))
	ended := make(chan struct{})
	go func() {
		r.m.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(bound):
		t.Fatal("the mount has not ended")
	}
	require.NotEqual(t, "wrote <nil>", c.line())
}

// TestASignalThatKillsNobodyDoesNotEndAWrite sends one to a program whose write
// hangs: files do not answer EINTR. When the array is fixed, the write succeeds.
func TestASignalThatKillsNobodyDoesNotEndAWrite(t *testing.T) {
	r := mounted(t)
	c := start(t, "writer", filepath.Join(r.dir, "hung"))
	c.hears("open")
	rule := r.arm(hangs)
	c.goOn()
	require.Eventually(t, func() bool { return r.Receipts()[0].Fired > 0 }, bound, time.Millisecond)
	for range 5 {
		require.NoError(t, c.cmd.Process.Signal(syscall.SIGURG))
		time.Sleep(20 * time.Millisecond) // long enough for the kernel to tell of it
	}
	require.NoError(t, r.Disarm(rule.ID))
	c.hears("wrote <nil>")
}

// TestDropLetsGoOfWhatHangs answers a hung write in place of the array.
func TestDropLetsGoOfWhatHangs(t *testing.T) {
	r := mounted(t)
	c := start(t, "writer", filepath.Join(r.dir, "hung"))
	c.hears("open")
	rule := r.arm(hangs)
	c.goOn()
	require.Eventually(t, func() bool { return r.Receipts()[0].Fired > 0 }, bound, time.Millisecond)
	said := make(chan string)
	go func() { said <- c.line() }()
	for line := ""; line == ""; {
		r.m.Drop()
		select {
		case line = <-said:
			require.Contains(t, line, "input/output error")
		case <-time.After(time.Millisecond): // it was not waiting yet
		}
	}
	require.NoError(t, r.Disarm(rule.ID))
	info, err := os.Stat(filepath.Join(r.dir, "hung"))
	require.NoError(t, err)
	require.Zero(t, info.Size(), "it has not happened")
}

// syncer writes through a mapping and syncs it.
func syncer(args []string) error {
	f, err := os.OpenFile(args[0], os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	if err := f.Truncate(4096); err != nil {
		return err
	}
	m, err := syscall.Mmap(int(f.Fd()), 0, 4096, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		return err
	}
	m[0] = 'x'
	say("mapped")
	say(fmt.Sprint("synced ", msync(m)))
	return nil
}

// TestAHungMsyncEndsWithTheConnection is what the kernel imposes: the program
// sleeps and cannot be killed, until the connection is dropped.
func TestAHungMsyncEndsWithTheConnection(t *testing.T) {
	r := mounted(t)
	c := start(t, "syncer", filepath.Join(r.dir, "hung"))
	c.hears("mapped")
	r.arm(hangs)
	c.goOn()
	require.Eventually(t, func() bool { return r.Receipts()[0].Fired > 0 }, bound, time.Millisecond)
	require.False(t, c.dies(300*time.Millisecond))
	require.NoError(t, r.m.Abort())
	require.Eventually(t, func() bool { return dead(c.cmd.Process.Pid) }, bound, 10*time.Millisecond)
}

func dead(pid int) bool { return syscall.Kill(pid, 0) != nil }
