// Package fuse is the door to a volume for the kernel: it mounts a vol.Volume at
// a directory, for programs that know nothing of it.
//
// It owns the mount, the table of the inodes that the kernel knows, and how a
// request of the kernel becomes operations on the volume. The volume is the only
// keeper of data, sizes and attributes: nothing is cached here. It assumes Linux,
// a volume on which Do may be called concurrently, and that nobody else changes
// the volume while it is mounted, but for its faults. What the kernel does by
// itself is said in ASSUMPTIONS.md.
//
// Nothing else in the project imports go-fuse. Package vol is all of the project
// that this package imports.
//
// # Use
//
//	m, err := fuse.Serve("/mnt/n1", v, fuse.Options{Name: "n1"})
//	m.Invalidate() // after a read fault was armed: the kernel has to ask again
//	m.Unmount()    // what was written reaches the volume first
//	m.Abort()      // or: the power is cut, what only the kernel holds is gone
package fuse
