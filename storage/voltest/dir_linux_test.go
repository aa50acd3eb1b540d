package voltest_test

import (
	"testing"

	"fourdays/storage/voltest"
)

// TestPlainDirectory holds this machine's own file system to the suite, and so
// the suite to it.
func TestPlainDirectory(t *testing.T) {
	voltest.Run(t, func(t *testing.T) voltest.Harness {
		return voltest.Harness{Door: voltest.Dir(t.TempDir())}
	})
}
