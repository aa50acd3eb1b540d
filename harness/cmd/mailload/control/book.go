package control

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"fourdays/harness/hist"
)

// Book is the harness's end: it knows which questions are open and puts the
// driver's answers together again. It does no I/O and is not for concurrent
// use. The zero Book is ready.
type Book struct {
	open map[int64]*page // by the IDs of the ops
}

// page is one question.
type page struct {
	missing int
	answers []*hist.Op
	done    func([]*hist.Op)
}

// Ask opens a question and returns the line to send. done is called from a
// later Answer or Fail, once. The IDs of the ops must be new.
func (b *Book) Ask(group []*hist.Op, done func([]*hist.Op)) ([]byte, error) {
	line, err := Encode(group)
	if err != nil {
		return nil, err
	}
	if b.open == nil {
		b.open = map[int64]*page{}
	}
	p := &page{missing: len(group), done: done}
	for _, op := range group {
		if b.open[op.ID] != nil {
			return nil, fmt.Errorf("ask: the ID %d is open already", op.ID)
		}
	}
	for _, op := range group {
		b.open[op.ID] = p
	}
	return line, nil
}

// Open is how many ops wait for their answers.
func (b *Book) Open() int { return len(b.open) }

// Answer takes a line of the driver.
func (b *Book) Answer(line []byte) error {
	var answer struct {
		hist.Op
		Refusal
	}
	if err := json.Unmarshal(line, &answer); err != nil {
		return fmt.Errorf("decode answer: %w", err)
	}
	if answer.Error != "" {
		return errors.New("the driver did not understand: " + answer.Error)
	}
	op := answer.Op
	p := b.open[op.ID]
	if p == nil {
		return fmt.Errorf("decode answer: nobody asked %d", op.ID)
	}
	p.answers = append(p.answers, &op)
	if op.Kind == hist.Audit && op.Mailbox != "" {
		return nil // the audit itself is still to come
	}
	delete(b.open, op.ID)
	if p.missing--; p.missing == 0 {
		p.done(p.answers)
	}
	return nil
}

// Fail ends every open question with what is there of its answers, in the order
// of their IDs: for when the driver is gone.
func (b *Book) Fail() {
	ids := slices.Sorted(maps.Keys(b.open))
	pages := b.open
	b.open = nil
	for _, id := range ids {
		if p := pages[id]; p.missing > 0 {
			p.missing = 0
			p.done(p.answers)
		}
	}
}
