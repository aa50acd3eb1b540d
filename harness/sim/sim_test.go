package sim

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var epoch = time.Date(2023, 1, 22, 20, 0, 0, 0, time.UTC)

func newSim(t testing.TB, seed uint64, out *bytes.Buffer) (*Sim, *Program) {
	eng, prog := toy(t)
	s, err := New(t.Context(), Config{Seed: seed, Epoch: epoch, Net: Link{Latency: time.Millisecond}, Log: out, Trace: true}, eng)
	require.NoError(t, err)
	t.Cleanup(func() { s.Close(context.Background()) })
	return s, prog
}

func noise(t *testing.T, seed uint64) (string, string) {
	var out bytes.Buffer
	s, prog := newSim(t, seed, &out)
	_, err := s.Start(t.Context(), Spec{Name: "a", IP: "10.0.0.1", Program: prog, Args: []string{"noise"}})
	require.NoError(t, err)
	require.NoError(t, s.Run(t.Context(), time.Hour))
	return out.String(), s.Digest()
}

// TestSameSeedSameRun: everything random in a Go program is the seed's.
func TestSameSeedSameRun(t *testing.T) {
	out1, d1 := noise(t, 1)
	again, d1again := noise(t, 1)
	out2, _ := noise(t, 2)
	require.Contains(t, out1, "2023-01-22")
	require.Equal(t, out1, again)
	require.Equal(t, d1, d1again)
	require.NotEqual(t, out1, out2)
}

func start(t *testing.T, s *Sim, p *Program, name, ip string, args ...string) *Machine {
	m, err := s.Start(t.Context(), Spec{Name: name, IP: ip, Program: p, Args: args})
	require.NoError(t, err)
	return m
}

// TestStreamsLiveAndDieAsOnARealNetwork: a program that pings sees its peer
// answer, a killed peer reset and then refuse, one without power fall silent.
func TestStreamsLiveAndDieAsOnARealNetwork(t *testing.T) {
	var out bytes.Buffer
	s, prog := newSim(t, 1, &out)
	b := start(t, s, prog, "b", "10.0.0.2", "echo", "10.0.0.2:7")
	start(t, s, prog, "a", "10.0.0.1", "ping", "10.0.0.2:7")
	since := func(until time.Duration) string {
		out.Reset()
		require.NoError(t, s.Run(t.Context(), until))
		return out.String()
	}
	require.Contains(t, since(10*time.Second), "got hello")

	b.Kill()
	got := since(20 * time.Second)
	require.Contains(t, got, "reset")
	require.Contains(t, got, "refused")
	require.NotContains(t, got, "hello")

	b = start(t, s, prog, "b", "10.0.0.2", "echo", "10.0.0.2:7")
	require.Contains(t, since(30*time.Second), "got hello")

	b.PowerLoss()
	got = since(40 * time.Second)
	require.NotContains(t, got, "reset")
	require.NotContains(t, got, "refused")
	start(t, s, prog, "b", "10.0.0.2", "echo", "10.0.0.2:7")
	require.Contains(t, since(50*time.Second), "got hello")
}

// TestACutHoldsBytesUntilItIsMended: nothing is lost in a partition, only late.
func TestACutHoldsBytesUntilItIsMended(t *testing.T) {
	var out bytes.Buffer
	s, prog := newSim(t, 1, &out)
	start(t, s, prog, "b", "10.0.0.2", "echo", "10.0.0.2:7")
	start(t, s, prog, "a", "10.0.0.1", "ping", "10.0.0.2:7")
	require.NoError(t, s.Run(t.Context(), 1500*time.Millisecond))
	s.SetLink("a", "b", Link{Cut: true})
	out.Reset()
	require.NoError(t, s.Run(t.Context(), 60*time.Second))
	require.Empty(t, out.String())
	s.SetLink("a", "b", Link{Latency: time.Millisecond})
	require.NoError(t, s.Run(t.Context(), 70*time.Second))
	require.Contains(t, out.String(), "got hello")
	require.NotContains(t, out.String(), "read:")
}

// TestALeapMovesTheWallClockOnly: what programs wait for is not shortened.
func TestALeapMovesTheWallClockOnly(t *testing.T) {
	var out bytes.Buffer
	s, prog := newSim(t, 1, &out)
	start(t, s, prog, "b", "10.0.0.2", "echo", "10.0.0.2:7")
	start(t, s, prog, "a", "10.0.0.1", "ping", "10.0.0.2:7")
	fired := time.Duration(0)
	s.At(time.Hour, func() { fired = s.Now() })
	require.NoError(t, s.Run(t.Context(), 1500*time.Millisecond))
	lines := bytes.Count(out.Bytes(), []byte("\n"))
	s.Leap(time.Hour - 2*time.Second)
	require.NoError(t, s.Run(t.Context(), time.Hour-time.Second))
	require.Zero(t, fired)
	require.Equal(t, lines, bytes.Count(out.Bytes(), []byte("\n")), "a second of sleep is not over")
	require.NoError(t, s.Run(t.Context(), time.Hour))
	require.Equal(t, time.Hour, fired)
}

// TestACrashIsReported: the harness learns the exit code of a program that dies.
func TestACrashIsReported(t *testing.T) {
	var out bytes.Buffer
	s, prog := newSim(t, 1, &out)
	var code uint32
	_, err := s.Start(t.Context(), Spec{Name: "a", IP: "10.0.0.1", Program: prog, Args: []string{"crash"}, OnExit: func(c uint32) { code = c }})
	require.NoError(t, err)
	require.NoError(t, s.Run(t.Context(), time.Second))
	require.EqualValues(t, 2, code)
	require.Contains(t, out.String(), "on purpose")
	require.False(t, s.Machine("a").Running())
}

// TestAProgramThatNeverWaitsEndsTheRun: looking at the clock for ever is not
// waiting.
func TestAProgramThatNeverWaitsEndsTheRun(t *testing.T) {
	var out bytes.Buffer
	s, prog := newSim(t, 1, &out)
	start(t, s, prog, "a", "10.0.0.1", "spin")
	require.ErrorIs(t, s.Run(t.Context(), time.Hour), ErrStuck)
}
