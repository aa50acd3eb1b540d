//go:build docker

package main

import (
	"context"

	"fourdays/harness/docker"
	"fourdays/harness/run"
	"fourdays/harness/world"
)

// The world of containers is there in builds that ask for it only: what it
// stands on makes a cold build half as long again, and the program a fifth
// larger.
func init() {
	places["docker"] = func(ctx context.Context, say func(string)) (world.Place, error) {
		b, err := builder(say)
		if err != nil {
			return nil, err
		}
		p, err := docker.Prepare(ctx, b, say, run.Programs()...)
		if err != nil {
			return nil, err
		}
		return p, nil
	}
}
