package docker

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/client"
	"github.com/stretchr/testify/require"

	"fourdays/harness/live"
	"fourdays/harness/world"
)

// stage is a world in which the guest runs.
type stage struct {
	*lab
	place *Place
	w     *World
}

// newStage makes a world.
func newStage(t *testing.T) *stage {
	t.Helper()
	l := newBareLab(t)
	s := &stage{lab: l, place: &Place{engine: l.e, programs: l.programs, images: map[string]string{"guest": l.image}}}
	s.open()
	return s
}

// open makes the world, which is closed with the test at the latest.
func (s *stage) open() {
	s.t.Helper()
	made, err := s.place.New(s.ctx, world.Setting{Seed: 1, Machines: 3, Log: s.log})
	require.NoError(s.t, err)
	s.w = made.(*World)
	s.run = s.w.run
	s.t.Cleanup(func() { require.NoError(s.t, s.w.Close(context.WithoutCancel(s.ctx))) })
}

// spec is the guest on a machine of that number.
func (s *stage) spec(name string, machine int, args ...string) world.Spec {
	return world.Spec{Name: name, IP: s.w.Address(machine), Program: "guest", Args: args}
}

// runs lets the world live until something is so.
func (s *stage) runs(what string, so func() bool) {
	s.t.Helper()
	for end := time.Now().Add(30 * time.Second); !so(); {
		require.NoError(s.t, s.w.Run(s.ctx, s.w.Now()+10*time.Millisecond))
		require.True(s.t, time.Now().Before(end), what)
	}
}

// hears runs until a line was printed.
func (s *stage) hears(line string) {
	s.t.Helper()
	s.runs(line, func() bool { return strings.Contains(s.log.String(), line) })
}

// idle runs until all that was asked for is done.
func (s *stage) idle(name string) {
	s.t.Helper()
	s.runs("idle", func() bool { return isClosed(s.w.machines[name].asked) })
}

// reaches says whether a machine takes connections.
func (s *stage) reaches(address string, within time.Duration) bool {
	conn, err := net.DialTimeout("tcp", address, within)
	if err == nil {
		_ = conn.Close()
	}
	return err == nil
}

// TestMachineLivesAndDies: it starts, is reached, is killed, starts again with
// the same address, loses power, and comes back.
func TestMachineLivesAndDies(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	address := s.w.Address(0) + ":24"
	exits := 0
	spec := s.spec("n1", 0, "echo", address)
	spec.OnExit = func(uint32) { exits++ }
	for i, end := range []func(string) error{s.w.Kill, s.w.PowerLoss, s.w.Kill} {
		require.NoError(t, s.w.Start(s.ctx, spec))
		require.True(t, s.w.Running("n1"))
		require.ErrorContains(t, s.w.Start(s.ctx, spec), "already running")
		s.runs("a connection", func() bool { return s.reaches(address, time.Second) })
		require.NoError(t, end("n1"))
		require.False(t, s.w.Running("n1"))
		s.idle("n1")
		require.False(t, s.reaches(address, 100*time.Millisecond), i)
	}
	require.Equal(t, 3, strings.Count(s.log.String(), " n1 listening\n"))
	require.Zero(t, exits, "none of them ended by itself")
	require.ErrorContains(t, s.w.Kill("n9"), "no such machine")
	require.ErrorContains(t, s.w.Start(s.ctx, world.Spec{Name: "n2", Program: "nothing"}), "no program")
}

// TestMachineThatEndsByItselfIsNoticed, once, and may be started again then.
func TestMachineThatEndsByItselfIsNoticed(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	var codes []uint32
	spec := s.spec("n1", 0, "say", "bye")
	spec.OnExit = func(code uint32) {
		codes = append(codes, code)
		require.False(t, s.w.Running("n1"))
		if len(codes) == 1 {
			require.NoError(t, s.w.Start(s.ctx, spec))
		}
	}
	require.NoError(t, s.w.Start(s.ctx, spec))
	s.runs("two ends", func() bool { return len(codes) == 2 })
	require.Equal(t, []uint32{7, 7}, codes)
	require.Equal(t, 2, strings.Count(s.log.String(), " n1 [bye]\n"))
}

// TestPausedMachineWaits answers what came meanwhile when it goes on.
func TestPausedMachineWaits(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	address := s.w.Address(0) + ":24"
	require.NoError(t, s.w.Start(s.ctx, s.spec("n1", 0, "echo", address)))
	s.hears("n1 listening")
	var got []byte
	open := false
	conn, err := s.w.Dial(address, func(err error) { open = err == nil }, func(p []byte) { got = append(got, p...) }, func() {})
	require.NoError(t, err)
	defer conn.Close()
	s.runs("open", func() bool { return open })
	require.NoError(t, s.w.Pause("n1"))
	s.idle("n1")
	require.NoError(t, conn.Send([]byte("hello")))
	require.NoError(t, s.w.Run(s.ctx, s.w.Now()+200*time.Millisecond))
	require.Empty(t, got)
	require.NoError(t, s.w.Continue("n1"))
	s.runs("an answer", func() bool { return string(got) == "hello" })
}

// TestDriverRunsBesideTheHarness and is on the same network as the containers.
func TestDriverRunsBesideTheHarness(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	address := s.w.Address(world.Driver) + ":9000"
	require.NoError(t, s.w.Start(s.ctx, s.spec("load", world.Driver, "echo", address)))
	s.hears("load listening")
	require.True(t, s.reaches(address, time.Second))
	require.NoError(t, s.w.Start(s.ctx, s.spec("n1", 0, "call", address)))
	s.hears("n1 answered")
	require.NoError(t, s.w.Kill("load"))
	require.False(t, s.reaches(address, time.Second))
}

// TestPeersCallThroughTheNetwork sees a call through its link stop while the
// link is cut.
func TestPeersCallThroughTheNetwork(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	address := s.w.Address(0) + ":7000"
	require.NoError(t, s.w.Start(s.ctx, s.spec("n1", 0, "echo", address)))
	s.hears("n1 listening")
	l, err := s.w.plan(world.Spec{Name: "n2", Program: "guest", Args: []string{"x"}, Peers: map[string]string{"n1": address}})
	require.NoError(t, err)
	require.Len(t, l.args, 3)
	require.Equal(t, "-via", l.args[0])
	instead, ok := strings.CutPrefix(l.args[1], address+"=")
	require.True(t, ok)
	require.NoError(t, s.w.Start(s.ctx, s.spec("n2", 1, "call", instead)))
	s.hears("n2 answered")
	s.idle("n2")
	s.w.SetLink("n1", "n2", world.Link{Cut: true})
	require.NoError(t, s.w.Kill("n2"))
	require.NoError(t, s.w.Start(s.ctx, s.spec("n2", 1, "call", instead)))
	s.hears("n2 nobody answers")
}

// TestWorldThatCannotStartSaysSo by failing the run.
func TestWorldThatCannotStartSaysSo(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.place.images["guest"] = imageName + "missing:1"
	s.place.programs = map[string]live.Program{"guest": {Path: filepath.Join(t.TempDir(), "nowhere")}}
	require.NoError(t, s.w.Start(s.ctx, s.spec("n1", 0, "sleep")))
	err := s.w.Run(s.ctx, time.Hour)
	require.ErrorContains(t, err, "machine n1: make image")
}

// TestAnImageThatSomebodyRemovedIsMadeAgain: `doctor --clean` in the moment between
// the making of the image and that of the network sees no run.
func TestAnImageThatSomebodyRemovedIsMadeAgain(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	program, err := os.ReadFile(s.programs["guest"].Path)
	require.NoError(t, err)
	mine := filepath.Join(t.TempDir(), "guest") // an image that no other test uses
	require.NoError(t, os.WriteFile(mine, append(program, t.Name()...), 0o755))
	s.place.programs = map[string]live.Program{"guest": {Path: mine}}
	name, err := s.e.image(s.ctx, "guest", mine, nil)
	require.NoError(t, err)
	remove := func() error {
		_, err := s.e.api.ImageRemove(context.Background(), name, client.ImageRemoveOptions{Force: true, PruneChildren: true})
		return err
	}
	s.place.images["guest"] = name
	require.NoError(t, remove())
	t.Cleanup(func() { _ = remove() })
	require.NoError(t, s.w.Start(s.ctx, s.spec("n1", 0, "sleep")))
	s.hears("n1 asleep")
}

// TestClosedWorldLeavesNothing, in whatever state its machines are.
func TestClosedWorldLeavesNothing(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	for i, name := range []string{"n1", "n2", "n3"} {
		require.NoError(t, s.w.Start(s.ctx, s.spec(name, i, "sleep")))
	}
	s.hears("n1 asleep")
	require.NoError(t, s.w.Pause("n1"))
	require.NoError(t, s.w.PowerLoss("n2"))
	require.NoError(t, s.w.Close(s.ctx))
	require.Empty(t, s.left())
	require.NoDirExists(t, s.w.dir)
}
