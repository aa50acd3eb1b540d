// Package catalog is the bugs that ship with fourdays, one file each.
//
// It owns the files, and the rule that a file is named after the bug in it. It
// assumes that each says where its bug is known from and which of its numbers we
// picked; a test holds them to it. It imports package bug and the standard
// library only.
package catalog

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"

	"fourdays/storage/bug"
)

//go:embed bugs/*.yaml
var shipped embed.FS

var all = sync.OnceValue(func() []bug.Bug {
	sub, err := fs.Sub(shipped, "bugs")
	if err != nil {
		panic(err)
	}
	bugs, err := read(sub, "bugs")
	if err != nil {
		panic("catalog: a shipped bug is wrong: " + err.Error())
	}
	return bugs
})

// All is every shipped bug, in the order of their ids.
func All() []bug.Bug { return append([]bug.Bug(nil), all()...) }

// Get is the shipped bug of that id.
func Get(id string) (bug.Bug, bool) {
	for _, b := range all() {
		if b.ID == id {
			return b, true
		}
	}
	return bug.Bug{}, false
}

// Source is the file of a shipped bug as it was written, comments included.
func Source(id string) ([]byte, bool) {
	text, err := shipped.ReadFile("bugs/" + id + ".yaml")
	return text, err == nil
}

// Load reads every .yaml file of a directory, in the order of their ids. All that is wrong in any of them
// is reported.
func Load(dir string) ([]bug.Bug, error) { return read(os.DirFS(dir), dir) }

func read(dir fs.FS, name string) ([]bug.Bug, error) {
	entries, err := fs.ReadDir(dir, ".")
	if err != nil {
		return nil, fmt.Errorf("read bugs: %w", err)
	}
	var bugs []bug.Bug
	var errs []error
	for _, e := range entries {
		id, ok := strings.CutSuffix(e.Name(), ".yaml")
		if !ok || e.IsDir() {
			continue
		}
		b, err := readOne(dir, e.Name(), name+"/"+e.Name())
		if err == nil && b.ID != id {
			err = &bug.Error{File: name + "/" + e.Name(), Line: 1, Col: 1,
				Msg: fmt.Sprintf("the bug in it is %s, so the file has to be %s.yaml", b.ID, b.ID)}
		}
		errs = append(errs, err)
		bugs = append(bugs, b)
	}
	slices.SortFunc(bugs, func(a, b bug.Bug) int { return strings.Compare(a.ID, b.ID) })
	return bugs, errors.Join(errs...)
}

func readOne(dir fs.FS, file, shown string) (bug.Bug, error) {
	f, err := dir.Open(file)
	if err != nil {
		return bug.Bug{}, fmt.Errorf("read bugs: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return bug.Bug{}, fmt.Errorf("read bugs: %w", err)
	}
	if info.Size() > bug.MaxFile {
		return bug.Bug{}, &bug.Error{File: shown, Line: 1, Col: 1,
			Msg: fmt.Sprintf("%d bytes are too many for a bug; %d are allowed", info.Size(), bug.MaxFile)}
	}
	text, err := fs.ReadFile(dir, file)
	if err != nil {
		return bug.Bug{}, fmt.Errorf("read bugs: %w", err)
	}
	return bug.Parse(shown, text)
}
