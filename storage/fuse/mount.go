//go:build linux

package fuse

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	gofuse "github.com/hanwen/go-fuse/v2/fuse"

	"fourdays/storage/vol"
)

// The bounds of a mount, all picked but the first.
const (
	maxWrite      = 1 << 20 // the most that the kernel writes or reads at once
	maxBackground = 1024    // reads ahead and writes of mapped pages that may hang before others have to wait
	mountWithin   = 10 * time.Second
	anywayWithin  = 200 * time.Millisecond // how long a volume that is mounted anyway is waited for
	unmountWithin = 5 * time.Second        // how long Abort waits for the connection to end
	closeWithin   = 2 * time.Second        // how long Unmount waits for files to be closed
)

// Mount is a volume that is mounted.
type Mount struct {
	dir    string
	id     string // of the connection, in /sys/fs/fuse/connections
	d      *door
	server *gofuse.Server
	gone   chan struct{}
	stale  stale
}

var started = time.Now()

// Serve mounts a volume at an empty directory and returns when programs can use
// it. Its requests are answered in the background until the mount is gone.
func Serve(dir string, v vol.Volume, o Options) (*Mount, error) {
	if err := Missing(); err != nil {
		return nil, fmt.Errorf("mount %s: %w", dir, err)
	}
	dir, err := mountPoint(dir)
	if err != nil {
		return nil, fmt.Errorf("mount %s: %w", dir, err)
	}
	root, err := rootOf(v, o.Anyway)
	if err != nil {
		return nil, fmt.Errorf("mount %s: %w", dir, err)
	}
	if o.Zero.IsZero() {
		o.Zero = started
	}
	m := &Mount{dir: dir, d: newDoor(v, root, o.Zero), gone: make(chan struct{})}
	if err := m.mount(o); err != nil {
		return nil, fmt.Errorf("mount %s: %w", dir, err)
	}
	return m, nil
}

// rootOf asks a volume for its root, which belongs to whoever mounts it first. If
// it does not say and is to be mounted anyway, a new volume's root has to do.
func rootOf(v vol.Volume, anyway bool) (vol.Info, error) {
	if uid, gid := os.Geteuid(), os.Getegid(); uid != 0 {
		mine := &vol.Attr{Has: vol.HasUID | vol.HasGID, UID: uint32(uid), GID: uint32(gid)}
		if _, err := askRoot(v, vol.Op{Kind: vol.SetAttr, Attr: mine}, anyway); err != nil && !anyway {
			return vol.Info{}, err
		}
	}
	res, err := askRoot(v, vol.Op{Kind: vol.Stat}, anyway)
	if err != nil && anyway {
		return vol.Info{Name: ".", Ino: gofuse.FUSE_ROOT_ID, Mode: fs.ModeDir | 0o755}, nil
	}
	return res.Info, err
}

func askRoot(v vol.Volume, op vol.Op, anyway bool) (vol.Result, error) {
	within := mountWithin
	if op.Path = "."; anyway {
		op.NoWait, within = true, anywayWithin
	}
	answer := make(chan vol.Result, 1)
	v.Do(&op, func(r vol.Result) { answer <- r })
	select {
	case res := <-answer:
		if res.Errno != 0 {
			return res, fmt.Errorf("%s the volume's root: %w", op.Kind, res.Errno)
		}
		return res, nil
	case <-time.After(within):
		return vol.Result{}, fmt.Errorf("%s the volume's root: no answer within %v", op.Kind, within)
	}
}

func (m *Mount) mount(o Options) error {
	server, err := connect(m.d, m.dir, settings(o))
	if err != nil {
		return explain(err, o)
	}
	m.server = server
	go func() {
		server.Serve()
		close(m.gone)
	}()
	if m.id, err = connection(m.dir); err == nil {
		err = m.usable(o.Anyway)
	}
	if err != nil {
		return errors.Join(err, m.Abort())
	}
	return nil
}

// usable waits until a program can use the mount. One that does so while the volume
// hangs would hang, and so would we.
func (m *Mount) usable(anyway bool) error {
	if !anyway {
		return m.server.WaitMount()
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = m.server.WaitMount() // whoever uses the mount is told
	}()
	select {
	case <-done:
	case <-time.After(anywayWithin):
	}
	return nil
}

// connecting is held while a process gets a connection more, to tell it from others.
var connecting sync.Mutex

// connect mounts, and finds the open file that is the connection. A program
// started meanwhile must not inherit it: it would not end with this process.
func connect(d *door, dir string, o *gofuse.MountOptions) (*gofuse.Server, error) {
	connecting.Lock()
	defer connecting.Unlock()
	if o.DirectMountStrict { // fusermount3 is itself such a program
		syscall.ForkLock.RLock()
		defer syscall.ForkLock.RUnlock()
	}
	before, err := connections()
	if err != nil {
		return nil, err
	}
	server, err := gofuse.NewServer(d, dir, o)
	if err != nil {
		return nil, err
	}
	after, err := connections()
	for _, fd := range after {
		if !slices.Contains(before, fd) {
			syscall.CloseOnExec(fd)
			d.fd = fd
		}
	}
	return server, err
}

// connections lists this process's open files that lead to the kernel's FUSE.
func connections() (all []int, err error) {
	fds, err := os.ReadDir("/proc/self/fd")
	for _, e := range fds {
		if to, _ := os.Readlink("/proc/self/fd/" + e.Name()); to == device {
			fd, _ := strconv.Atoi(e.Name())
			all = append(all, fd)
		}
	}
	return all, err
}

// settings is how the kernel is to behave. Its write-back cache stays off: an
// fsync would then cost more, and a write would be nobody's until then.
// Extended attributes are off, and setuid bits are dropped by us, so that a write
// is one request. Pages go when Invalidate says so, not when a time of change has.
func settings(o Options) *gofuse.MountOptions {
	out := io.Discard
	if o.Debug {
		out = os.Stderr
	}
	name := o.Name
	if name == "" {
		name = Type
	}
	return &gofuse.MountOptions{
		Name: Type, FsName: name, AllowOther: o.AllowOther, Debug: o.Debug, Options: []string{"default_permissions"},
		DirectMountStrict: os.Geteuid() == 0, MaxWrite: maxWrite, MaxBackground: maxBackground, MaxReadAhead: o.ReadAhead,
		DisableXAttrs: true, DisableSplice: true, ExplicitDataCacheControl: true,
		ExtraCapabilities: gofuse.CAP_ATOMIC_O_TRUNC | gofuse.CAP_HANDLE_KILLPRIV_V2 | gofuse.CAP_READDIRPLUS_AUTO,
		Logger:            log.New(out, "fuse: ", log.Lmicroseconds),
		PanicHandler: func(v any) gofuse.Status {
			fmt.Fprintf(os.Stderr, "fuse: %v\n%s", v, debug.Stack())
			return gofuse.EIO
		},
	}
}

// Dir is the directory at which the volume is mounted.
func (m *Mount) Dir() string { return m.dir }

// Wait returns when the mount has ended, by whomever.
func (m *Mount) Wait() { <-m.gone }

// Drop answers every request that hangs with EIO, once. It is for a node that
// was killed while its storage hangs: its processes cannot end before.
func (m *Mount) Drop() { m.d.dropAll() }

// Unmount takes the mount away as umount does: dirty pages reach the volume first.
// It fails while programs use the mount, and waits while the volume hangs; but not
// for the closing of files, which the kernel asks for and nobody waits for.
func (m *Mount) Unmount() error {
	if err := m.umount(0, "-u"); err != nil {
		return fmt.Errorf("unmount %s: %w", m.dir, err)
	}
	if m.endsWithin(closeWithin) != nil {
		m.d.finish()
		<-m.gone
	}
	return nil
}

// Abort ends the connection: what hangs is answered with an error, the dirty pages
// that the kernel holds are dropped, and no later operation reaches the volume.
// The directory is free afterwards; programs that use the mount get errors.
func (m *Mount) Abort() error {
	m.d.shut.Store(true)
	lingers, err := m.abort()
	m.d.finish()
	if lazy := m.umount(syscall.MNT_DETACH, "-uz"); lazy != nil && !errors.Is(lazy, syscall.EINVAL) {
		err = errors.Join(err, lazy)
	}
	if !lingers {
		err = errors.Join(err, m.endsWithin(unmountWithin))
	}
	if err != nil {
		return fmt.Errorf("abort %s: %w", m.dir, err)
	}
	return nil
}

func (m *Mount) endsWithin(d time.Duration) error {
	select {
	case <-m.gone:
		return nil
	case <-time.After(d):
		return fmt.Errorf("the connection has not ended within %v", d)
	}
}

// abort ends the connection by a forced unmount or, without the right to that or
// where it is detached already, through fusectl. Where that is not mounted either
// the connection lingers until the last program that uses the mount has ended,
// and all they get is errors.
func (m *Mount) abort() (lingers bool, err error) {
	if m.endsWithin(0) == nil {
		return false, nil
	}
	if os.Geteuid() == 0 {
		if err := m.umount(syscall.MNT_FORCE|syscall.MNT_DETACH, ""); !errors.Is(err, syscall.EINVAL) {
			return false, err
		}
	}
	err = os.WriteFile(filepath.Join("/sys/fs/fuse/connections", m.id, "abort"), []byte("1"), 0)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	return false, err
}

// umount unmounts with a flag as root, or else through fusermount3.
func (m *Mount) umount(flag int, option string) error {
	if os.Geteuid() == 0 {
		return syscall.Unmount(m.dir, flag)
	}
	out, err := exec.Command(fusermount, option, m.dir).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w: %s", fusermount, option, err, strings.TrimSpace(string(out)))
	}
	return nil
}
