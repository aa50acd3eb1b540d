package check

import "fourdays/harness/hist"

// Judge reads a history once, in the order of answers, and judges it. It is not
// safe for concurrent use.
type Judge struct {
	in Input
}

// New returns a Judge that has seen nothing.
func New(in Input) *Judge { return &Judge{in: in} }

// Add gives the next operation. The Judge does not change op and keeps no
// reference to it.
func (j *Judge) Add(op *hist.Op) {}

// Verdicts judges what has been added so far. More may be added afterwards.
func (j *Judge) Verdicts() Report { return Report{} }
