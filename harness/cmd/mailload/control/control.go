// Package control is the language between the harness and the driver program
// mailload: lines of JSON over one connection.
//
// It owns the form of the lines. The first line a harness sends is a Hello,
// every later one a request: one hist.Op, or a group of deliveries that make
// one LMTP transaction. Each answer is one line with one completed hist.Op, in
// the order of completion; a line the driver cannot understand is answered with
// a Refusal and ends the connection. It assumes that both sides are of the same
// build. It imports package hist and the standard library only.
package control

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"fourdays/harness/hist"
)

// MaxLine bounds a line in bytes; a longer one is refused.
const MaxLine = 16 << 20

// MaxGroup bounds the recipients of one transaction: RFC 5321 §4.5.3.1.8 has
// servers take at least 100.
const MaxGroup = 100

// Hello is the first line of a connection and says how the driver's clock is
// translated into times since the run's start.
type Hello struct {
	// Start is when the run started on the driver's own clock, in Unix
	// microseconds. With 0, NowUS counts.
	Start int64 `json:"start"`
	// NowUS is what the run's clock reads as the driver reads this line. It is
	// for harnesses that do not share a clock with the driver.
	NowUS int64 `json:"now_us,omitempty"`
}

// Refusal is what the driver answers to a line that it does not understand,
// before it hangs up.
type Refusal struct {
	Error string `json:"error"`
}

// request is a line as it travels: an op, or a group of them.
type request struct {
	*hist.Op
	Group []*hist.Op `json:"group,omitempty"`
}

// Encode makes the line, with its line end, that asks for a group. A group of
// one travels as a plain op.
func Encode(group []*hist.Op) ([]byte, error) {
	if err := check(group); err != nil {
		return nil, err
	}
	var line any = group[0]
	if len(group) > 1 {
		line = request{Group: group}
	}
	raw, err := json.Marshal(line)
	if err != nil {
		return nil, fmt.Errorf("encode request: %w", err)
	}
	return append(raw, '\n'), nil
}

// Decode reads a request line: one op, or the deliveries of one transaction.
func Decode(line []byte) ([]*hist.Op, error) {
	var req request
	req.Op = new(hist.Op)
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&req); err != nil {
		return nil, fmt.Errorf("decode request: %w", err)
	}
	if dec.More() {
		return nil, errors.New("decode request: more than one value on the line")
	}
	group := req.Group
	if group == nil {
		group = []*hist.Op{req.Op}
	}
	return group, check(group)
}

var kinds = map[hist.Kind]bool{
	hist.Deliver: true, hist.Append: true, hist.Copy: true, hist.Move: true,
	hist.Store: true, hist.Expunge: true, hist.Create: true, hist.Delete: true,
	hist.List: true, hist.Status: true, hist.Read: true, hist.Search: true,
	hist.Audit: true, hist.Admin: true,
}

// check refuses what no driver could do.
func check(group []*hist.Op) error {
	switch {
	case len(group) == 0:
		return errors.New("request: an empty group")
	case len(group) > MaxGroup:
		return fmt.Errorf("request: %d recipients, at most %d", len(group), MaxGroup)
	}
	first := group[0]
	if first == nil || !kinds[first.Kind] {
		return errors.New("request: no kind that a driver can do")
	}
	if len(group) == 1 {
		return nil
	}
	seen := map[string]bool{}
	for _, op := range group {
		if op == nil || op.Kind != hist.Deliver {
			return errors.New("request: only deliveries can be grouped")
		}
		if op.Node != first.Node || op.Message != first.Message || op.Size != first.Size || op.By != first.By || op.Try != first.Try {
			return errors.New("request: the deliveries of a group differ in more than their account")
		}
		if seen[op.Account] {
			return fmt.Errorf("request: %q twice in a group", op.Account)
		}
		seen[op.Account] = true
	}
	return nil
}
