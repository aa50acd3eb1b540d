package docker

import (
	"context"
	"errors"
	"fmt"

	"github.com/moby/moby/client"
)

// sweep removes what harnesses that are no more have left in the engine, and
// says what it removed.
func (e *engine) sweep(ctx context.Context) (removed []string, err error) {
	return e.removeAll(ctx, ours(), orphan)
}

// wipe removes what one run has made.
func (e *engine) wipe(ctx context.Context, run string) error {
	_, err := e.removeAll(ctx, ofRun(run), func(map[string]string) bool { return true })
	return err
}

// removeAll removes containers and then networks whose labels are as wanted. It
// goes on after an error.
func (e *engine) removeAll(ctx context.Context, which client.Filters, wanted func(map[string]string) bool) (removed []string, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	boxes, err := e.api.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: which})
	if err != nil {
		return nil, fmt.Errorf("list containers: %w", err)
	}
	var errs []error
	note := func(what string, err error) {
		errs = append(errs, err)
		if err == nil {
			removed = append(removed, what)
		}
	}
	for _, c := range boxes.Items {
		if wanted(c.Labels) {
			note(fmt.Sprintf("container %.12s of %s", c.ID, c.Labels[nodeLabel]), e.remove(ctx, c.ID))
		}
	}
	nets, err := e.api.NetworkList(ctx, client.NetworkListOptions{Filters: which})
	if err != nil {
		return removed, errors.Join(append(errs, fmt.Errorf("list networks: %w", err))...)
	}
	for _, n := range nets.Items {
		if wanted(n.Labels) {
			note("network "+n.Name, e.removeNetwork(ctx, n.ID))
		}
	}
	return removed, errors.Join(errs...)
}
