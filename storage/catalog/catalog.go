// Package catalog is the bugs that ship with fourdays, one file each.
//
// It owns the files, the rule that a file is named after the bug in it, and how
// one chooses among bugs. It assumes that each says where it is known from and
// which of its numbers we picked; a test holds them to it. Where `to` is sourced,
// the source says whether the caller is told; which of the others notices is what
// a proof finds on our arrays. What is known from the field and not here is in
// LEFT-OUT.md, with the reason. It imports package bug and the standard library
// only.
package catalog

import (
	"embed"
	"io/fs"
	"sync"

	"fourdays/storage/bug"
)

//go:embed bugs/*.yaml
var files embed.FS

// where the shipped files are, as errors call them.
const where = "storage/catalog/bugs"

var shipped = sync.OnceValue(func() *Set {
	dir, err := fs.Sub(files, "bugs")
	if err != nil {
		panic(err)
	}
	s, err := read(dir, where)
	if err != nil {
		panic("catalog: a shipped bug is wrong: " + err.Error())
	}
	return s
})

// Shipped is the set of all shipped bugs.
func Shipped() *Set { return shipped() }

// All is every shipped bug, in the order of their ids.
func All() []bug.Bug { return shipped().All() }

// Get is the shipped bug of that id.
func Get(id string) (bug.Bug, bool) { return shipped().Get(id) }

// Source is the file of a shipped bug as it was written, comments included.
func Source(id string) ([]byte, bool) { return shipped().Source(id) }
