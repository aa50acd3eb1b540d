package docker

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"fourdays/harness/live"
	"fourdays/harness/world"
	"fourdays/storage/vol"
)

// seat is a volume that is mounted for a machine's containers. It outlives
// them: what a killed program wrote is in the kernel's caches.
type seat struct {
	world.Mount
	mount  *live.Mount
	ending atomic.Bool // its end is wanted
}

// watch fails the run if the mount's server ends by itself.
func (s *seat) watch(w *World, name string) {
	<-s.mount.Ended()
	if !s.ending.Load() {
		w.Fail(fmt.Errorf("serve mount %s: its server ended by itself with code %d", name, s.mount.Code()))
	}
}

// shut is the moment of a power cut: nothing reaches the volume any more.
func (s *seat) shut() {
	s.ending.Store(true)
	s.mount.Shut()
}

// seats are those of one machine. They may be used from any goroutine.
type seats struct {
	mu  sync.Mutex
	all []*seat
}

// drop forgets those that are as asked, and returns them.
func (s *seats) drop(which func(*seat) bool) (dropped []*seat) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = slices.DeleteFunc(s.all, func(one *seat) bool {
		if which(one) {
			dropped = append(dropped, one)
			return true
		}
		return false
	})
	return dropped
}

// take forgets all, and returns them.
func (s *seats) take() []*seat { return s.drop(func(*seat) bool { return true }) }

// list returns all.
func (s *seats) list() []*seat {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.all)
}

// add takes one more, unless the life that it was mounted for is over.
func (s *seats) add(l *life, one *seat) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l.over.Load() {
		return false
	}
	s.all = append(s.all, one)
	return true
}

// mountAll mounts the volumes of a life, but those that are mounted already, and
// no others.
func (m *machine) mountAll(l *life) (binds []bind, err error) {
	err = endAll(m.seats.drop(func(s *seat) bool {
		return !slices.Contains(l.spec.Mounts, s.Mount) || isClosed(s.mount.Ended())
	}), (*live.Mount).Close)
	for _, want := range l.spec.Mounts {
		if err != nil {
			return nil, err
		}
		var s *seat
		s, err = m.seat(l, want)
		if err == nil {
			binds = append(binds, bind{from: s.mount.Dir(), to: want.Path})
		}
	}
	return binds, err
}

// seat finds a volume where it is mounted, or mounts it.
func (m *machine) seat(l *life, want world.Mount) (*seat, error) {
	for _, s := range m.seats.list() {
		if s.Mount == want {
			return s, nil
		}
	}
	if err := os.MkdirAll(m.w.dir, 0o700); err != nil {
		return nil, fmt.Errorf("make a folder for mounts: %w", err)
	}
	name := m.name + strings.ReplaceAll(want.Path, "/", "-")
	mount, err := m.w.mounter.Mount(m.w.ctx, name, want.Volume, filepath.Join(m.w.dir, name))
	if err != nil {
		return nil, err
	}
	s := &seat{Mount: want, mount: mount}
	go s.watch(m.w, name)
	if !m.seats.add(l, s) {
		return nil, errors.Join(errOver, endAll([]*seat{s}, (*live.Mount).Cut))
	}
	return s, nil
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// endAll ends mounts side by side.
func endAll(all []*seat, how func(*live.Mount) error) error {
	errs := make([]error, len(all))
	var each sync.WaitGroup
	for i, s := range all {
		s.ending.Store(true)
		each.Go(func() { errs[i] = how(s.mount) })
	}
	each.Wait()
	return errors.Join(errs...)
}

// tell tells the volumes what has become of their machine.
func tell(all []*seat, what func(vol.Machine)) {
	for _, s := range all {
		if v, ok := s.Volume.(vol.Machine); ok {
			what(v)
		}
	}
}

// plan is a life, with the program's calls to others sent through the network.
func (w *World) plan(spec world.Spec) (*life, error) {
	if _, ok := w.place.programs[spec.Program]; !ok {
		return nil, fmt.Errorf("no program %q in this world", spec.Program)
	}
	l := &life{spec: spec, args: spec.Args}
	var via []string
	for _, peer := range sorted(spec.Peers) {
		instead, err := w.links.Way(spec.Name, peer, spec.Peers[peer])
		if err != nil {
			return nil, err
		}
		via = append(via, spec.Peers[peer]+"="+instead)
	}
	if len(via) > 0 {
		l.args = append([]string{"-via", strings.Join(via, ",")}, spec.Args...)
	}
	return l, nil
}
