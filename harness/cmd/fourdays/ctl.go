package main

import (
	"errors"
	"fmt"
	"strings"

	"fourdays/harness/report"
	"fourdays/harness/solo"
	"fourdays/harness/sweep"
)

type ctlCmd struct {
	Dir ctlOf `arg:"" help:"Where fourdays mount has mounted."`
}

// ctlOf is the commands to what is mounted at a directory.
type ctlOf struct {
	Dir       string      `arg:"" help:"Where fourdays mount has mounted."`
	Arm       armCmd      `cmd:"" help:"Put a bug in place."`
	Disarm    offCmd      `cmd:"" help:"Take away what was armed; what hangs because of it goes on."`
	PowerLoss powerCmd    `cmd:"" name:"power-loss" help:"Cut the power of the node, and mount again. What was not durable may be gone; programs on it get errors."`
	Failover  failoverCmd `cmd:"" help:"Let the next controller of the array take over."`
	Faults    faultsCmd   `cmd:"" help:"Say what came of everything that was armed."`
	Heal      healCmd     `cmd:"" help:"Disarm everything, and bring back what is off. What was damaged stays so."`
	Status    statusCmd   `cmd:"" help:"Say how the mount stands."`
}

// Help is shown by `fourdays ctl --help`.
func (*ctlCmd) Help() string {
	return `Examples:

  fourdays ctl /mnt/x arm flush-lies
  fourdays ctl /mnt/x arm hpe-32768 --reached-at 1000 --as limit
  fourdays ctl /mnt/x arm lost-write --on path=*.db
  fourdays ctl /mnt/x disarm limit
  fourdays ctl /mnt/x power-loss`
}

type armCmd struct {
	ID        string            `arg:"" help:"A bug's ID; fourdays bugs list shows all."`
	As        string            `help:"What to call it, if not by its ID." placeholder:"NAME"`
	On        map[string]string `help:"Where, if not where the bug says: path or os, with a glob." placeholder:"KEY=GLOB"`
	ReachedAt int64             `help:"The limit of its counter." placeholder:"N"`
	Chance    float64           `help:"Its chance." placeholder:"P"`
}

// Run arms a bug.
func (c *armCmd) Run(a *app, at *ctlOf) error {
	r := solo.Request{Do: solo.Arm, Bug: c.ID, As: c.As, ReachedAt: c.ReachedAt, Chance: c.Chance}
	for key, glob := range c.On {
		switch key {
		case "path":
			r.On.Path = glob
		case "os":
			r.On.OS = glob
		default:
			return fail(exitUsage, "arm --on %s=%s: want path or os", key, glob)
		}
	}
	return at.ask(a, r, false)
}

type offCmd struct {
	Name string `arg:"" help:"What it was armed as."`
}

// Run disarms a bug.
func (c *offCmd) Run(a *app, at *ctlOf) error {
	return at.ask(a, solo.Request{Do: solo.Disarm, Name: c.Name}, false)
}

type powerCmd struct {
	Array bool `help:"Of the array instead: off and on again."`
}

// Run cuts the power.
func (c *powerCmd) Run(a *app, at *ctlOf) error {
	r := solo.Request{Do: solo.PowerLoss}
	if c.Array {
		r.Of = "array"
	}
	return at.ask(a, r, false)
}

type failoverCmd struct{}

// Run lets the next controller take over.
func (failoverCmd) Run(a *app, at *ctlOf) error {
	return at.ask(a, solo.Request{Do: solo.Failover}, false)
}

type healCmd struct{}

// Run disarms everything.
func (healCmd) Run(a *app, at *ctlOf) error { return at.ask(a, solo.Request{Do: solo.Heal}, false) }

type faultsCmd struct {
	JSON bool `name:"json" help:"Print the answer as it came on the socket."`
}

// Run lists what came of what was armed.
func (c faultsCmd) Run(a *app, at *ctlOf) error {
	return at.ask(a, solo.Request{Do: solo.Faults}, c.JSON)
}

type statusCmd struct {
	JSON bool `name:"json" help:"Print the answer as it came on the socket."`
}

// Run says how the mount stands.
func (c statusCmd) Run(a *app, at *ctlOf) error {
	return at.ask(a, solo.Request{Do: solo.Stats}, c.JSON)
}

// ask has the mount carry out a command, and prints its answer.
func (c *ctlOf) ask(a *app, r solo.Request, asJSON bool) error {
	dir, socket, err := findMount(c.Dir)
	if err != nil {
		return err
	}
	answer, err := solo.Ask(a.ctx, socket, r)
	if err != nil {
		return fail(unanswered(a), "%s: %w", dir, err)
	}
	switch {
	case asJSON:
		return printJSON(a.out, answer)
	case r.Do == solo.Faults && len(answer.Faults) == 0:
		_, err = fmt.Fprintln(a.out, "nothing was armed")
	case r.Do == solo.Faults:
		err = report.Receipts(a.out, answer.Faults)
	case answer.Status != nil:
		err = printStatus(a, answer.Status)
	default:
		_, err = fmt.Fprintln(a.out, answer.Text)
	}
	return err
}

// unanswered is the exit code when a mount has not done what it was asked.
func unanswered(a *app) int {
	if a.ctx.Err() != nil {
		return exitInterrupted
	}
	return exitError
}

// errDead is that the server of what is mounted has ended.
var errDead = errors.New("a mount is there whose server was killed")

// takenAway says how a dead mount is taken away.
func takenAway(dir string) error {
	return fail(exitUsage, "%s: %w; fourdays umount %s takes it away", dir, errDead, quoted(dir))
}

// findMount is a directory's real path and the socket of what is mounted there.
// It never asks the mount itself, which may hang: who disarms comes this way.
func findMount(dir string) (real, socket string, err error) {
	if real, err = solo.Real(dir); err != nil {
		return dir, "", fail(exitUsage, "%s: %w", dir, err)
	}
	if socket = solo.Find(real); socket != "" && solo.Answers(socket) {
		return real, socket, nil
	}
	if sweep.Dead(real) {
		return real, "", takenAway(real)
	}
	return real, "", fail(exitUsage, "nobody serves %s: want a directory that this user's fourdays mount has mounted", real)
}

func printStatus(a *app, s *solo.Status) error {
	armed := "nothing"
	if len(s.Armed) > 0 {
		armed = strings.Join(s.Armed, ", ")
	}
	_, err := fmt.Fprintf(a.out, "%s, process %d, for %s\n  array    %s, seed %d\n  armed    %s\n  so far   %s operations, %s writes, %s flushes, %s bytes; %d power losses\n",
		s.Dir, s.PID, report.Span(s.AgeMS), s.OS, s.Seed, armed,
		report.Count(s.Ops), report.Count(s.Writes), report.Count(s.Flushes), report.Count(s.Bytes), s.Losses)
	if m := s.Media; m != nil && err == nil {
		_, err = fmt.Fprintf(a.out, "  media    %s: %s MiB reserved, %s in use\n", m.Folder, report.Count(m.Reserved>>20), report.Count(m.Used>>20))
		if m.Full != "" {
			_, err = fmt.Fprintf(a.out, "           new bytes lie in memory: %s\n", m.Full)
		}
	}
	for _, text := range s.Alarms {
		if err == nil {
			_, err = fmt.Fprintf(a.out, "  alarm    %s\n", text)
		}
	}
	return err
}
