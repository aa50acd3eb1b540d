package docker

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/moby/moby/client"
	"github.com/stretchr/testify/require"

	"fourdays/ci/need"
	"fourdays/harness/live"
	"fourdays/harness/sim"
)

// toy is the program with which package local is tested as well.
const toy = "harness/local/testdata/toy"

// build builds what the tests run, once.
var build = sync.OnceValues(func() (map[string]live.Program, error) {
	cache, err := sim.CacheDir()
	if err != nil {
		return nil, err
	}
	b := live.Builder{Root: "../..", Cache: cache}
	return b.Build(context.Background(), "harness/docker/testdata/guest", toy, mountServer)
})

// lab is an engine with a network and an image of the guest.
type lab struct {
	t     *testing.T
	ctx   context.Context
	e     *engine
	run   string
	net   *network
	image string
	log   *safeBuffer
	boxes int

	programs map[string]live.Program
}

// safeBuffer is what programs print, seen while they do.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// newLab makes a lab with a network.
func newLab(t *testing.T) *lab {
	t.Helper()
	l := newBareLab(t)
	var err error
	l.net, err = l.e.network(l.ctx, l.run, os.Getpid())
	require.NoError(t, err)
	return l
}

// newBareLab makes a lab of which nothing is left after the test.
func newBareLab(t *testing.T) *lab {
	t.Helper()
	need.Docker(t)
	programs, err := build()
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	e, err := connect(ctx)
	require.NoError(t, err)
	l := &lab{t: t, ctx: ctx, e: e, run: newRun(), log: new(safeBuffer)}
	t.Cleanup(func() {
		require.NoError(t, e.wipe(context.WithoutCancel(ctx), l.run))
		require.Empty(t, l.left())
		require.NoError(t, e.close())
	})
	l.programs = programs
	l.image, err = e.image(ctx, "guest", programs["guest"].Path, nil)
	require.NoError(t, err)
	return l
}

// left is what the engine has of the lab's run.
func (l *lab) left() (all []string) {
	ctx := context.WithoutCancel(l.ctx)
	boxes, err := l.e.api.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: ofRun(l.run)})
	require.NoError(l.t, err)
	for _, c := range boxes.Items {
		all = append(all, "container "+c.ID)
	}
	nets, err := l.e.api.NetworkList(ctx, client.NetworkListOptions{Filters: ofRun(l.run)})
	require.NoError(l.t, err)
	for _, n := range nets.Items {
		all = append(all, "network "+n.Name)
	}
	return all
}

// plan is a container of the guest.
func (l *lab) plan(args ...string) plan {
	l.boxes++
	name := fmt.Sprintf("n%d", l.boxes)
	return plan{
		run: l.run, node: name, name: "fourdays-" + l.run + "-" + name, image: l.image, args: args,
		net: l.net, ip: l.net.node(l.boxes), out: live.NewLog(func() time.Duration { return 0 }, l.log).Output(name),
	}
}

func (l *lab) start(p plan) *box {
	l.t.Helper()
	b, err := l.e.start(l.ctx, p)
	require.NoError(l.t, err)
	return b
}

// says waits until some container has printed a line.
func (l *lab) says(line string) {
	l.t.Helper()
	require.Eventually(l.t, func() bool { return strings.Contains(l.log.String(), line) }, 20*time.Second, 5*time.Millisecond, line)
}

// TestContainerPrintsAndEnds follows one container from its first word to its
// exit code.
func TestContainerPrintsAndEnds(t *testing.T) {
	l := newLab(t)
	b := l.start(l.plan("say", "good", "bye"))
	require.True(t, b.endsWithin(20*time.Second))
	require.EqualValues(t, 7, b.code)
	require.Equal(t, "0.000000 n1 [good bye]\n", l.log.String()[strings.LastIndex(l.log.String(), "0.000000"):])
	require.NoError(t, b.remove(l.ctx))
	require.NoError(t, b.remove(l.ctx), "a second time is harmless")
}

// TestContainerIsReachedKilledAndPaused uses a container's address from outside.
func TestContainerIsReachedKilledAndPaused(t *testing.T) {
	l := newLab(t)
	p := l.plan("echo", ":24")
	b := l.start(p)
	l.says("listening")
	conn, err := net.DialTimeout("tcp", p.ip.String()+":24", 5*time.Second)
	require.NoError(t, err, "a port below 1024, without the right to one")
	defer conn.Close()
	echo := func(timeout time.Duration) error {
		_, _ = conn.Write([]byte("x"))
		_ = conn.SetReadDeadline(time.Now().Add(timeout))
		_, err := conn.Read(make([]byte, 1))
		return err
	}
	require.NoError(t, echo(5*time.Second))
	require.NoError(t, b.pause(l.ctx))
	require.ErrorIs(t, echo(100*time.Millisecond), os.ErrDeadlineExceeded)
	require.NoError(t, b.unpause(l.ctx))
	_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	_, err = conn.Read(make([]byte, 1))
	require.NoError(t, err, "what came meanwhile is answered")
	require.NoError(t, b.kill(l.ctx))
	require.True(t, b.endsWithin(10*time.Second))
	require.EqualValues(t, 137, b.code)
	require.Error(t, echo(5*time.Second), "a killed program's peers hear of it")
}

// TestUnpluggedContainerIsNotHeard shows the silence of a machine without power.
func TestUnpluggedContainerIsNotHeard(t *testing.T) {
	l := newLab(t)
	p := l.plan("echo", ":24")
	b := l.start(p)
	l.says("listening")
	conn, err := net.DialTimeout("tcp", p.ip.String()+":24", 5*time.Second)
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, b.unplug(l.ctx))
	require.NoError(t, b.kill(l.ctx))
	require.True(t, b.endsWithin(10*time.Second))
	_ = conn.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
	_, err = conn.Read(make([]byte, 1))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)

	require.NoError(t, b.remove(l.ctx))
	p.name += "-2"
	l.start(p)
	require.Eventually(t, func() bool {
		again, err := net.DialTimeout("tcp", p.ip.String()+":24", time.Second)
		if err == nil {
			_ = again.Close()
		}
		return err == nil
	}, 20*time.Second, 10*time.Millisecond, "the next life has the same address")
}

// TestFrozenContainerDoesNothing at once, and can be killed.
func TestFrozenContainerDoesNothing(t *testing.T) {
	l := newLab(t)
	b := l.start(l.plan("echo", ":24"))
	l.says("listening")
	state := func() string {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", b.pid))
		require.NoError(t, err)
		_, after, _ := strings.Cut(string(status), "State:\t")
		return after[:1]
	}
	require.NotEqual(t, "T", state())
	b.freeze()
	require.Eventually(t, func() bool { return state() == "T" }, 10*time.Second, time.Millisecond)
	require.NoError(t, b.kill(l.ctx))
	require.True(t, b.endsWithin(20*time.Second))
	other := box{id: b.id, pid: os.Getpid()}
	other.freeze() // this process would stop here
}

// TestTakenAddressIsRefused gives two containers one address; what failed
// leaves nothing.
func TestTakenAddressIsRefused(t *testing.T) {
	l := newLab(t)
	first, second := l.plan("sleep"), l.plan("sleep")
	l.start(first)
	second.ip = first.ip
	before := len(l.left())
	_, err := l.e.start(l.ctx, second)
	require.ErrorContains(t, err, second.name)
	require.Contains(t, err.Error(), "in use")
	require.Len(t, l.left(), before)
}

// TestTakenSubnetsArePassedOver asks for the subnets of others.
func TestTakenSubnetsArePassedOver(t *testing.T) {
	l := newLab(t)
	taken := int(l.net.subnet.Addr().As4()[2])
	_, err := l.e.bridge(l.ctx, l.run, l.net.subnet)
	require.True(t, err != nil && isTaken(err), "%v", err)
	n, err := l.e.network(l.ctx, l.run+"b", taken)
	require.NoError(t, err)
	require.NotEqual(t, l.net.subnet, n.subnet)
	require.NoError(t, l.e.wipe(l.ctx, l.run+"b"))

	all := []string{l.net.subnet.String()}
	on, err := hostNetworks()
	require.NoError(t, err)
	require.Contains(t, fmt.Sprint(on), all[0], "the engine's bridges are networks of this machine")
}

// TestImageIsMadeOnce and again only when the program is another one.
func TestImageIsMadeOnce(t *testing.T) {
	l := newLab(t)
	var said bytes.Buffer
	again, err := l.e.image(l.ctx, "guest", l.programs["guest"].Path, &said)
	require.NoError(t, err)
	require.Equal(t, l.image, again)
	require.Empty(t, said.String())

	other := filepath.Join(t.TempDir(), "guest")
	require.NoError(t, os.WriteFile(other, []byte("another"), 0o755))
	name, err := l.e.image(l.ctx, "guest", other, &said)
	require.NoError(t, err)
	require.NotEqual(t, l.image, name)
	p := l.plan("say")
	p.image = name
	b := l.start(p)
	require.True(t, b.endsWithin(20*time.Second))
	require.NotZero(t, b.code, "it is no program")
	require.NoError(t, b.remove(l.ctx))
	_, err = l.e.api.ImageRemove(l.ctx, name, client.ImageRemoveOptions{PruneChildren: true})
	require.NoError(t, err)
}

// TestFailingImageSaysWhy has the engine build from a broken recipe, and start
// from an image that is not there.
func TestFailingImageSaysWhy(t *testing.T) {
	l := newLab(t)
	files, err := archive([]file{{"Dockerfile", 0o644, []byte("FROM scratch\nCOPY program /\n")}})
	require.NoError(t, err)
	_, err = l.e.build(l.ctx, imageName+"broken", "1", files, l.log)
	require.ErrorContains(t, err, "make image localhost/fourdays/broken")
	require.Regexp(t, "program.*(no such file|not found|not exist)", err.Error())

	_, err = l.e.image(l.ctx, "guest", filepath.Join(t.TempDir(), "nothing"), l.log)
	require.ErrorIs(t, err, os.ErrNotExist)

	p := l.plan("say")
	p.image = imageName + "missing:1"
	start := time.Now()
	_, err = l.e.start(l.ctx, p)
	require.ErrorContains(t, err, "missing")
	require.Less(t, time.Since(start), 15*time.Second, "nobody is asked for it")
}

// TestEngineThatIsNotThere is found out within a bound: no socket, nobody
// behind it, and somebody who never answers. One elsewhere is none.
func TestEngineThatIsNotThere(t *testing.T) {
	dir := t.TempDir()
	silent, err := net.Listen("unix", filepath.Join(dir, "silent"))
	require.NoError(t, err)
	defer silent.Close()
	dead, err := net.Listen("unix", filepath.Join(dir, "dead"))
	require.NoError(t, err)
	dead.(*net.UnixListener).SetUnlinkOnClose(false)
	require.NoError(t, dead.Close())
	for name, want := range map[string]string{
		"nothing": "not to be had", "dead": "not to be had", "silent": "does not answer within 5s",
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(client.EnvOverrideHost, "unix://"+filepath.Join(dir, name))
			start := time.Now()
			err := Missing(t.Context())
			require.ErrorIs(t, err, ErrNoEngine)
			require.ErrorContains(t, err, want)
			require.ErrorContains(t, err, "DOCKER_HOST=unix://"+dir)
			require.Less(t, time.Since(start), 2*helloTimeout)
		})
	}
	t.Run("elsewhere", func(t *testing.T) {
		t.Setenv(client.EnvOverrideHost, "tcp://127.0.0.1:2375")
		err := Missing(t.Context())
		require.ErrorIs(t, err, ErrNoEngine)
		require.ErrorContains(t, err, "may be another machine")
	})
	t.Run("nonsense", func(t *testing.T) {
		t.Setenv(client.EnvOverrideHost, "nonsense")
		require.ErrorIs(t, Missing(t.Context()), ErrNoEngine)
	})
}
