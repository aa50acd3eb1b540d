//go:build linux

package fuse_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"fourdays/storage/bug"
)

// TestAnErrorOfOneReadMayReachTheKernelAlone arms an error of exactly one read:
// the array has given it out, and calls it observed. A kernel that reads for
// itself asks again, so that the program may get its bytes all the same; no
// program is given other bytes.
func TestAnErrorOfOneReadMayReachTheKernelAlone(t *testing.T) {
	r := mounted(t)
	path := filepath.Join(r.dir, "f")
	want := make([]byte, 64<<10)
	for i := range want {
		want[i] = byte(i >> 8)
	}
	require.NoError(t, os.WriteFile(path, want, 0o644))
	b, err := bug.Parse("test.yaml", []byte("id: test\ntrigger: {match: {ops: [read]}}\npersistence: once\neffect: {ops: [read], reply: EIO}\n"))
	require.NoError(t, err)
	_, err = r.Arm(b, bug.Scope{})
	require.NoError(t, err)
	r.m.Invalidate()
	got, err := os.ReadFile(path)
	if err != nil {
		require.ErrorIs(t, err, syscall.EIO)
	} else {
		require.Equal(t, want, got)
	}
	receipts := r.Receipts()
	require.Len(t, receipts, 1)
	require.Equal(t, 1, receipts[0].Fired)
	require.True(t, receipts[0].Observed, "whatever the program met")
	t.Logf("the program was told: %v", err)
}
