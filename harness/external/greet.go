package external

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"fourdays/harness/world"
)

// greetingWait is how long a greeting may take. Picked: a server that needs
// longer does not serve.
const greetingWait = 5 * time.Second

// greeting waits for the first line of a connection.
type greeting struct {
	conn world.Conn
	line string
	done func(error)
}

// greet opens a connection to the IMAP face and looks for "* OK".
func (s *Server) greet(done func(error)) {
	address := s.at(s.cfg.Target.IMAP)
	g := &greeting{done: done}
	fail := func(err error) { g.end(fmt.Errorf("greet %s: %w", address, err)) }
	opened := func(err error) {
		if err != nil {
			fail(err)
		}
	}
	data := func(p []byte) {
		g.line += string(p)
		first, _, whole := strings.Cut(g.line, "\n")
		switch ok := strings.HasPrefix(first, "* OK"); {
		case whole && ok:
			g.end(nil)
		case whole:
			fail(fmt.Errorf("it says %q", strings.TrimSpace(first)))
		}
	}
	conn, err := s.cfg.World.Dial(address, opened, data, func() { fail(errors.New("it hung up")) })
	if err != nil {
		fail(err)
		return
	}
	g.conn = conn
	s.cfg.World.At(s.cfg.World.Now()+greetingWait, func() { fail(fmt.Errorf("no greeting within %v", greetingWait)) })
}

// end answers once.
func (g *greeting) end(err error) {
	if g.done == nil {
		return
	}
	done := g.done
	g.done = nil
	if g.conn != nil {
		g.conn.Close()
	}
	done(err)
}
