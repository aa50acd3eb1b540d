// Package voltest is the suite that every volume must pass, through whichever
// door it is reached.
//
// It owns what a volume is held to: what each operation answers, which errors,
// what a kill and a power loss leave, and a seeded random comparison with a
// model in memory. It assumes of a door only that it answers one operation at a
// time. Package vol is all of the project that it imports.
//
// A door is made with Direct for a vol.Volume whose time something else moves,
// with Dir for a directory of this machine (a kernel mount, say), or by hand.
package voltest

import (
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"fourdays/storage/vol"
)

// Door carries out one operation and waits for its answer.
type Door interface {
	Do(op vol.Op) vol.Result
}

// Harness is an empty volume behind a door, and what else is known of it.
type Harness struct {
	Door Door
	// Machine makes the crash cases run; nil leaves them out.
	Machine vol.Machine
	// Strict says that names are durable only after SyncDir.
	Strict bool
	// Small is an empty volume of 1 MiB for the cases that fill one up; nil
	// leaves them out.
	Small func() Door
}

// Run holds the volumes that open makes to the suite; each case has a new one.
func Run(t *testing.T, open func(t *testing.T) Harness) {
	for _, group := range [][]Case{files, names, refusals, room, crashes, models} {
		for _, c := range group {
			t.Run(c.Name, func(t *testing.T) {
				h := open(t)
				if c.Crash && h.Machine == nil || c.Full && h.Small == nil {
					t.Skip("this door cannot do that")
				}
				c.Run(&Bench{T: t, Harness: h})
			})
		}
	}
}

// Case is one claim about volumes.
type Case struct {
	Name  string
	Crash bool // needs Harness.Machine
	Full  bool // needs Harness.Small
	Run   func(b *Bench)
}

// Bench is a harness with the steps of a case.
type Bench struct {
	*testing.T
	Harness
}

// Try does an operation and returns its answer, whatever it is.
func (b *Bench) Try(op vol.Op) vol.Result { return b.Door.Do(op) }

// Must does an operation that has to succeed.
func (b *Bench) Must(op vol.Op) vol.Result {
	b.Helper()
	res := b.Door.Do(op)
	require.Zero(b, res.Errno, "%s %s %s: %v", op.Kind, op.Path, op.To, res.Errno)
	return res
}

// Refuse does an operation that has to fail in one way.
func (b *Bench) Refuse(want syscall.Errno, op vol.Op) {
	b.Helper()
	res := b.Door.Do(op)
	require.Equal(b, want, res.Errno, "%s %s %s: want %v, got %v", op.Kind, op.Path, op.To, want, res.Errno)
}

// Open opens a file, which must work.
func (b *Bench) Open(path string, flag int) vol.FileID {
	b.Helper()
	return b.Must(vol.Op{Kind: vol.Open, Path: path, Flag: flag}).File
}

// Create opens a file for reading and writing, making it if need be.
func (b *Bench) Create(path string) vol.FileID {
	b.Helper()
	return b.Open(path, os.O_RDWR|os.O_CREATE)
}

// Write writes text at an offset.
func (b *Bench) Write(f vol.FileID, off int64, text string) {
	b.Helper()
	res := b.Must(vol.Op{Kind: vol.Write, File: f, Off: off, Data: []byte(text)})
	require.Equal(b, len(text), res.N)
}

// Sync makes a file durable.
func (b *Bench) Sync(f vol.FileID) {
	b.Helper()
	b.Must(vol.Op{Kind: vol.Sync, File: f})
}

// Close closes a file.
func (b *Bench) Close(f vol.FileID) {
	b.Helper()
	b.Must(vol.Op{Kind: vol.Close, File: f})
}

// Put makes a file with a content and closes it.
func (b *Bench) Put(path, text string) {
	b.Helper()
	f := b.Open(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC)
	b.Write(f, 0, text)
	b.Close(f)
}

// PutSync is Put with an fsync, and one of the directory for strict volumes.
func (b *Bench) PutSync(path, text string) {
	b.Helper()
	f := b.Open(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC)
	b.Write(f, 0, text)
	b.Sync(f)
	b.Close(f)
	b.SyncDir(".")
}

// SyncDir makes the names in a directory durable.
func (b *Bench) SyncDir(path string) {
	b.Helper()
	b.Must(vol.Op{Kind: vol.SyncDir, Path: path})
}

// Read reads up to n bytes at an offset.
func (b *Bench) Read(f vol.FileID, off int64, n int) string {
	b.Helper()
	p := make([]byte, n)
	res := b.Must(vol.Op{Kind: vol.Read, File: f, Off: off, Data: p})
	return string(p[:res.N])
}

// Get reads a whole file by name.
func (b *Bench) Get(path string) string {
	b.Helper()
	res := b.Must(vol.Op{Kind: vol.Open, Path: path})
	defer b.Close(res.File)
	return b.Read(res.File, 0, int(res.Info.Size))
}

// List lists a directory.
func (b *Bench) List(path string) []string {
	b.Helper()
	names := []string{}
	for _, e := range b.Must(vol.Op{Kind: vol.ReadDir, Path: path}).Entries {
		names = append(names, e.Name)
	}
	return names
}

// Mkdir makes a directory.
func (b *Bench) Mkdir(path string) {
	b.Helper()
	b.Must(vol.Op{Kind: vol.Mkdir, Path: path})
}

// Rename renames.
func (b *Bench) Rename(from, to string) {
	b.Helper()
	b.Must(vol.Op{Kind: vol.Rename, Path: from, To: to})
}

// Unlink removes a file.
func (b *Bench) Unlink(path string) {
	b.Helper()
	b.Must(vol.Op{Kind: vol.Unlink, Path: path})
}

// Exists reports whether a path is there.
func (b *Bench) Exists(path string) bool {
	b.Helper()
	return b.Try(vol.Op{Kind: vol.Stat, Path: path}).Errno == 0
}
