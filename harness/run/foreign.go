package run

import (
	"encoding/json"
	"errors"
	"fmt"

	"fourdays/harness/external"
	"fourdays/harness/hist"
	"fourdays/harness/report"
)

// foreign is the mail server of others that a run tests in place of our store.
// It has one node and no admin face: its health is what its hook or its greeting
// says, and what it holds is read through IMAP.
type foreign struct {
	*external.Server
	checked error // why it was not healthy when it was asked last
}

// buildForeign readies the scenario's external target, if it has one.
func (st *stage) buildForeign() error {
	x := st.s.External
	if x == nil {
		return nil
	}
	n := st.nodes[0]
	server, err := external.New(external.Config{
		World: st.w, Target: x, Node: n.name, IP: n.ip, Folder: st.opt.Folder, Accounts: st.accounts,
	}, func(line string) { fmt.Fprintf(st.log, "%s hook %s\n", n.name, line) })
	if err != nil {
		return err
	}
	st.foreign = &foreign{Server: server}
	st.ev.Target = &report.Target{Server: x.Server, Settings: map[string]string{}}
	for _, v := range x.Env {
		st.ev.Target.Settings[v.Name] = v.Value
	}
	return nil
}

// ask says how a node is: its own word on the admin face, or whether an external
// target is healthy, in the same words.
func (st *stage) ask(n *node, done func(*hist.Op)) {
	if st.foreign == nil {
		st.admin(n.name, "GET", "/health", "", done)
		return
	}
	st.foreign.Check(func(err error) {
		st.foreign.checked = err
		if err != nil {
			done(nil)
			return
		}
		text, _ := json.Marshal(healthAnswer{Role: leader}) // it has no channels or functions
		done(&hist.Op{Outcome: hist.OK, Text: string(text)})
	})
}

// awaitForeign waits until the target is healthy, once it was started.
func (st *stage) awaitForeign() error {
	within := st.foreign.Within()
	err := st.until("start "+st.s.External.Server, within, st.polling(st.allReady))
	if err != nil && st.err == nil && st.ctx.Err() == nil && st.foreign.checked != nil {
		return fmt.Errorf("%w; it is not healthy: %w", err, st.foreign.checked)
	}
	return err
}

// askForeign calls a hook of the target and waits for its end.
func (st *stage) askForeign(what string, hook func(done func(error))) error {
	ended, failed := false, error(nil)
	hook(func(err error) { ended, failed = true, err })
	if err := st.until(what, st.pace.fill, func() bool { return ended }); err != nil {
		return err
	}
	if failed != nil {
		return fmt.Errorf("%s: %w", what, failed)
	}
	return nil
}

// prepareForeign asks the target what it is, and has its accounts made.
func (st *stage) prepareForeign() error {
	err := st.askForeign("ask for the version", func(done func(error)) {
		st.foreign.Version(func(version string, err error) {
			st.ev.Target.Version = version
			done(err)
		})
	})
	return errors.Join(err, st.askForeign("make the accounts", st.foreign.MakeAccounts))
}

// stopForeign ends the target by its hook. What that leaves is killed when the
// hook has ended.
func (st *stage) stopForeign(name string) error {
	st.node(name).wanted = false
	st.foreign.Stop(func(err error) {
		if err != nil {
			st.tell("note", "stop %s: %v", name, err)
		}
		if err := errors.Join(st.w.Kill(name), st.foreign.Sweep()); err != nil {
			st.fail(err)
		}
	})
	return nil
}

// killForeign runs the hook for it, and then kills. then may be nil.
func (st *stage) killForeign(name string, then func()) error {
	st.node(name).wanted = false
	st.foreign.Kill(func(err error) {
		if err != nil {
			st.tell("note", "kill %s: %v", name, err)
		}
		if then != nil {
			then()
		}
	})
	return nil
}

// endForeign ends the target gracefully, after the last look at it.
func (st *stage) endForeign() error {
	n := st.nodes[0]
	if n.wanted = false; !st.w.Running(n.name) {
		return nil
	}
	defer func(last healthAnswer) { n.last = last }(n.last) // that it is down now is our own doing
	if err := st.askForeign("stop "+st.s.External.Server, st.foreign.Stop); err != nil && st.err == nil && st.ctx.Err() == nil {
		st.tell("note", "%v; it is killed", err)
	}
	return nil
}
