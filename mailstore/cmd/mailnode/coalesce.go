package main

import (
	"net"
	"sync"
	"time"
)

// coalesced is a connection that sends what is written to it when the program
// waits for the other side. The protocol packages flush every line, and in the
// simulator each write is an event; an answer of ten lines is one this way.
//
// What is written while a Read waits, or is too much to hold, goes out at once.
type coalesced struct {
	net.Conn

	mu      sync.Mutex
	held    []byte
	reading int
	closed  bool
}

// Limits, both picked: how many bytes wait at most, and how long for the other
// side to take them.
const (
	maxHeld      = 64 << 10
	writeTimeout = time.Minute
)

// Read implements net.Conn.
func (c *coalesced) Read(b []byte) (int, error) {
	c.mu.Lock()
	err := c.flush()
	c.reading++
	c.mu.Unlock()
	if err != nil {
		return 0, err
	}
	defer func() {
		c.mu.Lock()
		c.reading--
		c.mu.Unlock()
	}()
	return c.Conn.Read(b)
}

// Write implements net.Conn.
func (c *coalesced) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return 0, net.ErrClosed
	}
	c.held = append(c.held, b...)
	if c.reading == 0 && len(c.held) < maxHeld {
		return len(b), nil
	}
	return len(b), c.flush()
}

// Close implements net.Conn: what was written is sent first.
func (c *coalesced) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		c.closed = true
		_ = c.flush()
	}
	return c.Conn.Close()
}

// flush sends what is held. Needs mu.
func (c *coalesced) flush() error {
	if len(c.held) == 0 {
		return nil
	}
	_ = c.Conn.SetWriteDeadline(time.Now().Add(writeTimeout))
	_, err := c.Conn.Write(c.held)
	c.held = c.held[:0]
	return err
}

// SetWriteDeadline implements net.Conn. It does nothing: the write that it is
// meant for may be long over when the bytes go out, under a deadline of ours.
func (c *coalesced) SetWriteDeadline(time.Time) error { return nil }

// coalescing makes the connections of a listener coalesced.
type coalescing struct{ net.Listener }

// Accept implements net.Listener.
func (l coalescing) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &coalesced{Conn: conn}, nil
}
