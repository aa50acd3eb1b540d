//go:build linux

package fuse_test

import (
	"testing"

	"github.com/hanwen/go-fuse/v2/posixtest"
	"github.com/stretchr/testify/require"

	"fourdays/storage/array"
	"fourdays/storage/voltest"
)

// machine does to a mount what happens to it when the node's machine dies.
type machine struct{ *rig }

// Kill implements vol.Machine.
func (m machine) Kill() { m.v.Kill() }

// PowerLoss implements vol.Machine.
func (m machine) PowerLoss() {
	require.NoError(m, m.m.Abort())
	m.v.PowerLoss()
	m.mount()
}

// TestTheKernelDoorIsAVolume holds a mount to what every volume is held to, by
// system calls, in both profiles. At a power loss it is cut off and made anew.
func TestTheKernelDoorIsAVolume(t *testing.T) {
	for name, profile := range map[string]array.Profile{"ordered": array.Ordered, "strict": array.Strict} {
		t.Run(name, func(t *testing.T) {
			voltest.Run(t, func(t *testing.T) voltest.Harness {
				r := mounted(t, func(c *array.Config) { c.Volumes["n1"] = array.VolumeConfig{Array: "east", Profile: profile} })
				return voltest.Harness{Door: voltest.Dir(r.dir), Machine: machine{r}, Strict: profile == array.Strict, Small: small(t)}
			})
		})
	}
}

func small(t *testing.T) func() voltest.Door {
	return func() voltest.Door {
		return voltest.Dir(mounted(t, east(func(c *array.ArrayConfig) { c.Capacity = 1 << 20 })).dir)
	}
}

// inapplicable is what of the library's POSIX suite asks for more than a volume
// has, and how a mount answers instead.
var inapplicable = map[string]string{
	"FcntlFlockLocksFile": "it wants a process to be shut out by its own lock, which no local file system does",
	"Fallocate":           "no room can be reserved: EOPNOTSUPP",
	"FallocateKeepSize":   "no room can be reserved: EOPNOTSUPP",
	"Link":                "a file has one name: EPERM",
	"LinkUnlinkRename":    "a file has one name: EPERM",
	"NlinkZero":           "a file has one name: EPERM",
	"XAttr":               "there are no extended attributes: EOPNOTSUPP",
	"XAttrLarge":          "there are no extended attributes: EOPNOTSUPP",
}

// TestAMountIsPOSIX runs go-fuse's suite.
func TestAMountIsPOSIX(t *testing.T) {
	for name, run := range posixtest.All {
		t.Run(name, func(t *testing.T) {
			if why := inapplicable[name]; why != "" {
				t.Skip(why)
			}
			run(t, mounted(t).dir)
		})
	}
}
