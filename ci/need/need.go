// Package need says what a test needs of the machine that it runs on.
//
// It owns the looking for it, and what happens when it is not there: the test
// is skipped with words that name what is missing, but fails where the
// environment variable CI is true, as there everything must be. How often a
// test of rounds goes round is asked here too. It assumes
// that looking is cheap and changes nothing. It imports the standard library
// only.
package need

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// engineTimeout is how long a container engine may take to answer. Picked.
const engineTimeout = 5 * time.Second

// FUSE needs a kernel that lets this process mount file systems of its own.
func FUSE(t testing.TB) {
	t.Helper()
	f, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
	if err != nil {
		missing(t, fmt.Sprintf("/dev/fuse: %v", err))
		return
	}
	_ = f.Close()
	if os.Geteuid() != 0 {
		Command(t, "fusermount3", "fuse3")
	}
}

// Root needs the rights of the superuser.
func Root(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		missing(t, "the rights of root")
	}
}

// Command needs a program, which a Debian package has.
func Command(t testing.TB, name, debianPackage string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		missing(t, fmt.Sprintf("the program %s (apt-get install %s)", name, debianPackage))
	}
}

// Docker needs a container engine of this machine that answers.
func Docker(t testing.TB) {
	t.Helper()
	if err := engine(); err != nil {
		missing(t, fmt.Sprintf("a container engine: %v", err))
	}
}

// engine asks the container engine whether it is there.
func engine() error {
	socket, err := engineSocket(os.Getenv("DOCKER_HOST"))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), engineTimeout)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", socket)
	if err != nil {
		return err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(engineTimeout))
	if _, err := conn.Write([]byte("GET /_ping HTTP/1.0\r\nHost: docker\r\n\r\n")); err != nil {
		return err
	}
	reply := make([]byte, 64)
	n, err := conn.Read(reply)
	if err == nil && !strings.Contains(string(reply[:n]), " 200 ") {
		err = fmt.Errorf("it answered %q", reply[:n])
	}
	return err
}

// engineSocket reads DOCKER_HOST, which is empty for the engine of this machine. One
// behind another kind of address may be another machine's, and containers use mounts
// and addresses of this one: worlds refuse it.
func engineSocket(host string) (string, error) {
	if host == "" {
		return "/var/run/docker.sock", nil
	}
	if path, ok := strings.CutPrefix(host, "unix://"); ok {
		return path, nil
	}
	return "", fmt.Errorf("DOCKER_HOST %s may be another machine", host)
}

// missing skips the test, or fails it where nothing may be missing.
func missing(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("this machine lacks %s, and where CI is true a skip is a failure", what)
	}
	t.Skipf("this machine lacks %s", what)
}
