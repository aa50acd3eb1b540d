//go:build linux

package fuse_test

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// clientEnv makes the test binary a client: a program that uses a mount from a
// process of its own. A page fault on a mapped file must not stop the server.
const clientEnv = "FOURDAYS_FUSE_CLIENT"

// clients are the programs by name. Each says what it has to say on its output,
// and waits for a line of its input where the test is to do something.
var clients = map[string]func(args []string) error{}

func TestMain(m *testing.M) {
	name := os.Getenv(clientEnv)
	if name == "" {
		os.Exit(m.Run())
	}
	if err := clients[name](os.Args[1:]); err != nil {
		fmt.Println("failed:", err)
		os.Exit(1)
	}
}

// client is a running client.
type client struct {
	testing.TB
	cmd *exec.Cmd
	in  io.Writer
	out *bufio.Scanner
}

// bound is how long a client may take for a step.
const bound = 60 * time.Second

func start(t testing.TB, name string, args ...string) *client {
	t.Helper()
	return startCommand(t, command(name, args...))
}

func command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), clientEnv+"="+name)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

func startCommand(t testing.TB, cmd *exec.Cmd) *client {
	t.Helper()
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	c := &client{TB: t, cmd: cmd, in: in, out: bufio.NewScanner(out)}
	t.Cleanup(func() { cmd.Process.Kill() })
	return c
}

// hears waits for the client to say something.
func (c *client) hears(want string) {
	c.Helper()
	require.Equal(c, want, c.line())
}

func (c *client) line() string {
	c.Helper()
	return c.lineWithin(bound)
}

func (c *client) lineWithin(d time.Duration) string {
	c.Helper()
	said := make(chan string, 1)
	go func() {
		c.out.Scan()
		said <- c.out.Text()
	}()
	select {
	case s := <-said:
		return s
	case <-time.After(d):
		c.Fatal("the client says nothing")
		return ""
	}
}

// goOn lets it do the next step.
func (c *client) goOn() { fmt.Fprintln(c.in) }

// ends waits for its end, which must be a good one.
func (c *client) ends() {
	c.Helper()
	var last []string
	for c.out.Scan() {
		last = append(last, c.out.Text())
	}
	require.NoError(c, c.cmd.Wait(), strings.Join(last, "\n"))
}

// dies kills it and says whether it was gone within a time.
func (c *client) dies(within time.Duration) bool {
	c.cmd.Process.Kill()
	gone := make(chan struct{})
	go func() {
		c.cmd.Wait()
		close(gone)
	}()
	select {
	case <-gone:
		return true
	case <-time.After(within):
		return false
	}
}

func run(t testing.TB, name string, args ...string) {
	t.Helper()
	start(t, name, args...).ends()
}

var input = bufio.NewReader(os.Stdin)

// say is a client that tells the test where it is, and waits to go on.
func say(what string) {
	fmt.Println(what)
	input.ReadString('\n')
}
