package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"golang.org/x/term"

	"fourdays/storage/bug"
	"fourdays/storage/catalog"
)

type bugsCmd struct {
	List  listCmd  `cmd:"" default:"withargs" help:"List the catalogue (the default)."`
	Show  showCmd  `cmd:"" help:"Say what one bug does, how it shows, and where it is known from."`
	Prove proveCmd `cmd:"" help:"Show on a bare array that bugs do what their files say."`
}

// folder is where a user's own bugs are.
type folder struct {
	Bugs string `name:"bugs" help:"A folder of your own bug files, beside the shipped ones." placeholder:"DIR"`
}

// catalogue is the shipped bugs and the user's.
func (f folder) catalogue() (*catalog.Set, error) {
	if f.Bugs == "" {
		return catalog.Shipped(), nil
	}
	if info, err := os.Stat(f.Bugs); err != nil || !info.IsDir() {
		return nil, fail(exitUsage, "--bugs %s: want a folder of bug files", f.Bugs)
	}
	set, err := catalog.With(f.Bugs)
	if err != nil {
		return nil, &failure{exitUsage, err}
	}
	return set, nil
}

// own is the user's bugs alone.
func (f folder) own() ([]bug.Bug, error) {
	set, err := f.catalogue()
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(set.All(), shipped), nil
}

func shipped(b bug.Bug) bool {
	_, yes := catalog.Get(b.ID)
	return yes
}

// args are what to say again on a command line.
func (f folder) args() []string {
	if f.Bugs == "" {
		return nil
	}
	return []string{"--bugs", f.Bugs}
}

// pick finds bugs by their ids, all of them when there are none.
func pick(set *catalog.Set, ids []string) ([]bug.Bug, error) {
	if len(ids) == 0 {
		return set.All(), nil
	}
	var bugs []bug.Bug
	for _, id := range ids {
		b, ok := set.Get(id)
		if !ok {
			return nil, unknownBug(set, id)
		}
		bugs = append(bugs, b)
	}
	return bugs, nil
}

// unknownBug says which bugs have a name that holds this one, or begins like it.
func unknownBug(set *catalog.Set, id string) error {
	var like []string
	for _, b := range set.All() {
		if strings.Contains(b.ID, id) || len(id) >= 3 && strings.HasPrefix(b.ID, id[:3]) {
			like = append(like, b.ID)
		}
	}
	if len(like) == 0 {
		return fail(exitUsage, "there is no bug %q; `fourdays bugs list` shows all %d", id, len(set.All()))
	}
	return fail(exitUsage, "there is no bug %q; did you mean %s?", id, strings.Join(like, " or "))
}

// columns is how wide a terminal is, 0 when w is none.
func columns(w io.Writer) int {
	if file, ok := w.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		if width, _, err := term.GetSize(int(file.Fd())); err == nil {
			return width
		}
	}
	return 0
}

func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("print JSON: %w", err)
	}
	return nil
}
