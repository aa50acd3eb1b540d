package need

import (
	"fmt"
	"net"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

// recorder is a test that is told how it ended.
type recorder struct {
	testing.TB
	skipped, failed string
}

func (r *recorder) Helper() {}

func (r *recorder) Skipf(format string, args ...any) {
	r.skipped = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.failed = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// ended runs a test's needs to their end.
func ended(t *testing.T, needs func(testing.TB)) *recorder {
	r := &recorder{TB: t}
	done := make(chan bool)
	go func() {
		defer close(done)
		needs(r)
	}()
	<-done
	return r
}

func TestMissingThingsAreNamed(t *testing.T) {
	t.Setenv("CI", "")
	r := ended(t, func(t testing.TB) { Command(t, "no-such-program", "no-such-package") })
	require.Equal(t, "this machine lacks the program no-such-program (apt-get install no-such-package)", r.skipped)
	require.Empty(t, r.failed)
}

func TestWhereCIIsTrueASkipIsAFailure(t *testing.T) {
	t.Setenv("CI", "true")
	r := ended(t, func(t testing.TB) { Command(t, "no-such-program", "no-such-package") })
	require.Contains(t, r.failed, "no-such-program")
	require.Empty(t, r.skipped)
}

func TestWhatIsThereIsNotMissing(t *testing.T) {
	t.Setenv("CI", "true")
	r := ended(t, func(t testing.TB) { Command(t, "go", "golang-go") })
	require.Empty(t, r.failed+r.skipped)
}

// TestADeadEngineIsNoEngine lets one close every connection, and another not
// listen at all.
func TestADeadEngineIsNoEngine(t *testing.T) {
	t.Setenv("CI", "")
	path := filepath.Join(t.TempDir(), "engine.sock")
	t.Setenv("DOCKER_HOST", "unix://"+path)
	require.Contains(t, ended(t, Docker).skipped, "a container engine")
	l, err := net.Listen("unix", path)
	require.NoError(t, err)
	defer l.Close()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_ = conn.Close()
		}
	}()
	require.Contains(t, ended(t, Docker).skipped, "a container engine")
}

func TestAnEngineThatAnswersIsThere(t *testing.T) {
	t.Setenv("CI", "true")
	path := filepath.Join(t.TempDir(), "engine.sock")
	l, err := net.Listen("unix", path)
	require.NoError(t, err)
	defer l.Close()
	t.Setenv("DOCKER_HOST", "unix://"+path)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		_, _ = conn.Read(make([]byte, 100))
		_, _ = conn.Write([]byte("HTTP/1.0 200 OK\r\n\r\nOK"))
		_ = conn.Close()
	}()
	require.Empty(t, ended(t, Docker).failed)
}

// TestAnEngineElsewhereIsNoEngine, whether it would answer or not: worlds of
// containers refuse it, and tests of them would fail.
func TestAnEngineElsewhereIsNoEngine(t *testing.T) {
	t.Setenv("CI", "")
	for _, host := range []string{"tcp://127.0.0.1:2375", "ssh://somebody@elsewhere"} {
		t.Setenv("DOCKER_HOST", host)
		require.Contains(t, ended(t, Docker).skipped, host+" may be another machine")
	}
}

func TestRoundsAreFewUnlessSomebodyAsks(t *testing.T) {
	t.Setenv("FOURDAYS_ROUNDS", "")
	require.Equal(t, fewRounds, Rounds(t))
	t.Setenv("FOURDAYS_ROUNDS", "200")
	require.Equal(t, 200, Rounds(t))
	t.Setenv("FOURDAYS_ROUNDS", "many")
	require.Contains(t, ended(t, func(t testing.TB) { Rounds(t) }).failed, `FOURDAYS_ROUNDS is "many"`)
}
