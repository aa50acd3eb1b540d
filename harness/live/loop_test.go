package live

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestCallsComeInOrderAndOnlyInRun plans in disorder and posts from outside.
func TestCallsComeInOrderAndOnlyInRun(t *testing.T) {
	l := NewLoop()
	var calls []string
	say := func(s string) func() { return func() { calls = append(calls, s) } }
	l.At(20*time.Millisecond, say("third"))
	l.At(10*time.Millisecond, say("first"))
	l.At(10*time.Millisecond, say("second"))
	l.At(time.Hour, say("never"))
	posted := make(chan bool)
	go func() {
		l.Post(say("zeroth"))
		close(posted)
	}()
	<-posted
	require.Empty(t, calls)
	require.NoError(t, l.Run(t.Context(), 30*time.Millisecond))
	require.Equal(t, []string{"zeroth", "first", "second", "third"}, calls)
	require.GreaterOrEqual(t, l.Now(), 30*time.Millisecond)
}

// TestAPostWakesARunThatWaits would take an hour otherwise.
func TestAPostWakesARunThatWaits(t *testing.T) {
	l := NewLoop()
	go l.Post(l.Stop)
	require.NoError(t, l.Run(t.Context(), time.Hour))
	require.Less(t, l.Now(), time.Minute)
}

func TestWhatIsOverdueRunsFirst(t *testing.T) {
	l := NewLoop()
	var calls []int
	require.NoError(t, l.Run(t.Context(), 5*time.Millisecond))
	l.Post(func() { calls = append(calls, 2) })
	l.At(time.Millisecond, func() { calls = append(calls, 1) })
	require.NoError(t, l.Run(t.Context(), 20*time.Millisecond))
	require.Equal(t, []int{1, 2}, calls)
}

func TestRunEndsWithAnErrorAndWithItsContext(t *testing.T) {
	l := NewLoop()
	ctx, cancel := context.WithCancel(t.Context())
	go l.Post(cancel)
	require.ErrorIs(t, l.Run(ctx, time.Hour), context.Canceled)
	broken := errors.New("broken")
	go l.Post(func() { l.Fail(broken) })
	require.ErrorIs(t, l.Run(t.Context(), time.Hour), broken)
	require.ErrorIs(t, l.Run(t.Context(), time.Hour), broken, "and every later one")
}

// TestAFailureElsewhereEndsARunThatWaits would take an hour otherwise.
func TestAFailureElsewhereEndsARunThatWaits(t *testing.T) {
	l := NewLoop()
	broken := errors.New("broken")
	time.AfterFunc(20*time.Millisecond, func() { l.Fail(broken) })
	require.ErrorIs(t, l.Run(t.Context(), time.Hour), broken)
	require.Less(t, l.Now(), time.Minute)
}

// TestAVolumesTimersNeedNoRun: a kernel waits for them.
func TestAVolumesTimersNeedNoRun(t *testing.T) {
	l := NewLoop()
	defer l.Close()
	calls := make(chan int, 4)
	say := func(n int) func() { return func() { calls <- n } }
	l.After(5*time.Millisecond, say(3))
	l.After(time.Hour, say(9))
	l.After(time.Millisecond, func() {
		calls <- 2
		l.After(10*time.Millisecond, say(4))
	})
	l.After(-time.Second, say(1))
	for want := 1; want <= 4; want++ {
		require.Equal(t, want, <-calls)
	}
}

// TestShortTimersAreNotLate: an array's operation takes a fraction of a
// millisecond. The best of many counts, as others use the processors too.
func TestShortTimersAreNotLate(t *testing.T) {
	l := NewLoop()
	defer l.Close()
	const asked = 200 * time.Microsecond
	best := time.Hour
	for range 200 {
		took := make(chan time.Duration)
		began := time.Now()
		l.After(asked, func() { took <- time.Since(began) })
		best = min(best, <-took)
	}
	require.GreaterOrEqual(t, best, asked)
	require.Less(t, best, 2*asked)
}

// BenchmarkTimer is what waiting for 200 microseconds takes.
func BenchmarkTimer(b *testing.B) {
	l := NewLoop()
	defer l.Close()
	done := make(chan bool)
	for b.Loop() {
		l.After(200*time.Microsecond, func() { done <- true })
		<-done
	}
}

// echo answers everything that it gets, until the listener is closed.
func echo(t *testing.T) net.Listener {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				buf := make([]byte, 1<<10)
				for {
					n, err := conn.Read(buf)
					if err != nil || string(buf[:n]) == "bye" {
						return
					}
					_, _ = conn.Write(buf[:n])
				}
			}()
		}
	}()
	return l
}

// TestAStreamCarriesBothWays: a megabyte there and back, and then the end.
func TestAStreamCarriesBothWays(t *testing.T) {
	l, ear := NewLoop(), echo(t)
	defer l.Close()
	text := strings.Repeat("0123456789abcdef", 1<<16)
	var opened, gone bool
	var got strings.Builder
	var conn interface {
		Send([]byte) error
		Close()
	}
	conn, err := l.Dial(ear.Addr().String(), func(err error) {
		opened = err == nil
		_ = conn.Send([]byte(text))
	}, func(p []byte) {
		got.Write(p)
		if got.Len() == len(text) {
			_ = conn.Send([]byte("bye"))
		}
	}, func() { gone = true; l.Stop() })
	require.NoError(t, err)
	require.ErrorIs(t, conn.Send([]byte("early")), ErrClosed)
	require.NoError(t, l.Run(t.Context(), time.Minute))
	require.True(t, opened && gone)
	require.Equal(t, text, got.String())
	require.ErrorIs(t, conn.Send([]byte("late")), ErrClosed)
}

func TestNobodyListens(t *testing.T) {
	l := NewLoop()
	ear, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, ear.Close())
	var failed error
	_, err = l.Dial(ear.Addr().String(), func(err error) { failed = err; l.Stop() }, nil, nil)
	require.NoError(t, err)
	require.NoError(t, l.Run(t.Context(), time.Minute))
	require.ErrorContains(t, failed, "refused")
	_, err = l.Dial("nowhere", nil, nil, nil)
	require.Error(t, err)
}

// TestNoCallAfterClose closes a stream whose opening is already on its way.
func TestNoCallAfterClose(t *testing.T) {
	l, ear := NewLoop(), echo(t)
	var calls atomic.Int32
	count := func() { calls.Add(1) }
	conn, err := l.Dial(ear.Addr().String(), func(error) { count() }, func([]byte) { count() }, count)
	require.NoError(t, err)
	conn.Close()
	require.NoError(t, l.Run(t.Context(), 50*time.Millisecond))
	require.Zero(t, calls.Load())
}
