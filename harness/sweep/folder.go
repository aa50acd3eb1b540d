package sweep

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"fourdays/harness/solo"
)

// young is how old the folder of a world has to be. A living one puts mounts
// into its own at once. Picked.
const young = 10 * time.Second

// mountWait is how long a mount may be on its way. Picked.
const mountWait = time.Minute

// folderForm is what worlds call the folders of their mounts. Without the middle
// it would be that of a user's sockets, fourdays-UID.
var folderForm = regexp.MustCompile(`^fourdays-(docker-[a-z0-9]+|local-[0-9]+)$`)

// folders are those of worlds, with nothing in them but places for mounts. What
// holds a file, or has something mounted below it, is left alone.
func folders(context.Context) ([]leftover, error) {
	all, _, err := mountTable()
	entries, readErr := os.ReadDir(os.TempDir())
	var found []leftover
	for _, e := range entries {
		path := filepath.Join(os.TempDir(), e.Name())
		info, err := e.Info()
		if err != nil || !e.IsDir() || !folderForm.MatchString(e.Name()) || time.Since(info.ModTime()) < young || used(path, all) || !hollow(path) {
			continue
		}
		found = append(found, leftover{"folder " + path, func(context.Context) error { return removeHollow(path) }})
	}
	return found, errors.Join(err, readErr)
}

func used(dir string, mounts []string) bool {
	return slices.ContainsFunc(mounts, func(m string) bool { return m == dir || strings.HasPrefix(m, dir+"/") })
}

// hollow says whether there are folders alone.
func hollow(dir string) bool {
	return filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			return fs.ErrExist
		}
		return err
	}) == nil
}

// removeHollow removes folders, from the innermost. One that is not empty after
// all stops it.
func removeHollow(dir string) error {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		err = errors.Join(err, removeHollow(filepath.Join(dir, e.Name())))
	}
	return errors.Join(err, os.Remove(dir))
}

// sockets are those of mounts that nobody answers for, with their logs.
func sockets(context.Context) ([]leftover, error) {
	var all []leftover
	for _, path := range solo.Sockets() {
		if solo.Answers(path) {
			continue
		}
		all = append(all, leftover{"socket " + path + ", which nobody answers", func(context.Context) error { return solo.Forget(path) }})
	}
	for _, path := range solo.Logs() {
		if info, err := os.Stat(path); err == nil && time.Since(info.ModTime()) > mountWait {
			all = append(all, leftover{"log " + path + " of a mount that never was", func(context.Context) error { return os.Remove(path) }})
		}
	}
	return all, nil
}
