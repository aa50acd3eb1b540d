package run

import (
	"fmt"

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

// Endings says of each message that senders had, for each of its recipients,
// what became of it, from the record in a run directory.
func Endings(s *scenario.Scenario, dir string) (map[check.Recipient]check.Ending, error) {
	ev, err := loadEvidence(dir)
	if err != nil {
		return nil, err
	}
	ends := map[check.Recipient]check.Ending{}
	in := ev.checkInput(s)
	in.End = func(of check.Recipient, became check.Ending) {
		if _, sent := ends[of]; sent {
			ends[of] = became
		}
	}
	judge := check.New(in)
	if err := readHistory(dir, func(op *hist.Op) error {
		judge.Add(op)
		of := check.Recipient{Account: op.Account, Message: op.Message}
		switch {
		case op.Kind == hist.Bounce:
			ends[of] = Bounced
		case op.Kind == hist.Deliver && ends[of] == "":
			ends[of] = Waiting
		}
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
