package main

import (
	"errors"
	"fmt"

	"fourdays/harness/solo"
	"fourdays/harness/sweep"
)

type umountCmd struct {
	Dir  string `arg:"" help:"Where fourdays mount has mounted."`
	Lazy bool   `help:"Even while programs use it: they get errors."`
}

// Run ends a mount, whether somebody still serves it or not.
func (c *umountCmd) Run(a *app) error {
	dir, socket, err := findMount(c.Dir)
	if err == nil {
		answer, err := solo.Ask(a.ctx, socket, solo.Request{Do: solo.Umount, Lazy: c.Lazy})
		if err != nil {
			return fail(unanswered(a), "%w%s", err, c.hint())
		}
		_, err = fmt.Fprintln(a.out, answer.Text)
		return err
	}
	if !errors.Is(err, errDead) {
		if sweep.At(dir) == "" {
			forget(dir)
		}
		return err
	}
	if err := sweep.Unmount(dir); err != nil {
		return fail(exitError, "unmount %s: %w", dir, err)
	}
	forget(dir)
	_, err = fmt.Fprintf(a.out, "unmounted %s, which nobody served any more\n", dir)
	return err
}

// forget removes the socket and the log of a server that was killed.
func forget(dir string) {
	if left := solo.Find(dir); left != "" && !solo.Answers(left) {
		_ = solo.Forget(left)
	}
}

func (c *umountCmd) hint() string {
	if c.Lazy {
		return ""
	}
	return "; --lazy ends it all the same"
}
