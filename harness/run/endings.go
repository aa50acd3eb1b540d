package run

import (
	"fmt"
	"time"

	"fourdays/harness/check"
	"fourdays/harness/hist"
	"fourdays/harness/scenario"
)

// Bounced and Waiting are how a message ends that nobody acknowledged: its
// author was told, or its sender still has it.
const (
	Bounced check.Ending = "bounced"
	Waiting check.Ending = "waiting"
)

// End is what became of one message for one recipient.
type End struct {
	Became   check.Ending
	Answered time.Duration // the first attempt, in whatever way
	Reply    string        // to the first attempt, in the node's words
}

// Endings says of each message that senders had, for each of its recipients,
// what became of it, from the record in a run directory.
func Endings(s *scenario.Scenario, dir string) (map[check.Recipient]*End, error) {
	ev, err := loadEvidence(dir)
	if err != nil {
		return nil, err
	}
	ends := map[check.Recipient]*End{}
	in := ev.checkInput(s)
	in.End = func(of check.Recipient, became check.Ending) {
		if end := ends[of]; end != nil {
			end.Became = became
		}
	}
	judge := check.New(in)
	if err := readHistory(dir, func(op *hist.Op) error {
		judge.Add(op)
		note(ends, op)
		return nil
	}); err != nil {
		return nil, err
	}
	judge.Verdicts()
	if len(ends) == 0 {
		return nil, fmt.Errorf("read %s: no sender had a message", dir)
	}
	return ends, nil
}

// note keeps what an operation says about a sender and a message. Who has not
// been acknowledged in the end has been bounced, or is waiting.
func note(ends map[check.Recipient]*End, op *hist.Op) {
	of := check.Recipient{Account: op.Account, Message: op.Message}
	end := ends[of]
	if end == nil && op.Kind == hist.Deliver {
		end = &End{Waiting, time.Duration(op.AnsweredUS) * time.Microsecond, op.Reply}
		ends[of] = end
	}
	if end == nil {
		return
	}
	if op.Kind == hist.Bounce {
		end.Became = Bounced
	}
}
