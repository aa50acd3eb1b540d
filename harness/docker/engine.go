package docker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
	tclog "github.com/testcontainers/testcontainers-go/log"
)

// ErrNoEngine is wrapped by what a machine without a container engine answers.
var ErrNoEngine = errors.New("no container engine")

// Bounds on what is asked of the engine, all picked: to say that it is there,
// to do one thing, to start a container, and to make an image of a program.
const (
	helloTimeout = 5 * time.Second
	startTimeout = 20 * time.Second
	callTimeout  = 30 * time.Second
	buildTimeout = 2 * time.Minute
)

// engine is the container engine of this machine.
type engine struct {
	provider *testcontainers.DockerProvider
	api      client.APIClient
}

// settle tells the library once to keep quiet and to start no container of its
// own that cleans up: its image would have to be pulled, and labels do the same.
var settle = sync.OnceFunc(func() {
	_ = os.Setenv("TESTCONTAINERS_RYUK_DISABLED", "true")
	tclog.SetDefault(tclog.NewNoopLogger())
})

// Missing says what this machine lacks for worlds of containers, in words; nil
// if nothing.
func Missing(ctx context.Context) error {
	e, err := connect(ctx)
	if err != nil {
		return err
	}
	return e.close()
}

// connect finds the engine. It answers within a bound, even if the engine does
// not.
func connect(ctx context.Context) (*engine, error) {
	settle()
	ctx, cancel := context.WithTimeout(ctx, helloTimeout)
	defer cancel()
	if err := hello(ctx); err != nil {
		return nil, err
	}
	provider, err := find(ctx)
	if err != nil {
		return nil, noEngine(err)
	}
	if err := isHere(provider.Client()); err != nil {
		_ = provider.Close() // the first error is the one that counts
		return nil, err
	}
	return &engine{provider, provider.Client()}, nil
}

// socket is how the address of an engine begins that is surely on this machine.
const socket = "unix://"

// isHere refuses an engine of another machine: containers use mounts and addresses
// of this one.
func isHere(api interface{ DaemonHost() string }) error {
	if host := api.DaemonHost(); !strings.HasPrefix(host, socket) {
		return fmt.Errorf("%w: %s may be another machine, and containers use mounts and addresses of this one", ErrNoEngine, host)
	}
	return nil
}

// hello asks the engine that DOCKER_HOST names. The library would look for
// another one if it is not there, which is not what was asked for.
func hello(ctx context.Context) error {
	if os.Getenv(client.EnvOverrideHost) == "" {
		return nil
	}
	api, err := client.New(client.FromEnv)
	if err != nil {
		return noEngine(err)
	}
	defer api.Close()
	if err := isHere(api); err != nil {
		return err
	}
	if _, err := api.Ping(ctx, client.PingOptions{}); err != nil {
		return noEngine(err)
	}
	return nil
}

// find lets the library look for the engine. It takes no context.
func find(ctx context.Context) (*testcontainers.DockerProvider, error) {
	type found struct {
		provider *testcontainers.DockerProvider
		err      error
	}
	answer := make(chan found, 1)
	go func() {
		p, err := testcontainers.NewDockerProvider()
		answer <- found{p, err}
	}()
	select {
	case f := <-answer:
		return f.provider, f.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func noEngine(err error) error {
	where := "of this machine"
	if host := os.Getenv(client.EnvOverrideHost); host != "" {
		where = "at DOCKER_HOST=" + host
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%w: that %s does not answer within %v", ErrNoEngine, where, helloTimeout)
	}
	return fmt.Errorf("%w: that %s is not to be had: %w", ErrNoEngine, where, err)
}

func (e *engine) close() error { return e.provider.Close() }
