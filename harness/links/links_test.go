package links

import (
	"bufio"
	"fmt"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fourdays/harness/world"
)

// echo answers each line with itself.
func echo(t testing.TB) string {
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
				for in := bufio.NewReader(conn); ; {
					line, err := in.ReadString('\n')
					if err != nil {
						return
					}
					fmt.Fprint(conn, line)
				}
			}()
		}
	}()
	return l.Addr().String()
}

// caller is a connection from a to b.
type caller struct {
	t    testing.TB
	conn net.Conn
	in   *bufio.Reader
}

func call(t testing.TB, l *Links, a, b, address string) *caller {
	at, err := l.Way(a, b, address)
	require.NoError(t, err)
	conn, err := net.Dial("tcp", at)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return &caller{t, conn, bufio.NewReader(conn)}
}

func (c *caller) say(line string) { fmt.Fprintln(c.conn, line) }

// hears waits for a line and says how long that took.
func (c *caller) hears(line string) time.Duration {
	began := time.Now()
	require.NoError(c.t, c.conn.SetReadDeadline(time.Now().Add(time.Minute)))
	got, err := c.in.ReadString('\n')
	require.NoError(c.t, err)
	require.Equal(c.t, line+"\n", got)
	return time.Since(began)
}

func (c *caller) hearsNothing() {
	require.NoError(c.t, c.conn.SetReadDeadline(time.Now().Add(100*time.Millisecond)))
	_, err := c.in.ReadString('\n')
	var timeout net.Error
	require.ErrorAs(c.t, err, &timeout)
	require.True(c.t, timeout.Timeout())
}

func newLinks(t testing.TB, first world.Link) *Links {
	l := New("127.0.0.1", first, 1)
	t.Cleanup(l.Close)
	return l
}

// TestACutIsSilentAndMended: the line said into the cut comes when it is mended,
// a connection made during the cut as well, and other pairs never notice.
func TestACutIsSilentAndMended(t *testing.T) {
	l, address := newLinks(t, world.Link{}), echo(t)
	old, other := call(t, l, "a", "b", address), call(t, l, "a", "c", address)
	old.say("before")
	old.hears("before")
	l.Set("b", "a", world.Link{Cut: true})
	old.say("into the cut")
	fresh := call(t, l, "a", "b", address)
	fresh.say("hello")
	old.hearsNothing()
	fresh.hearsNothing()
	other.say("still here")
	other.hears("still here")
	l.Set("a", "b", world.Link{})
	old.hears("into the cut")
	fresh.hears("hello")
}

// TestLatencyIsThereAndBack: one line waits for both directions, and a second
// right behind it for nothing more.
func TestLatencyIsThereAndBack(t *testing.T) {
	const latency = 200 * time.Millisecond
	l, address := newLinks(t, world.Link{Latency: latency}), echo(t)
	c := call(t, l, "a", "b", address)
	began := time.Now()
	c.say("one")
	c.say("two")
	c.hears("one")
	require.GreaterOrEqual(t, time.Since(began), 2*latency)
	require.Less(t, c.hears("two"), latency)
	l.Set("a", "b", world.Link{})
	c.say("three")
	require.Less(t, c.hears("three"), latency)
}

// TestALostSegmentComesLate: all of them are lost, and all come.
func TestALostSegmentComesLate(t *testing.T) {
	l, address := newLinks(t, world.Link{Loss: 1}), echo(t)
	c := call(t, l, "a", "b", address)
	began := time.Now()
	c.say("lost")
	c.hears("lost")
	require.GreaterOrEqual(t, time.Since(began), 2*retransmit)
}

func TestAWayIsMadeOnce(t *testing.T) {
	l, address := newLinks(t, world.Link{}), echo(t)
	first, err := l.Way("a", "b", address)
	require.NoError(t, err)
	again, err := l.Way("a", "b", address)
	require.NoError(t, err)
	back, err := l.Way("b", "a", address)
	require.NoError(t, err)
	require.Equal(t, first, again)
	require.NotEqual(t, first, back)
}

// TestTheEndReachesTheOtherSide: of a program that dies, and of all at the end,
// cut or not.
func TestTheEndReachesTheOtherSide(t *testing.T) {
	l := New("127.0.0.1", world.Link{}, 1)
	ear, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ear.Close()
	one := call(t, l, "a", "b", ear.Addr().String())
	far, err := ear.Accept()
	require.NoError(t, err)
	require.NoError(t, far.Close())
	_, err = one.in.ReadString('\n')
	require.Error(t, err)
	two := call(t, l, "a", "b", ear.Addr().String())
	l.Set("a", "b", world.Link{Cut: true})
	two.say("never heard")
	l.Close()
	_, err = two.in.ReadString('\n')
	require.Error(t, err)
}

// TestNobodyBehindAProxy is told as if it were not there.
func TestNobodyBehindAProxy(t *testing.T) {
	l := newLinks(t, world.Link{})
	ear, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, ear.Close())
	at, err := l.Way("a", "b", ear.Addr().String())
	require.NoError(t, err)
	conn, err := net.Dial("tcp", at)
	if err == nil {
		defer conn.Close()
		_, err = conn.Read(make([]byte, 1))
	}
	require.ErrorContains(t, err, "connection reset")
}

// TestMuchPassesUnharmed: eight megabytes there and back, through a network that
// changes all the time.
func TestMuchPassesUnharmed(t *testing.T) {
	l, address := newLinks(t, world.Link{}), echo(t)
	c := call(t, l, "a", "b", address)
	var text strings.Builder
	for i := range 200_000 {
		fmt.Fprintf(&text, "line %030d\n", i)
	}
	go func() { fmt.Fprint(c.conn, text.String()) }()
	for i := range 200_000 {
		c.hears(fmt.Sprintf("line %030d", i))
		if i%20_000 == 0 {
			l.Set("a", "b", world.Link{Jitter: time.Millisecond, Cut: i%40_000 == 0})
			l.Set("a", "b", world.Link{Latency: time.Duration(i) * time.Nanosecond})
		}
	}
}

// TestNothingIsLeft of many connections that ended in all ways.
func TestNothingIsLeft(t *testing.T) {
	before := runtime.NumGoroutine()
	l := New("127.0.0.1", world.Link{}, 1)
	address := echo(t)
	for i := range 40 {
		c := call(t, l, "a", "b", address)
		c.say("hello")
		if i%2 == 0 {
			c.hears("hello")
		}
		require.NoError(t, c.conn.Close())
	}
	require.Eventually(t, func() bool { return runtime.NumGoroutine() <= before+6 }, 10*time.Second, 10*time.Millisecond)
	call(t, l, "a", "b", address).say("open")
	l.Close()
	require.Eventually(t, func() bool { return runtime.NumGoroutine() <= before+2 }, 10*time.Second, 10*time.Millisecond)
}

func TestAnAddressThatIsNotOurs(t *testing.T) {
	l := New("192.0.2.1", world.Link{}, 1)
	_, err := l.Way("a", "b", "127.0.0.1:1")
	require.ErrorContains(t, err, "link a and b")
}

// BenchmarkRoundTrip is what a proxy costs a line there and back.
func BenchmarkRoundTrip(b *testing.B) {
	address := echo(b)
	l := newLinks(b, world.Link{})
	direct, err := net.Dial("tcp", address)
	require.NoError(b, err)
	defer direct.Close()
	for name, c := range map[string]*caller{
		"direct": {b, direct, bufio.NewReader(direct)}, "proxied": call(b, l, "a", "b", address),
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				c.say("ping")
				c.hears("ping")
			}
		})
	}
}
