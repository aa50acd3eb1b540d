package sweep

import (
	"context"
	"errors"
	"fmt"

	"fourdays/harness/live"
)

// leftover is something to remove, in words; or, without a way to remove it,
// something that only another process can judge.
type leftover struct {
	what   string
	remove func(ctx context.Context) error
}

// kinds are looked for in this order: what one leaves the next may find.
var kinds = []struct {
	name string
	find func(ctx context.Context) ([]leftover, error)
}{
	{"processes", processes}, {"containers", containers}, {"networks", networks}, {"images", images},
	{"mounts", mounts}, {"folders", folders}, {"folders of servers", targets}, {"sockets", sockets},
}

// marked judges something by its mark. What has none, or is in use, is no leftover.
func marked(mark, what string, remove func(ctx context.Context) error) []leftover {
	switch live.Look(mark) {
	case live.Dead:
		return []leftover{{what + ", whose harness is gone", remove}}
	case live.Elsewhere:
		return []leftover{{what + ", whose harness is in another PID namespace", nil}}
	}
	return nil
}

// Clean removes what is left over, and says each thing that it does. A dry run
// only says it. It goes on after an error.
func Clean(ctx context.Context, dry bool, say func(string)) (found int, err error) {
	var errs []error
	for _, kind := range kinds {
		all, err := kind.find(ctx)
		if err != nil {
			errs = append(errs, fmt.Errorf("look for %s: %w", kind.name, err))
		}
		for _, l := range all {
			if l.remove == nil {
				say("left alone: " + l.what)
				continue
			}
			found++
			errs = append(errs, l.clean(ctx, dry, say))
		}
	}
	return found, errors.Join(errs...)
}

func (l leftover) clean(ctx context.Context, dry bool, say func(string)) error {
	if dry {
		say("would remove " + l.what)
		return nil
	}
	if err := l.remove(ctx); err != nil {
		return fmt.Errorf("remove %s: %w", l.what, err)
	}
	say("removed " + l.what)
	return nil
}
