package docker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"syscall"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	apinet "github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"

	"fourdays/harness/live"
)

// lastWords is how long what a container printed may take to arrive after its
// end. Picked.
const lastWords = 2 * time.Second

// plan is what a container is to be.
type plan struct {
	run, node, name string
	image           string
	args, env       []string
	net             *network
	ip              netip.Addr
	binds           []bind
	out             *live.Output
}

// bind is a directory of this machine in a container.
type bind struct{ from, to string }

// box is a container. It is run once: every life of a node has a new one.
type box struct {
	e     *engine
	id    string
	net   string
	out   *live.Output
	pid   int // on this machine
	ended chan struct{}
	code  uint32
	stop  context.CancelFunc // of what follows the container
}

// start makes a container and runs it. What fails leaves nothing.
func (e *engine) start(ctx context.Context, p plan) (*box, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	made, err := e.provider.CreateContainer(ctx, p.request())
	if err != nil {
		return nil, fmt.Errorf("make container %s of image %s: %w", p.name, p.image, err)
	}
	b := &box{e: e, id: made.GetContainerID(), net: p.net.id, out: p.out, ended: make(chan struct{})}
	following, stop := context.WithCancel(context.Background())
	b.stop = stop
	end := e.api.ContainerWait(following, b.id, client.ContainerWaitOptions{Condition: container.WaitConditionNextExit})
	if err := made.Start(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("start container %s: %w", p.name, err), b.remove(context.WithoutCancel(ctx)))
	}
	if is, err := made.Inspect(ctx); err == nil && is.State != nil {
		b.pid = is.State.Pid
	}
	printed := make(chan struct{})
	go b.follow(following, printed)
	go b.wait(end, printed)
	return b, nil
}

// request is a plan in the library's words.
func (p plan) request() testcontainers.ContainerRequest {
	marks := labels(p.run)
	marks[nodeLabel] = p.node
	return testcontainers.ContainerRequest{
		Image: p.image, Name: p.name, Cmd: p.args, Labels: marks, Networks: []string{p.net.name},
		ConfigModifier: func(c *container.Config) {
			c.Env, c.Hostname = p.env, p.node
			if uid := os.Geteuid(); uid != 0 {
				c.User = fmt.Sprintf("%d:%d", uid, os.Getegid())
			}
		},
		HostConfigModifier: p.host,
		EndpointSettingsModifier: func(all map[string]*apinet.EndpointSettings) {
			all[p.net.name] = &apinet.EndpointSettings{
				NetworkID: p.net.id, IPAMConfig: &apinet.EndpointIPAMConfig{IPv4Address: p.ip},
			}
		},
	}
}

// host takes a container's rights away: it needs its files and its ports.
func (p plan) host(c *container.HostConfig) {
	c.NetworkMode = container.NetworkMode(p.net.name)
	c.CapDrop = []string{"ALL"}
	c.SecurityOpt = []string{"no-new-privileges"}
	c.Sysctls = map[string]string{"net.ipv4.ip_unprivileged_port_start": "0"}
	c.LogConfig = container.LogConfig{Type: "json-file"}
	for _, b := range p.binds {
		c.Mounts = append(c.Mounts, mount.Mount{
			Type: mount.TypeBind, Source: b.from, Target: b.to,
			BindOptions: &mount.BindOptions{Propagation: mount.PropagationRPrivate},
		})
	}
}

// follow passes on what the container prints, until it ends.
func (b *box) follow(ctx context.Context, printed chan<- struct{}) {
	defer close(printed)
	defer b.out.Flush()
	r, err := b.e.api.ContainerLogs(ctx, b.id, client.ContainerLogsOptions{ShowStdout: true, ShowStderr: true, Follow: true})
	if err != nil {
		fmt.Fprintf(b.out, "what it prints cannot be followed: %v\n", err)
		return
	}
	defer r.Close()
	if _, err := stdcopy.StdCopy(b.out, b.out, r); err != nil && ctx.Err() == nil && !errors.Is(err, io.EOF) {
		fmt.Fprintf(b.out, "what it prints was lost: %v\n", err)
	}
}

// wait notes how the container ended, after all that it printed.
func (b *box) wait(end client.ContainerWaitResult, printed <-chan struct{}) {
	select {
	case r := <-end.Result:
		b.code = uint32(r.StatusCode)
	case <-end.Error: // the engine has gone, or the container has been removed
		b.code = 255
	}
	select {
	case <-printed:
	case <-time.After(lastWords):
	}
	close(b.ended)
}

// kill sends SIGKILL. The engine answers when the container has ended, or after
// a while if it cannot end.
func (b *box) kill(ctx context.Context) error {
	_, err := b.e.api.ContainerKill(ctx, b.id, client.ContainerKillOptions{Signal: "SIGKILL"})
	if err != nil && !errdefs.IsNotFound(err) && !errdefs.IsConflict(err) {
		return fmt.Errorf("kill container: %w", err)
	}
	return nil
}

// unplug takes the container off the network, so that not even the end of its
// connections is heard.
func (b *box) unplug(ctx context.Context) error {
	_, err := b.e.api.NetworkDisconnect(ctx, b.net, client.NetworkDisconnectOptions{Container: b.id, Force: true})
	if err != nil && !errdefs.IsNotFound(err) {
		return fmt.Errorf("unplug container: %w", err)
	}
	return nil
}

// freeze stops the program where it is, until it is killed. If the engine counts
// processes in another namespace, its number may be anybody's: nothing is done.
func (b *box) freeze() {
	groups, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", b.pid))
	if err == nil && bytes.Contains(groups, []byte(b.id)) {
		_ = syscall.Kill(b.pid, syscall.SIGSTOP) // it may have ended meanwhile
	}
}

func (b *box) pause(ctx context.Context) error {
	if _, err := b.e.api.ContainerPause(ctx, b.id, client.ContainerPauseOptions{}); err != nil {
		return fmt.Errorf("pause container: %w", err)
	}
	return nil
}

func (b *box) unpause(ctx context.Context) error {
	if _, err := b.e.api.ContainerUnpause(ctx, b.id, client.ContainerUnpauseOptions{}); err != nil {
		return fmt.Errorf("let container go on: %w", err)
	}
	return nil
}

func (b *box) stuck() bool { return b.pid != 0 && stuck(b.pid) }

func (b *box) done() <-chan struct{} { return b.ended }

func (b *box) exit() uint32 { return b.code }

// endsWithin waits for the end of the container.
func (b *box) endsWithin(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-b.ended:
		return true
	case <-timer.C:
		return false
	}
}

// remove removes the container, running or not.
func (b *box) remove(ctx context.Context) error {
	defer b.stop()
	return b.e.remove(ctx, b.id)
}

// remove removes a container. One that is not there, or is being removed, is
// no error.
func (e *engine) remove(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	_, err := e.api.ContainerRemove(ctx, id, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
	if err != nil && !errdefs.IsNotFound(err) && !errdefs.IsConflict(err) {
		return fmt.Errorf("remove container: %w", err)
	}
	return nil
}
