package workload

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"fourdays/harness/hist"
)

// job is a question of a batch. after may ask the same thing again by returning
// another op.
type job struct {
	op    *hist.Op
	after func(op *hist.Op) *hist.Op
}

// batch works through jobs, so many at a time. Unlike the load it is
// closed-loop: it is for what happens before and after the run.
type batch struct {
	e    *Engine
	jobs []job
	open int
	done func()
}

func (e *Engine) work(jobs []job, window int, done func()) {
	b := &batch{e: e, jobs: jobs, done: done}
	for range max(1, min(window, len(jobs))) {
		b.open++
		b.next()
	}
}

func (b *batch) next() {
	if len(b.jobs) > 0 {
		j := b.jobs[0]
		b.jobs = b.jobs[1:]
		b.ask(j, j.op)
		return
	}
	if b.open--; b.open == 0 {
		b.e.port.At(b.e.now(), b.done)
	}
}

func (b *batch) ask(j job, op *hist.Op) {
	op.IntendedUS = b.e.now().Microseconds()
	b.e.askAll(op, func(answer *hist.Op) {
		if again := j.after(answer); again != nil {
			b.ask(j, again)
			return
		}
		b.next()
	})
}

// askAll asks one question that may have several answers, as an audit has one
// for each mailbox, and hands done the one that has the question's own mailbox.
func (e *Engine) askAll(op *hist.Op, done func(*hist.Op)) {
	op.ID = e.id()
	asked := e.port.Now()
	e.inflight++
	e.port.Ask([]*hist.Op{op}, func(answers []*hist.Op) {
		e.inflight--
		last := e.match([]*hist.Op{op}, answers, asked)[0]
		for _, a := range answers {
			if a != last {
				e.cfg.Record(a)
			}
		}
		e.cfg.Record(last)
		done(last)
		if e.inflight == 0 {
			e.hush()
		}
	})
}

// Loaded says what became of an archive.
type Loaded struct {
	Mailboxes int // folders that were made or were there
	Messages  int // acknowledged
	Failed    int // folders and messages given up
}

// tries is how often the archive loader asks for one thing. Picked.
const tries = 5

// archiveFlags are the flags of archived messages, and their shares: about a
// fifth of all mail is ever read (research: ReturnPath, 2014), archived mail
// more often (picked).
var (
	archiveFlags   = [][]string{nil, {`\Seen`}, {`\Seen`, `\Flagged`}, {`\Seen`, `\Answered`}}
	archiveWeights = weigh([]float64{30, 50, 10, 10})
	archiveBoxes   = weigh([]float64{60, 20, 12, 8}) // INBOX, Archive, Sent, Trash; picked
)

// Load makes Folders in every mailbox and appends messages to them, at most
// window questions at a time, and then calls done. What is acknowledged is part
// of the history like everything else, by "archive". With 0 messages only the
// folders are made. An append with an unknown outcome is tried again as another
// message, so that the archive holds no duplicates of its own making.
func (e *Engine) Load(messages, window int, done func(Loaded)) {
	loaded := new(Loaded)
	rng := stream(e.cfg.Seed, "workload/archive")
	var folders, mail []job
	for _, account := range e.cfg.Accounts {
		for _, name := range Folders {
			op := &hist.Op{Kind: hist.Create, By: "archive", Account: account, Mailbox: name}
			folders = append(folders, e.archive(op, &loaded.Mailboxes, loaded))
		}
		for range messages {
			mail = append(mail, e.archive(e.archived(rng, account), &loaded.Messages, loaded))
		}
	}
	e.work(folders, window, func() {
		e.work(mail, window, func() { done(*loaded) })
	})
}

func (e *Engine) archived(rng *rand.Rand, account string) *hist.Op {
	e.stored++
	return &hist.Op{
		Kind: hist.Append, By: "archive", Account: account, Mailbox: boxNames[archiveBoxes.draw(rng)],
		Message: fmt.Sprintf("a%d", e.stored), Size: e.cfg.Sizes.draw(rng), Flags: archiveFlags[archiveWeights.draw(rng)],
	}
}

// archive is a job that tries again, each time at the next node.
func (e *Engine) archive(op *hist.Op, count *int, loaded *Loaded) job {
	home, message := hash("archive/"+op.Account), op.Message
	op.TimeoutUS, op.Try, op.Node = e.cfg.DeliverTimeout.Microseconds(), 1, e.node(home, 0, 0)
	return job{op, func(answer *hist.Op) *hist.Op {
		if answer.Outcome == hist.OK || op.Kind == hist.Create && strings.Contains(answer.Reply, "[ALREADYEXISTS]") {
			*count++
			return nil
		}
		if answer.Try >= tries {
			loaded.Failed++
			return nil
		}
		again := *op
		again.Try, again.Message = answer.Try+1, answer.Message
		again.Node = e.node(home, 0, answer.Try)
		if message != "" && answer.Outcome == hist.Unknown {
			again.Message = fmt.Sprintf("%s-%d", message, again.Try)
		}
		return &again
	}}
}
