package recovery

import "fourdays/harness/hist"

// Meter reads a history once and measures it. It is not safe for concurrent
// use.
type Meter struct {
	in Input
}

// New returns a Meter that has seen nothing.
func New(in Input) *Meter { return &Meter{in: in} }

// Add gives the next operation; op is not kept.
func (m *Meter) Add(op *hist.Op) {}

// Recovery gives the marks and metrics of what has been added. The classes of
// losses, known only after the same history was judged, are passed here.
func (m *Meter) Recovery(classes []Loss) Recovery { return Recovery{} }

// Compute measures a whole history at once.
func Compute(in Input, ops []*hist.Op) Recovery {
	m := New(in)
	for _, op := range ops {
		m.Add(op)
	}
	return m.Recovery(in.Classes)
}
