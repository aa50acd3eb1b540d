package live

import (
	"bytes"
	"fmt"
	"io"
	"sync"
	"time"
)

// Log takes what programs print, from many goroutines, and heads each line with
// time and name as the simulator does.
type Log struct {
	now func() time.Duration

	mu sync.Mutex
	to io.Writer
}

// NewLog writes to a writer that may be nil: then it is dropped.
func NewLog(now func() time.Duration, to io.Writer) *Log { return &Log{now: now, to: to} }

func (l *Log) line(name string, text []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.to != nil {
		fmt.Fprintf(l.to, "%.6f %s %s\n", l.now().Seconds(), name, text)
	}
}

// Close lets nothing more through: what a program still prints would come into
// a file that is closed.
func (l *Log) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.to = nil
}

// longestLine is what is kept of a line without an end. Picked.
const longestLine = 64 << 10

// Output takes what one process prints. The last line is kept: it tends to say
// why the process ended.
type Output struct {
	log  *Log
	name string

	mu   sync.Mutex
	rest []byte
	last string
}

// Output makes a writer for the process of that name.
func (l *Log) Output(name string) *Output { return &Output{log: l, name: name} }

// Write takes a piece of output; only whole lines are passed on.
func (o *Output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.rest = append(o.rest, p...)
	for {
		i := bytes.IndexByte(o.rest, '\n')
		if i < 0 {
			break
		}
		o.put(o.rest[:i])
		o.rest = o.rest[i+1:]
	}
	if len(o.rest) > longestLine {
		o.put(o.rest)
		o.rest = nil
	}
	return len(p), nil
}

func (o *Output) put(line []byte) {
	if len(line) > 0 {
		o.last = string(line)
	}
	o.log.line(o.name, line)
}

// Flush passes on a last line without an end.
func (o *Output) Flush() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.rest) > 0 {
		o.put(o.rest)
		o.rest = nil
	}
}

// Last is the last line that was printed.
func (o *Output) Last() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.last
}
