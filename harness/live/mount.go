package live

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"fourdays/storage/vol"
	"fourdays/storage/wire"
)

// Bounds on what a mount server may take; all picked, far above what they do.
const (
	mountWait   = 15 * time.Second       // until it is mounted
	flushWait   = 10 * time.Second       // until what is dirty has reached the volume
	releaseWait = 5 * time.Second        // until it is gone, killed
	cacheWait   = 200 * time.Millisecond // until clean pages are dropped
)

// Mounter makes volumes kernel mounts, each served by a process of its own.
type Mounter struct {
	Program string    // volmount, as it was built
	Zero    time.Time // when the volumes' clock began
	Log     *Log
	// Others lets other users of this machine use the mounts. Without root it
	// takes user_allow_other in /etc/fuse.conf.
	Others bool
}

// Mount is a volume that processes find in a directory.
type Mount struct {
	dir    string
	v      vol.Volume
	server *wire.Server
	proc   *Process
	said   *Output
	over   chan struct{} // the server has no more to do with the volume

	mu      sync.Mutex
	dropped <-chan struct{} // of the invalidation that nobody has seen end yet

	once sync.Once
	left error // what could not be tidied
}

// Mount makes a volume appear in dir, which is made, and removed with the mount.
// Its parent is there. The name is what the log and the kernel's table of mounts show.
func (m *Mounter) Mount(ctx context.Context, name string, v vol.Volume, dir string) (*Mount, error) {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, fmt.Errorf("mount %s: %w", name, err)
	}
	mount, err := m.start(ctx, name, v, dir)
	if err != nil {
		_ = os.Remove(dir)
		return nil, fmt.Errorf("mount %s at %s: %w", name, dir, err)
	}
	return mount, nil
}

func (m *Mounter) start(ctx context.Context, name string, v vol.Volume, dir string) (*Mount, error) {
	ours, theirs, err := wire.Pair()
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	ready, said := make(readiness, 1), m.Log.Output("mount "+name)
	proc, err := Command{
		Path: m.Program, Args: m.arguments(name, dir), Files: []*os.File{theirs},
		Stdout: ready, Output: said, Survives: true,
	}.Start()
	if err != nil {
		_ = ours.Close()
		return nil, err
	}
	mount := &Mount{dir: dir, v: v, server: wire.NewServer(ours, v), proc: proc, said: said, over: make(chan struct{})}
	go func() {
		defer close(mount.over)
		_ = mount.server.Serve() // what the server sent wrongly shows as errors on the mount
	}()
	if err := mount.wait(ctx, ready); err != nil {
		mount.abort()
		return nil, err
	}
	return mount, nil
}

// readAhead is a page: an array is asked for what a program looks at, as in the
// simulator. Of a fault that hits one read in fifty a program would see next to
// nothing among the pages that it never looks at.
const readAhead = 4096

func (m *Mounter) arguments(name, dir string) []string {
	args := []string{"-tidy", "-anyway", "-name", name, "-read-ahead", strconv.Itoa(readAhead)}
	if !m.Zero.IsZero() {
		args = append(args, "-zero", strconv.FormatInt(m.Zero.UnixNano(), 10))
	}
	if m.Others {
		args = append(args, "-allow-other")
	}
	return append(args, dir)
}

// readiness is told when a process prints "ready".
type readiness chan struct{}

// Write implements io.Writer.
func (r readiness) Write(p []byte) (int, error) {
	if strings.Contains(string(p), "ready") {
		select {
		case r <- struct{}{}:
		default:
		}
	}
	return len(p), nil
}

func (m *Mount) wait(ctx context.Context, ready readiness) error {
	ctx, cancel := context.WithTimeout(ctx, mountWait)
	defer cancel()
	select {
	case <-ready:
		return nil
	case <-m.proc.Ended():
		if words := m.said.Last(); words != "" {
			return errors.New(words)
		}
		return fmt.Errorf("the mount server ended with code %d", m.proc.Code())
	case <-ctx.Done():
		return fmt.Errorf("the mount server is not ready: %w", ctx.Err())
	}
}

// Dir is where the volume is.
func (m *Mount) Dir() string { return m.dir }

// Ended is closed when the mount's server has ended, wanted or not.
func (m *Mount) Ended() <-chan struct{} { return m.proc.Ended() }

// ID is the process ID of the mount's server.
func (m *Mount) ID() int { return m.proc.ID() }

// Code is how the mount's server ended, once it has.
func (m *Mount) Code() uint32 { return m.proc.Code() }

// Invalidate drops every clean page and name that the kernel holds, so that
// programs read again what the volume says now. It answers whether that is done:
// a page whose own read hangs is dropped when that is over. That is waited for
// once, and not by those who ask again meanwhile.
func (m *Mount) Invalidate() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.dropped != nil {
		select {
		case <-m.dropped:
		default:
			return false
		}
	}
	m.dropped = m.server.Invalidate()
	timer := time.NewTimer(cacheWait)
	defer timer.Stop()
	select {
	case <-m.dropped:
		return true
	case <-timer.C:
		return false
	}
}

// Shut is the moment of a power cut: nothing reaches the volume any more, and
// nothing is answered. Cut has to follow.
func (m *Mount) Shut() { m.server.Shut() }

// Cut ends the mount as a power cut does. What the kernel held and had not
// given to the volume is gone, and whoever sleeps in it wakes up and dies.
func (m *Mount) Cut() error {
	m.Shut()
	return m.abort()
}

// Abort ends the mount at once. What the kernel held and had not given to the
// volume is gone.
func (m *Mount) Abort() error { return m.abort() }

// Close ends the mount once what is dirty has reached the volume, or when that
// takes too long. One that is still in use ends too, which is an error: nobody
// knows what of it has reached the volume.
func (m *Mount) Close() error {
	select {
	case <-m.Ended():
		return m.abort()
	default:
	}
	done := make(chan error, 1)
	go func() { done <- Unmount(m.dir, false) }()
	timer := time.NewTimer(flushWait)
	defer timer.Stop()
	select {
	case err := <-done:
		if err != nil {
			return errors.Join(fmt.Errorf("unmount %s: %w: what was not synced may be lost", filepath.Base(m.dir), err), m.abort())
		}
		m.proc.EndsWithin(releaseWait)
	case <-timer.C:
	}
	return m.abort() // only what is left to tidy, if it was in time
}

func (m *Mount) abort() error {
	m.once.Do(func() { m.left = m.tidy() })
	return m.left
}

// tidy ends the connection, kills the server, and takes the mount out of sight. A
// server that was told to forget a page which hangs sleeps in its own mount: it
// would not die before the connection ends, nor would that end before it. Without
// root the kernel has to find that out by itself.
func (m *Mount) tidy() error {
	_ = Sever(m.dir) // what is left is looked at below
	m.proc.Kill()
	_ = m.server.Close()
	gone := m.proc.EndsWithin(releaseWait)
	<-m.over
	err := Unmount(m.dir, true)
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOENT) {
		err = nil // it is no mount any more
	}
	if rerr := os.Remove(m.dir); err == nil && !errors.Is(rerr, os.ErrNotExist) {
		err = rerr
	}
	if err == nil && !gone {
		err = fmt.Errorf("the mount server does not die within %v", releaseWait)
	}
	if err != nil {
		return fmt.Errorf("unmount %s: %w", filepath.Base(m.dir), err)
	}
	return nil
}
