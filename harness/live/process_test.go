package live

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func sh(t *testing.T, out *Output, script string) *Process {
	p, err := Command{Path: "/bin/sh", Args: []string{"-c", script}, Output: out}.Start()
	require.NoError(t, err)
	t.Cleanup(p.Kill)
	return p
}

func still() time.Duration { return 1500 * time.Millisecond }

// TestAProcessIsMarkedAndHeard: its lines have time and name, the last one
// even without an end.
func TestAProcessIsMarkedAndHeard(t *testing.T) {
	var out bytes.Buffer
	said := NewLog(still, &out).Output("sh")
	p := sh(t, said, `echo $FOURDAYS_RUN; pwd >&2; printf the-end; exit 7`)
	<-p.Ended()
	require.EqualValues(t, 7, p.Code())
	require.Equal(t, "the-end", said.Last())
	require.Equal(t, fmt.Sprintf("1.500000 sh %s\n1.500000 sh /\n1.500000 sh the-end\n", Mark()), out.String())
}

// TestOnlyADeadProcessOfThisPlaceIsDead: of one in another PID namespace nobody
// here can tell, and what is no mark says nothing.
func TestOnlyADeadProcessOfThisPlaceIsDead(t *testing.T) {
	pid, start := os.Getpid(), startOf(os.Getpid())
	boot, namespace := here().boot, here().namespace
	for text, want := range map[string]Standing{
		Mark():                                  Living,
		mark(pid, start+1, here()):              Dead,
		mark(99999999, start, here()):           Dead,
		mark(pid, start, place{boot, "1"}):      Elsewhere,
		mark(pid, start, place{"x", namespace}): Dead,
		"":                                      Unmarked,
		"x":                                     Unmarked,
		"1":                                     Unmarked,
		fmt.Sprintf("%d.%d", pid, start):        Unmarked,
		"1.x." + boot + "." + namespace:         Unmarked,
		"1.0." + boot + "." + namespace:         Unmarked,
		Mark() + ".1":                           Unmarked,
	} {
		require.Equal(t, want, Look(text), text)
		require.Equal(t, want == Living, Alive(text), text)
	}
	require.NotEmpty(t, boot)
	require.Regexp(t, `^[0-9]+$`, namespace)
}

// TestAKillTakesTheWholeGroup: a child of the program holds a pipe open, and
// would for an hour.
func TestAKillTakesTheWholeGroup(t *testing.T) {
	r, w, err := os.Pipe()
	require.NoError(t, err)
	p, err := Command{
		Path: "/bin/sh", Args: []string{"-c", `echo here >&3; sleep 3600 & wait`},
		Files: []*os.File{w}, Output: NewLog(still, nil).Output("sh"),
	}.Start()
	require.NoError(t, err)
	require.NoError(t, w.Close())
	_, err = r.Read(make([]byte, 5))
	require.NoError(t, err)
	p.Kill()
	require.True(t, p.EndsWithin(time.Minute))
	require.EqualValues(t, 137, p.Code())
	_, err = r.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF, "nobody has the pipe any more")
}

func TestAPausedProcessStandsStill(t *testing.T) {
	p := sh(t, NewLog(still, nil).Output("sh"), `sleep 0.2`)
	p.Pause()
	require.False(t, p.EndsWithin(500*time.Millisecond))
	p.Continue()
	require.True(t, p.EndsWithin(time.Minute))
	require.Zero(t, p.Code())
}

func TestAMissingProgramIsNamed(t *testing.T) {
	_, err := Command{Path: "/no/such/program", Output: NewLog(still, nil).Output("x")}.Start()
	require.ErrorContains(t, err, "/no/such/program")
}

// TestALineWithoutAnEndIsCut so that a program cannot fill the memory.
func TestALineWithoutAnEndIsCut(t *testing.T) {
	var out bytes.Buffer
	o := NewLog(still, &out).Output("x")
	for range 10 {
		_, _ = o.Write([]byte(strings.Repeat("a", longestLine/2)))
	}
	require.Greater(t, strings.Count(out.String(), "\n"), 2)
}
