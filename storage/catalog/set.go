package catalog

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"fourdays/storage/bug"
)

// Set is some bugs, each with the file that it is from. It does not change once
// it is made, so it can be used from anywhere.
type Set struct{ entries map[string]entry }

type entry struct {
	bug  bug.Bug
	file string
	text []byte
}

// All is every bug of the set, in the order of their ids.
func (s *Set) All() []bug.Bug {
	var out []bug.Bug
	for _, id := range slices.Sorted(maps.Keys(s.entries)) {
		out = append(out, s.entries[id].bug)
	}
	return out
}

// Get is the bug of that id.
func (s *Set) Get(id string) (bug.Bug, bool) {
	e, ok := s.entries[id]
	return e.bug, ok
}

// Source is the file of a bug as it was written, comments included.
func (s *Set) Source(id string) ([]byte, bool) {
	e, ok := s.entries[id]
	return bytes.Clone(e.text), ok
}

// Load reads every .yaml file of a directory, in the order of their ids. All
// that is wrong in any of them is reported, and so is a .yml file.
func Load(dir string) ([]bug.Bug, error) {
	s, err := read(os.DirFS(dir), filepath.ToSlash(dir))
	return s.All(), err
}

// With is the shipped bugs and those of a directory. A bug there that has the id
// of a shipped one and is not the same is an error that names both files: nobody
// could tell which of them a scenario means.
func With(dir string) (*Set, error) {
	own, err := read(os.DirFS(dir), filepath.ToSlash(dir))
	if err != nil {
		return nil, err
	}
	both := &Set{maps.Clone(shipped().entries)}
	var errs []error
	for _, id := range slices.Sorted(maps.Keys(own.entries)) {
		e := own.entries[id]
		if s, taken := both.entries[id]; taken && !bytes.Equal(bug.Print(s.bug), bug.Print(e.bug)) {
			errs = append(errs, wrong(e.file, "another %s is shipped, in %s; give this one an id and a file name of its own", id, s.file))
			continue
		}
		both.entries[id] = e
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return both, nil
}

// read reads a directory that errors call name. What could be read is in the
// set, errors or not.
func read(dir fs.FS, name string) (*Set, error) {
	s := &Set{map[string]entry{}}
	found, err := fs.ReadDir(dir, ".")
	if err != nil {
		return s, named(name, err)
	}
	var errs []error
	for _, f := range found {
		shown := path.Join(name, f.Name())
		id, ok := strings.CutSuffix(f.Name(), ".yaml")
		if strings.HasSuffix(f.Name(), ".yml") {
			errs = append(errs, wrong(shown, "a bug's file ends in .yaml: call it %s.yaml", strings.TrimSuffix(f.Name(), ".yml")))
		}
		if !ok {
			continue
		}
		e, err := readOne(dir, f.Name(), shown)
		if err == nil && e.bug.ID != id {
			err = wrong(shown, "the bug in it is %s, so the file has to be %s.yaml", e.bug.ID, e.bug.ID)
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		s.entries[id] = e
	}
	return s, errors.Join(errs...)
}

// wrong is an error about a whole file.
func wrong(file, format string, args ...any) error {
	return &bug.Error{File: file, Line: 1, Col: 1, Msg: fmt.Sprintf(format, args...)}
}

func readOne(dir fs.FS, file, shown string) (entry, error) {
	text, err := readFile(dir, file, shown)
	if err != nil {
		return entry{}, err
	}
	b, err := bug.Parse(shown, text)
	return entry{b, shown, text}, err
}

// readFile reads a regular file, or one that a link leads to. It asks before it
// opens: to open a pipe that nobody writes to would never end.
func readFile(dir fs.FS, file, shown string) ([]byte, error) {
	info, err := fs.Stat(dir, file)
	if err != nil {
		return nil, named(shown, err)
	}
	if !info.Mode().IsRegular() {
		return nil, wrong(shown, "it is no regular file, so it can be no bug")
	}
	f, err := dir.Open(file)
	if err != nil {
		return nil, named(shown, err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, bug.MaxFile+1))
	if err != nil {
		return nil, named(shown, err)
	}
	if len(text) > bug.MaxFile {
		return nil, wrong(shown, "more than %d bytes are too many for a bug", bug.MaxFile)
	}
	return text, nil
}

// named is an error about a file, with the folder that it is in.
func named(shown string, err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		err = at.Err
	}
	return fmt.Errorf("read bugs: %s: %w", shown, err)
}
