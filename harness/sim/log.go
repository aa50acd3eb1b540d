package sim

import (
	"bytes"
	"fmt"
	"io"

	"fourdays/storage/vol"
)

// lineWriter heads every line that a program prints with time and machine.
type lineWriter struct {
	sim  *Sim
	name string
	w    io.Writer
	rest []byte
}

// Write takes a piece of output; only whole lines are passed on.
func (l *lineWriter) Write(p []byte) (int, error) {
	if l.w == nil {
		return len(p), nil
	}
	l.rest = append(l.rest, p...)
	for {
		i := bytes.IndexByte(l.rest, '\n')
		if i < 0 {
			return len(p), nil
		}
		fmt.Fprintf(l.w, "%.6f %s %s\n", l.sim.Now().Seconds(), l.name, l.rest[:i])
		l.rest = l.rest[i+1:]
	}
}

func (l *lineWriter) flush() {
	if len(l.rest) > 0 {
		l.Write([]byte("\n"))
	}
}

func (s *Sim) traceDisk(m *Machine, op *vol.Op) {
	payload := op.Data
	if op.Kind == vol.Read {
		payload = nil
	}
	s.trace.event(s.Now(), op.Kind.String(), m.spec.Name+":"+op.Path, uint64(op.Off), payload)
}
