package main

import (
	"bytes"
	"context"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestInterruptedProofsAreNotErrors: what had no turn is said not to have run.
func TestInterruptedProofsAreNotErrors(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	stop()
	var out bytes.Buffer
	c := &proveCmd{IDs: []string{"flush-lies", "lost-write"}}
	err := c.Run(&app{ctx: ctx, out: &out, err: os.Stderr})
	var f *failure
	require.ErrorAs(t, err, &f)
	require.Equal(t, exitInterrupted, f.code)
	require.Equal(t, "not run  flush-lies\nnot run  lost-write\n", out.String())
}
