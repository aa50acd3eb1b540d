package local

import (
	"errors"
	"fmt"
	"sync"

	"fourdays/harness/live"
	"fourdays/harness/world"
)

// mostPrinted is how much of what an errand prints is kept, as world.Executor
// has it.
const mostPrinted = 64 << 10

// tail keeps the last part of what is written to it.
type tail struct {
	mu   sync.Mutex
	text []byte
}

// Write implements io.Writer.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	if extra := len(t.text) - mostPrinted; extra > 0 {
		t.text = append(t.text[:0], t.text[extra:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.text)
}

// Exec implements world.Executor.
func (w *World) Exec(name string, e world.Errand, done func(printed string, err error)) {
	m, err := w.machine("run a command on", name)
	if err == nil {
		err = m.errand(e, done)
	}
	if err != nil {
		w.Post(func() { done("", err) })
	}
}

func (m *machine) errand(e world.Errand, done func(string, error)) error {
	if len(e.Args) == 0 {
		return errors.New("run a command: it is empty")
	}
	printed := &tail{}
	p, err := live.Command{
		Path: e.Args[0], Args: m.places(e.Args[1:]), Env: m.variables(e.Env), Dir: e.Dir,
		Output: printed,
	}.Start()
	if err != nil {
		return err
	}
	if m.runs == nil {
		m.runs = map[*live.Process]bool{}
	}
	m.runs[p] = true
	go func() {
		err := outcome(p, e)
		m.w.Post(func() {
			delete(m.runs, p)
			done(printed.String(), err)
		})
	}()
	return nil
}

// outcome waits for the end of an errand, or makes it.
func outcome(p *live.Process, e world.Errand) error {
	if !p.EndsWithin(e.Within) {
		p.Kill()
		err := fmt.Errorf("%s: not over within %v", e.Args[0], e.Within)
		if !p.EndsWithin(dieWait) {
			err = fmt.Errorf("%w, and its process %d sleeps in its storage", err, p.ID())
		}
		return err
	}
	if p.Code() != 0 {
		return fmt.Errorf("%s: exit code %d", e.Args[0], p.Code())
	}
	return nil
}

// endErrands kills the commands that run beside the program.
func (m *machine) endErrands() {
	for p := range m.runs {
		p.Kill()
	}
}
