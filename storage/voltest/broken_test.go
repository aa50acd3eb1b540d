package voltest_test

import (
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"fourdays/storage/array"
	"fourdays/storage/vol"
	"fourdays/storage/voltest"
)

// breakage is a way for a door to be wrong, and a case of the suite that has to
// say so.
type breakage struct {
	caughtBy string
	do       func(good voltest.Door, op vol.Op) vol.Result
}

var breakages = map[string]breakage{
	"sync does nothing": {"WhatWasSyncedSurvivesPowerLoss", func(good voltest.Door, op vol.Op) vol.Result {
		if op.Kind == vol.Sync {
			return vol.Result{}
		}
		return good.Do(op)
	}},
	"append goes to its offset": {"AppendGoesToTheEnd", func(good voltest.Door, op vol.Op) vol.Result {
		op.Flag &^= os.O_APPEND
		return good.Do(op)
	}},
	"a read ends early": {"WhatIsWrittenIsRead", func(good voltest.Door, op vol.Op) vol.Result {
		res := good.Do(op)
		res.N = min(res.N, 4)
		return res
	}},
	"a rename does not replace": {"RenameReplacesAFile", func(good voltest.Door, op vol.Op) vol.Result {
		if op.Kind == vol.Rename && good.Do(vol.Op{Kind: vol.Stat, Path: op.To}).Errno == 0 {
			return vol.Result{Errno: syscall.EEXIST}
		}
		return good.Do(op)
	}},
	"every error is EIO": {"WhatCannotBeIsRefusedByItsErrno", func(good voltest.Door, op vol.Op) vol.Result {
		res := good.Do(op)
		if res.Errno != 0 {
			res.Errno = syscall.EIO
		}
		return res
	}},
	"one byte in one write is wrong": {"RandomOperationsAgreeWithTheModel", func(good voltest.Door, op vol.Op) vol.Result {
		if op.Kind == vol.Write && len(op.Data) > 8000 {
			op.Data[7999]++
		}
		return good.Do(op)
	}},
}

type broken struct {
	good voltest.Door
	do   func(voltest.Door, vol.Op) vol.Result
}

func (b broken) Do(op vol.Op) vol.Result { return b.do(b.good, op) }

const breakEnv = "FOURDAYS_VOLTEST_BREAK"

// TestBrokenDoor is what TestTheSuiteCatches runs in another process, where a
// failure is what is wanted.
func TestBrokenDoor(t *testing.T) {
	how, ok := breakages[os.Getenv(breakEnv)]
	if !ok {
		t.Skip("run by TestTheSuiteCatches")
	}
	voltest.Run(t, func(t *testing.T) voltest.Harness {
		h := open(t, array.ArrayConfig{}, array.Ordered)
		h.Door = broken{h.Door, how.do}
		return h
	})
}

// TestTheSuiteCatches breaks a door in several ways and wants the suite to fail,
// and the case that is for it to be among those that say so.
func TestTheSuiteCatches(t *testing.T) {
	for name, how := range breakages {
		t.Run(name, func(t *testing.T) {
			cmd := exec.Command(os.Args[0], "-test.run=^TestBrokenDoor$", "-test.v")
			cmd.Env = append(os.Environ(), breakEnv+"="+name)
			out, err := cmd.CombinedOutput()
			require.Error(t, err, "the suite passes a door where %s", name)
			require.Contains(t, string(out), "--- FAIL: TestBrokenDoor/"+how.caughtBy)
		})
	}
}
