package sweep

import (
	"context"
	"errors"
	"fmt"
)

// leftover is something to remove, in words.
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
