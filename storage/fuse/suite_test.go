package fuse_test

import (
	"testing"

	"github.com/hanwen/go-fuse/v2/posixtest"

	"fourdays/storage/array"
	"fourdays/storage/voltest"
)

// TestTheKernelDoorIsAVolume holds a mount to what every volume is held to, by
// system calls. The crash cases are left out: a mount does not outlive them.
func TestTheKernelDoorIsAVolume(t *testing.T) {
	voltest.Run(t, func(t *testing.T) voltest.Harness {
		r := mounted(t)
		return voltest.Harness{Door: voltest.Dir(r.dir), Small: func() voltest.Door {
			return voltest.Dir(mounted(t, func(c *array.ArrayConfig) { c.Capacity = 1 << 20 }).dir)
		}}
	})
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
