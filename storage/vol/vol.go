// Package vol is the vocabulary of a volume: what can be asked of it and what
// it can answer.
//
// It owns the operation, its result and the one-method interface between
// whoever keeps files (an array, a plain directory) and whoever is a door to
// them (the simulator's kernel, a kernel mount, a test). It assumes nothing
// about time: an answer may come at once, later, or never.
//
// It imports the standard library only.
package vol

import (
	"io/fs"
	"syscall"
	"time"
)

// Kind says what an operation does.
type Kind uint8

// The operations, named after their system calls.
const (
	_        Kind = iota
	Open          // open Path with Flag, creating it if asked; answers File and Info
	Read          // read len(Data) bytes of File at Off into Data; N < len(Data) only at the end
	Write         // write Data to File at Off (at its end if it was opened with O_APPEND)
	Truncate      // set the size of File, or of Path when File is 0, to Size
	Sync          // make File durable: data, size and, in the ordered profile, its name
	SyncDir       // make the entries of directory Path durable
	Close         // forget File; an unlinked file lives until its last Close
	Stat          // describe Path, or File when it is not 0
	ReadDir       // list directory Path in name order
	Mkdir         // make directory Path
	Rmdir         // remove empty directory Path
	Unlink        // remove file Path
	Rename        // move Path to To, replacing a file or an empty directory
	Statfs        // answer Space
	SetAttr       // set those attributes of File, or of Path when File is 0, that Attr has
	Symlink       // make Path a symbolic link to To
	kindCount
)

// A FileID names one open of one file. 0 is no file. IDs are never used twice
// while a volume lives.
type FileID uint64

// Op is one operation on its way to a volume. The volume must not keep Data
// after it has answered, and the caller must not touch Data before.
type Op struct {
	Kind Kind
	Path string // slash-separated, clean, relative; "." is the root
	To   string // Rename: the new path; Symlink: what it leads to
	Attr *Attr  // SetAttr: what to set; Open, Mkdir, Symlink: what a new file begins with; nil is the default
	File FileID
	Flag int // Open: os.O_*
	Off  int64
	Size int64
	Data []byte

	// NoWait says that the caller cannot wait: it is answered from what the
	// node's kernel holds in its caches, so faults that delay or hang do not
	// show here, while faults that answer with an error do.
	NoWait bool
}

// Result is the answer to an operation. Errno 0 is success; all other fields
// are meaningful only then, except N, which counts the bytes that were done.
type Result struct {
	Errno   syscall.Errno
	N       int
	File    FileID
	Info    Info
	Entries []Info
	Space   Space
}

// Info describes a file or directory.
type Info struct {
	Name  string // the last element of its path
	Ino   uint64 // stable while the file lives, never reused
	Size  int64
	Mode  fs.FileMode // fs.ModeDir, fs.ModeSymlink or 0, with permission bits
	MTime time.Duration
	UID   uint32
	GID   uint32
	To    string // of a symbolic link
}

// Attr is attributes of a file: those whose bit Has is set. Volumes keep them
// and enforce none.
type Attr struct {
	Has   AttrSet
	Perm  fs.FileMode // permission bits, with setuid, setgid and sticky
	UID   uint32
	GID   uint32
	MTime time.Duration // since the start of the run
}

// AttrSet is a set of attributes.
type AttrSet uint8

// The attributes that can be set.
const (
	HasPerm AttrSet = 1 << iota
	HasUID
	HasGID
	HasMTime
)

// Space is what a volume says about its room, in bytes and inodes.
type Space struct {
	Bytes, FreeBytes   int64
	Inodes, FreeInodes int64
}

// Volume is anything that keeps files. Do starts op and calls done exactly
// once: before Do returns, later, or never if the storage hangs. It must not be
// called from inside done for the same open file. What an answered Sync or
// SyncDir covers is durable; nothing else is. Do may be called concurrently
// only if the implementation says so.
type Volume interface {
	Do(op *Op, done func(Result))
}

// Canceler is implemented by volumes that can let go of an operation. After
// Cancel the volume neither uses op nor calls its done, unless it has called it
// already or is doing so. What op would have done happens whole, perhaps later,
// or not at all. A Close is not canceled: a file would stay open for ever.
type Canceler interface {
	Cancel(op *Op)
}

// Machine is implemented by volumes that know what a node's machine does to
// them when it dies.
type Machine interface {
	// Kill ends every open and drops the operations in flight, as when a
	// process is killed: everything written so far stays visible.
	Kill()
	// PowerLoss does the same and also loses what was not durable: of that, a
	// seeded subset survives.
	PowerLoss()
}

// Clock is the time a volume lives in. Now counts from the start of the run.
// After calls f once, d from now, never before After has returned; it must not
// be called with the volume's own lock held by f.
type Clock interface {
	Now() time.Duration
	After(d time.Duration, f func())
}

var kindNames = [kindCount]string{
	Open: "open", Read: "read", Write: "write", Truncate: "truncate", Sync: "fsync",
	SyncDir: "fsyncdir", Close: "close", Stat: "stat", ReadDir: "readdir", Mkdir: "mkdir",
	Rmdir: "rmdir", Unlink: "unlink", Rename: "rename", Statfs: "statfs",
	SetAttr: "setattr", Symlink: "symlink",
}

// String is the name of the system call, as rules and reports spell it.
func (k Kind) String() string {
	if int(k) < len(kindNames) && kindNames[k] != "" {
		return kindNames[k]
	}
	return "unknown"
}

// ParseKind is the inverse of String for those operations that rules speak of:
// what only a kernel mount asks for is not among them.
func ParseKind(s string) (Kind, bool) {
	for k, name := range kindNames[:Statfs+1] {
		if name == s && s != "" {
			return Kind(k), true
		}
	}
	return 0, false
}
