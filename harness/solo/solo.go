package solo

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"fourdays/harness/live"
	"fourdays/storage/array"
	"fourdays/storage/bug"
	"fourdays/storage/catalog"
	"fourdays/storage/fuse"
	"fourdays/storage/media"
	"fourdays/storage/vol"
)

// What the array, its volume and the replica set are called.
const (
	arrayName  = "array"
	volumeName = "volume"
	storeName  = "main"
)

// flushWait is how long Close waits for what is dirty. Picked.
const flushWait = 10 * time.Second

// Config is what a mount is made of.
type Config struct {
	Dir        string
	Name       string // what /proc/mounts shows as the device
	Seed       uint64
	Array      array.ArrayConfig
	Profile    array.Profile
	Bugs       Bugs // that can be armed
	AllowOther bool
	Media      string // the folder in which the bytes lie; empty is the memory of this process
	RealSync   bool   // a flush waits for the disk that Media is on
}

// Bugs finds a bug by its ID. A catalog.Set does.
type Bugs interface {
	Get(id string) (bug.Bug, bool)
}

// Shipped are the bugs of the catalogue. They are read when the first is asked
// for: most of the time that a mount takes would go into that.
type Shipped struct{}

// Get implements Bugs.
func (Shipped) Get(id string) (bug.Bug, bool) { return catalog.Get(id) }

// Solo is a volume that is mounted.
type Solo struct {
	cfg   Config
	start time.Time
	loop  *live.Loop // the clock of the array
	fleet *array.Fleet
	v     *array.Volume
	front vol.Volume    // what the kernel sees: v, maybe behind its media
	media *media.Media  // nil is memory
	gone  chan struct{} // the mount has ended and does not come back
	busy  sync.WaitGroup

	mu     sync.Mutex
	m      *fuse.Mount        // nil while it is down, and when it is gone
	down   bool               // there is no mount, since the last one did not come back after a power loss
	armed  map[string]*arming // by name, what is armed now
	all    map[string]*arming // by rule, whatever was armed
	losses int
}

// arming is a bug that was armed.
type arming struct {
	name      string
	rule      array.Rule
	overrides []string
}

// Open makes an array with a volume and mounts it.
func Open(cfg Config) (*Solo, error) {
	s := &Solo{cfg: cfg, start: time.Now(), loop: live.NewLoop(), gone: make(chan struct{}), armed: map[string]*arming{}, all: map[string]*arming{}}
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.build()
	if err == nil {
		err = s.mount(false)
	}
	if err != nil {
		s.finish()
		return nil, err
	}
	return s, nil
}

// finish ends everything, with the lock held. Media stay mapped, as the volume
// may still be at an operation; they end with the process.
func (s *Solo) finish() {
	s.loop.Close()
	close(s.gone)
}

// build makes the array, on media if there are to be any.
func (s *Solo) build() (err error) {
	cfg := array.Config{
		Arrays:  map[string]array.ArrayConfig{arrayName: s.cfg.Array},
		Volumes: map[string]array.VolumeConfig{volumeName: {Array: arrayName, Store: storeName, Profile: s.cfg.Profile}},
	}
	if s.cfg.Media != "" {
		if s.media, err = media.Open(s.cfg.Media); err != nil {
			return err
		}
		cfg.Media = s.media
	}
	if s.fleet, err = array.New(s.loop, s.cfg.Seed, cfg); err != nil {
		return err
	}
	s.v = s.fleet.Volume(volumeName)
	s.front = s.v
	if s.media != nil && s.cfg.RealSync {
		s.front = media.NewSynced(s.v, s.media)
	}
	return nil
}

// mount shows the volume to the kernel, with the lock held; again even if it
// hangs: who opens a file then hangs as well.
func (s *Solo) mount(again bool) error {
	m, err := fuse.Serve(s.cfg.Dir, s.front, fuse.Options{Name: s.cfg.Name, AllowOther: s.cfg.AllowOther, Zero: s.start, Anyway: again})
	if err != nil {
		return err
	}
	s.m, s.down = m, false
	go func() {
		m.Wait()
		s.ended(m)
	}()
	return nil
}

// ended notes that a mount is no more, unless another has taken its place.
func (s *Solo) ended(m *fuse.Mount) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.m == m {
		s.m = nil
		s.finish()
	}
}

// Gone is closed when the mount has ended, by whomever.
func (s *Solo) Gone() <-chan struct{} { return s.gone }

var (
	errGone = errors.New("the mount has ended")
	errDown = errors.New("the mount did not come back after the power loss: heal brings it back, umount ends it")
)

// mounted is the mount, while there is one.
func (s *Solo) mounted() (*fuse.Mount, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.down:
		return nil, errDown
	case s.m == nil:
		return nil, errGone
	}
	return s.m, nil
}

// giveUp ends what is down.
func (s *Solo) giveUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down {
		s.down = false
		s.finish()
	}
}

// Umount ends the mount. While programs use it, that is refused with their
// names, unless lazy: then they get errors. It waits for what is dirty, which is
// for ever when the array hangs; so it holds no lock.
func (s *Solo) Umount(lazy bool) error {
	m, err := s.mounted()
	if errors.Is(err, errDown) {
		s.giveUp()
		return nil
	}
	if err != nil {
		return err
	}
	if lazy {
		return m.Abort()
	}
	if err := m.Unmount(); err != nil {
		if users := Users(s.cfg.Dir); len(users) > 0 {
			return fmt.Errorf("%w: used by %s", err, list(users))
		}
		return err
	}
	return nil
}

// Close ends the mount; with errors to who uses it, and without what is dirty, if
// it does not end otherwise within a bound.
func (s *Solo) Close() error {
	flushed := make(chan error, 1)
	go func() { flushed <- s.Umount(false) }()
	select {
	case err := <-flushed:
		if err == nil || errors.Is(err, errGone) {
			return nil
		}
	case <-time.After(flushWait):
	}
	if err := s.Umount(true); !errors.Is(err, errGone) {
		return err
	}
	return nil
}

// powerLoss is the node's: what the kernel held is gone, and of what was not
// durable a part. Programs that use the mount get errors from now on, and
// whoever opens a file anew finds what is left.
func (s *Solo) powerLoss() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.m == nil && !s.down {
		return errGone
	}
	m := s.m
	s.m, s.down = nil, true // its end is not that of us
	var errs []error
	if m != nil {
		errs = append(errs, m.Abort())
	}
	s.v.PowerLoss()
	s.losses++
	if err := s.mount(true); err != nil {
		errs = append(errs, errDown, err)
	}
	return errors.Join(errs...)
}

// comeBack mounts again what is down.
func (s *Solo) comeBack() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.down {
		return nil
	}
	return s.mount(true)
}

// changed lets the kernel forget what the array may now say otherwise.
func (s *Solo) changed() {
	if m, err := s.mounted(); err == nil {
		m.Invalidate()
	}
}
