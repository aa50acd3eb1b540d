package main

import (
	"bytes"
	"context"
	"flag"
	"io"
	"net"
	"testing"

	"github.com/stretchr/testify/require"
)

var goodArgs = []string{
	"-id", "n1", "-data", "/d", "-peers", "n1=10.0.0.1:7000,n2=10.0.0.2:7000", "-peer-listen", "10.0.0.1:7000",
	"-lmtp", "10.0.0.1:24", "-imap", "10.0.0.1:143", "-admin", "10.0.0.1:80", "-domains", "libero.example,Virgilio.example",
}

func TestCommandLineIsUnderstood(t *testing.T) {
	c, err := parseFlags(append([]string{"-unsafe", "no-sync,no-digest,no-fence,guess"}, goodArgs...), io.Discard)
	require.NoError(t, err)
	require.Equal(t, []string{"libero.example", "virgilio.example"}, c.domains)
	require.Len(t, c.peers, 2)
	require.True(t, c.noDigest && c.unsafe.NoSync && c.unsafe.NoFence && c.unsafe.Guess)
	c, err = parseFlags(goodArgs, io.Discard)
	require.NoError(t, err)
	require.Zero(t, c.unsafe)
	require.False(t, c.noDigest)
}

func TestWrongCommandLinesSayWhatIsWrong(t *testing.T) {
	for want, args := range map[string][]string{
		"-data is missing":              {"-data", ""},
		"-id n9 is not one of -peers":   {"-id", "n9"},
		"is not name=IP:PORT":           {"-peers", "n1"},
		"-lmtp \"host:24\" is not":      {"-lmtp", "host:24"},
		"is none of no-sync":            {"-unsafe", "no-syn"},
		"is not a domain":               {"-domains", "a,,b"},
		"is not IP:PORT=IP:PORT":        {"-via", "10.0.0.2:7000"},
		"or there twice":                {"-via", "10.0.0.2:7000=10.0.0.9:1,10.0.0.2:7000=10.0.0.9:2"},
		"exclude each other":            {"-join", "-recover"},
		"needs a member in -peers":      {"-join", "-peers", "n1=10.0.0.1:7000"},
		"-peers must be n1=IP:PORT":     {"-recover"},
		"must be positive":              {"-watchdog", "-1s"},
		"must not be negative":          {"-scrub-every", "-1s"},
		"-scrub-rate must not be":       {"-scrub-rate", "-1"},
		"flag provided but not defined": {"-nope"},
		"unexpected argument":           {"stray"},
	} {
		_, err := parseFlags(append(append([]string{}, goodArgs...), args...), io.Discard)
		require.ErrorContains(t, err, want)
	}
}

// TestPeersAreDialledThroughTheirProxies: the one that has none directly.
func TestPeersAreDialledThroughTheirProxies(t *testing.T) {
	c, err := parseFlags(append([]string{"-via", "10.0.0.2:7000=127.0.0.1:9"}, goodArgs...), io.Discard)
	require.NoError(t, err)
	var dialled []string
	defer func(d func(context.Context, string, string) (net.Conn, error)) { dial = d }(dial)
	dial = func(_ context.Context, _, address string) (net.Conn, error) {
		dialled = append(dialled, address)
		return nil, net.ErrClosed
	}
	for _, to := range []string{"10.0.0.2:7000", "10.0.0.3:7000"} {
		_, err = c.dialPeer(t.Context(), "tcp", to)
		require.ErrorIs(t, err, net.ErrClosed)
	}
	require.Equal(t, []string{"127.0.0.1:9", "10.0.0.3:7000"}, dialled)
}

func TestHelpTeaches(t *testing.T) {
	var out bytes.Buffer
	_, err := parseFlags([]string{"-help"}, &out)
	require.ErrorIs(t, err, flag.ErrHelp)
	for _, want := range []string{"usage:", "curl", "-unsafe", "-promise"} {
		require.Contains(t, out.String(), want)
	}
}

// counting counts the writes that reach the network.
type counting struct {
	net.Conn
	writes int
}

func (c *counting) Write(b []byte) (int, error) {
	c.writes++
	return c.Conn.Write(b)
}

func TestWritesGoOutTogetherBeforeTheNextRead(t *testing.T) {
	near, far := net.Pipe()
	raw := &counting{Conn: near}
	c := &coalesced{Conn: raw}
	got := make(chan string)
	go func() {
		b := make([]byte, 100)
		n, _ := far.Read(b)
		got <- string(b[:n])
		_, _ = far.Write([]byte("x"))
	}()
	for _, part := range []string{"a", "b", "c"} {
		_, err := c.Write([]byte(part))
		require.NoError(t, err)
	}
	require.Zero(t, raw.writes)
	go func() { _, _ = c.Read(make([]byte, 1)) }()
	require.Equal(t, "abc", <-got)
	require.Equal(t, 1, raw.writes)
}

func TestCloseSendsWhatWasWrittenAndNothingAfter(t *testing.T) {
	near, far := net.Pipe()
	c := &coalesced{Conn: near}
	got := make(chan []byte)
	go func() {
		b, _ := io.ReadAll(far)
		got <- b
	}()
	_, err := c.Write([]byte("bye"))
	require.NoError(t, err)
	require.NoError(t, c.Close())
	_, err = c.Write([]byte("too late"))
	require.ErrorIs(t, err, net.ErrClosed)
	require.Equal(t, "bye", string(<-got))
}

func TestLongWritesDoNotWait(t *testing.T) {
	near, far := net.Pipe()
	c := &coalesced{Conn: near}
	go func() { _, _ = c.Write(make([]byte, maxHeld)) }()
	n, err := io.ReadFull(far, make([]byte, maxHeld))
	require.NoError(t, err)
	require.Equal(t, maxHeld, n)
}
