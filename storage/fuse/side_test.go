//go:build linux

package fuse_test

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	gofuse "github.com/hanwen/go-fuse/v2/fuse"
	"github.com/stretchr/testify/require"

	"fourdays/storage/array"
	"fourdays/storage/bug"
	"fourdays/storage/fuse"
	"fourdays/storage/media"
	"fourdays/storage/vol"
	"fourdays/storage/wire"
)

// repetitions of the side-by-side measurement; 0 leaves it out. make bench-fuse
// asks for it.
var repetitions = flag.Int("side-by-side", 0, "how often to measure mounts side by side")

// What is measured: all, if it is empty.
var (
	onlySystem = flag.String("system", "", "measure only these systems, with + between")
	onlyItem   = flag.String("item", "", "measure only items whose name begins so")
)

// system is a file system that is measured.
type system struct {
	name   string
	server []string // of clients, with the directory and the one below to come; none is the bare disk
	below  string   // where a directory below is made
}

var systems = []system{
	{"disk", nil, ""},
	{"loopback", []string{"loopback", "0"}, "/dev/shm"},
	{"loopback, 1 processor", []string{"loopback", "1"}, "/dev/shm"},
	{"fourdays", []string{"bench server", "1", "0", "memory"}, ""},
	{"fourdays, 100 rules", []string{"bench server", "1", "100", "memory"}, ""},
	{"fourdays, all processors", []string{"bench server", "0", "0", "memory"}, ""},
	{"fourdays, 2 processes", []string{"bench server", "1", "0", "wire"}, ""},
	{"fourdays, media on disk", []string{"bench server", "1", "0", "media"}, ""},
	{"fourdays, real flushes", []string{"bench server", "1", "0", "synced"}, ""},
	{"lazyfs", []string{"lazyfs"}, "/dev/shm"},
}

func init() {
	clients["bench server"] = benchServer
	clients["bench far"] = func(args []string) error {
		processors(args[0])
		conn, err := wire.Inherited(3)
		if err != nil {
			return err
		}
		return benchMount(wire.Dial(conn), args[1])
	}
	clients["loopback"] = loopback
	clients["lazyfs"] = lazyfs
}

func processors(n string) {
	if n, _ := strconv.Atoi(n); n > 0 {
		runtime.GOMAXPROCS(n)
	}
}

// benchServer mounts a volume with so many rules armed that match nothing here.
func benchServer(args []string) error {
	processors(args[0])
	rules, _ := strconv.Atoi(args[1])
	v, err := benchVolume(rules, args[2], args[4])
	if err != nil {
		return err
	}
	profile, err := profiled()
	if err != nil {
		return err
	}
	defer profile()
	if args[2] == "wire" {
		return benchWire(v, args[0], args[3])
	}
	return benchMount(v, args[3])
}

func benchMount(v vol.Volume, dir string) error {
	begin := time.Now()
	m, err := fuse.Serve(dir, v, fuse.Options{AllowOther: true})
	if err != nil {
		return err
	}
	say(fmt.Sprint("mounted in ", time.Since(begin).Round(10*time.Microsecond)))
	return m.Unmount()
}

// benchWire serves a volume to a mount server of its own, as live worlds do.
func benchWire(v vol.Volume, processors, dir string) error {
	conn, theirs, err := wire.Pair()
	if err != nil {
		return err
	}
	cmd := command("bench far", processors, dir)
	cmd.ExtraFiles = []*os.File{theirs}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := cmd.Start(); err != nil {
		return err
	}
	go wire.Serve(conn, v)
	return cmd.Wait()
}

// idles are rules that are armed and match nothing here.
var idles = []func(i int) string{
	func(i int) string {
		return fmt.Sprintf("trigger: {match: {ops: [write, read, fsync], path: no/such/%d}}\nscope: {path: no/such/%d}\neffect: {ops: [write, read, fsync], reply: EIO}", i, i)
	},
	func(i int) string {
		return fmt.Sprintf("trigger: {event: arm}\nscope: {path: \"*.%d\"}\neffect: {ops: [write, read, fsync, stat], reply: EIO}", i)
	},
	func(i int) string {
		return fmt.Sprintf("trigger: {count: ops, at: %d}\neffect: {ops: [write, read, fsync, stat], reply: EIO}", 1_000_000_000_000+i)
	},
	func(int) string {
		return "trigger: {chance: 1e-12}\neffect: {ops: [write, read, fsync, stat], reply: EIO}"
	},
	func(int) string { return "trigger: {event: scrub}\neffect: {action: wipe}" },
}

func benchVolume(rules int, mode, below string) (vol.Volume, error) {
	cfg := array.Config{Arrays: map[string]array.ArrayConfig{"east": {}}, Volumes: map[string]array.VolumeConfig{"n1": {Array: "east"}}}
	var m *media.Media
	if mode == "media" || mode == "synced" {
		var err error
		if m, err = media.Open(below); err != nil {
			return nil, err
		}
		cfg.Media = m
	}
	f, err := array.New(realTime{time.Now()}, 1, cfg)
	if err != nil {
		return nil, err
	}
	for i := range rules {
		b, err := bug.Parse("bench.yaml", fmt.Appendf(nil, "id: bench-%d\npersistence: permanent\n%s\n", i, idles[i%len(idles)](i)))
		if err == nil {
			_, err = f.Arm(b, bug.Scope{})
		}
		if err != nil {
			return nil, err
		}
	}
	if mode == "synced" {
		return media.NewSynced(f.Volume("n1"), m), nil
	}
	return f.Volume("n1"), nil
}

// profiled writes a profile of the server where FOURDAYS_PROFILE says.
func profiled() (stop func(), err error) {
	path := os.Getenv("FOURDAYS_PROFILE")
	if path == "" {
		return func() {}, nil
	}
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	return pprof.StopCPUProfile, pprof.StartCPUProfile(f)
}

// loopback is go-fuse's example of that name, with extended attributes and the
// kernel's passthrough off: it sees every request, as we do.
func loopback(args []string) error {
	processors(args[0])
	root, err := fs.NewLoopbackRoot(args[2])
	if err != nil {
		return err
	}
	second := time.Second
	begin := time.Now()
	s, err := fs.Mount(args[1], root, &fs.Options{AttrTimeout: &second, EntryTimeout: &second, NullPermissions: true,
		MountOptions: gofuse.MountOptions{Name: "loopback", AllowOther: true, DirectMount: true, DisableXAttrs: true,
			DisabledCapabilities: gofuse.CAP_PASSTHROUGH, Options: []string{"default_permissions"}}})
	if err != nil {
		return err
	}
	say(fmt.Sprint("mounted in ", time.Since(begin).Round(10*time.Microsecond)))
	return s.Unmount()
}

// lazyfs runs LazyFS in the foreground with a cache that holds all that is
// measured.
func lazyfs(args []string) error {
	root, config, fifo := filepath.Join(args[1], "root"), filepath.Join(args[1], "config"), filepath.Join(args[1], "fifo")
	if err := os.Mkdir(root, 0o755); err != nil {
		return err
	}
	text := fmt.Sprintf("[faults]\nfifo_path=%q\n[cache]\napply_eviction=false\n[cache.simple]\ncustom_size=\"2gb\"\nblocks_per_page=1\n[filesystem]\nlog_all_operations=false\nlogfile=\"\"\n", fifo)
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		return err
	}
	cmd := exec.Command("lazyfs", args[0], "-o", "allow_other", "-o", "modules=subdir", "-o", "subdir="+root, "--config-path", config, "-f")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	begin := time.Now()
	if err := cmd.Start(); err != nil {
		return err
	}
	for len(mountLines(args[0])) == 0 {
		if time.Since(begin) > bound {
			return errors.New("lazyfs does not mount")
		}
		time.Sleep(time.Millisecond)
	}
	say(fmt.Sprint("mounted in ", time.Since(begin).Round(time.Millisecond)))
	err := syscall.Unmount(args[0], 0)
	cmd.Wait() // it aborts when it is unmounted
	return err
}

// running is a system that is mounted.
type running struct {
	system
	client  *client
	dir     string
	said    string
	figures map[string][]float64
}

func (s system) start(t *testing.T) *running {
	t.Helper()
	r := &running{system: s, dir: t.TempDir(), figures: map[string][]float64{}}
	if s.server == nil {
		return r
	}
	below, err := os.MkdirTemp(s.below, "bench")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(below) })
	t.Cleanup(func() { syscall.Unmount(r.dir, syscall.MNT_DETACH) }) // if it is there still
	r.client = start(t, s.server[0], append(slices.Clone(s.server[1:]), r.dir, below)...)
	r.said = r.client.line()
	require.Contains(t, r.said, "mounted in ")
	return r
}

func (r *running) measure(t *testing.T, i item) {
	t.Helper()
	dir := filepath.Join(r.dir, "item")
	require.NoError(t, os.Mkdir(dir, 0o755))
	c := start(t, "item", i.name, dir)
	figure, err := strconv.ParseFloat(c.lineWithin(10*bound), 64)
	c.ends()
	require.NoError(t, err)
	r.figures[i.name] = append(r.figures[i.name], figure)
	require.NoError(t, os.RemoveAll(dir))
}

// TestSideBySide measures mounts in turn, in another order each time, and prints
// the medians and the ratios of each repetition. It asserts nothing: what a busy
// machine says is no verdict.
func TestSideBySide(t *testing.T) {
	if *repetitions == 0 {
		t.Skip("make bench-fuse measures")
	}
	mounted(t) // needs what the others need
	var all []*running
	for _, s := range systems {
		if s.name == "lazyfs" {
			if _, err := exec.LookPath("lazyfs"); err != nil {
				fmt.Println("lazyfs is not installed: left out")
				continue
			}
		}
		if *onlySystem == "" || slices.Contains(strings.Split(*onlySystem, "+"), s.name) {
			all = append(all, s.start(t))
		}
	}
	for range *repetitions {
		for _, i := range chosen() {
			for _, at := range rand.Perm(len(all)) {
				all[at].measure(t, i)
			}
		}
	}
	report(t, all)
	for _, r := range all {
		if r.client != nil {
			r.client.goOn()
			r.client.ends()
		}
	}
}

func chosen() (some []item) {
	for _, i := range items {
		if strings.HasPrefix(i.name, *onlyItem) {
			some = append(some, i)
		}
	}
	return some
}

func middle(all []float64) float64 {
	s := slices.Sorted(slices.Values(all))
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}

// ratio is that of two systems, repetition by repetition: more is better for the
// first.
func ratio(i item, a, b []float64) string {
	var all []float64
	for k := range a {
		q := a[k] / b[k]
		if i.less {
			q = 1 / q
		}
		all = append(all, q)
	}
	return fmt.Sprintf("%.2f (%.2f–%.2f)", middle(all), slices.Min(all), slices.Max(all))
}

// report prints what was measured: medians first, then what each of ours is of
// each of the others.
func report(t *testing.T, all []*running) {
	fmt.Printf("\n%d repetitions in turn, medians; %d processors, GOMAXPROCS of a server as its name says\nrates are those of the median operation, but for badger\n", *repetitions, runtime.NumCPU())
	for _, r := range all {
		fmt.Printf("%-34s", r.name)
		if r.client != nil {
			now, peak, err := memoryOfAll(r.client.cmd.Process.Pid)
			require.NoError(t, err)
			fmt.Printf("%s, %.0f MB resident, %.0f MB at most", r.said, now, peak)
		}
		fmt.Println()
	}
	for _, i := range chosen() {
		fmt.Printf("\n%s (%s)\n", i.name, i.unit)
		for _, r := range all {
			fmt.Printf("  %-34s%10.4g", r.name, middle(r.figures[i.name]))
			for _, other := range all {
				if other != r && strings.HasPrefix(r.name, "fourdays") && (other.name == "fourdays" || !strings.HasPrefix(other.name, "fourdays")) {
					fmt.Printf("   %s %s", ratio(i, r.figures[i.name], other.figures[i.name]), other.name)
				}
			}
			fmt.Println()
		}
	}
	if *onlyItem != "" {
		return
	}
	large, small := items[1].name, items[2].name
	fmt.Printf("\na 1 MB file against one of 256 MB, write+fsync\n")
	for _, r := range all {
		fmt.Printf("  %-34s%s\n", r.name, ratio(item{}, r.figures[small], r.figures[large]))
	}
}

// mountLines is what /proc/self/mounts says of a directory.
func mountLines(dir string) (all []string) {
	text, _ := os.ReadFile("/proc/self/mounts")
	for line := range strings.Lines(string(text)) {
		if strings.Contains(line, " "+dir+" ") {
			all = append(all, line)
		}
	}
	return all
}
