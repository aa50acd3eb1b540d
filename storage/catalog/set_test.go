package catalog_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"fourdays/storage/bug"
	"fourdays/storage/catalog"
)

// folder is a directory of bug files.
func folder(t *testing.T, files map[string]string) string {
	dir := t.TempDir()
	for name, text := range files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	return dir
}

func source(t *testing.T, id string) string {
	text, ok := catalog.Source(id)
	require.True(t, ok)
	return string(text)
}

func TestLoadReadsADirectory(t *testing.T) {
	dir := folder(t, map[string]string{"README": "not a bug", "fail-slow.yaml": source(t, "fail-slow")})
	bugs, err := catalog.Load(dir)
	require.NoError(t, err)
	want, _ := catalog.Get("fail-slow")
	require.Equal(t, []bug.Bug{want}, bugs)
}

func TestLoadReportsAllThatIsWrong(t *testing.T) {
	dir := folder(t, map[string]string{"other.yaml": source(t, "fail-slow"), "wrong.yaml": "id: wrong\nfoo: bar\n",
		"big.yaml": string(make([]byte, bug.MaxFile+1))})
	_, err := catalog.Load(dir)
	require.ErrorContains(t, err, "other.yaml:1:1: the bug in it is fail-slow, so the file has to be fail-slow.yaml")
	require.ErrorContains(t, err, `wrong.yaml:2:1: unknown key "foo"`)
	require.ErrorContains(t, err, "big.yaml:1:1: more than 1048576 bytes are too many")
	_, err = catalog.Load(filepath.Join(dir, "none"))
	require.ErrorContains(t, err, "read bugs: "+filepath.Join(dir, "none")+": no such")
	require.ErrorIs(t, err, os.ErrNotExist)
}

// TestWhatIsNoRegularFileIsRefused puts what cannot be a bug's file into a
// folder. A pipe that nobody writes to would be waited for without end.
func TestWhatIsNoRegularFileIsRefused(t *testing.T) {
	dir := folder(t, map[string]string{"short.yml": source(t, "fail-slow")})
	require.NoError(t, syscall.Mkfifo(filepath.Join(dir, "pipe.yaml"), 0o600))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "folder.yaml"), 0o700))
	require.NoError(t, os.Symlink("/dev/zero", filepath.Join(dir, "device.yaml")))
	require.NoError(t, os.Symlink("nowhere", filepath.Join(dir, "dangling.yaml")))
	_, err := catalog.Load(dir)
	for _, name := range []string{"pipe", "folder", "device"} {
		require.ErrorContains(t, err, filepath.Join(dir, name+".yaml")+":1:1: it is no regular file")
	}
	require.ErrorContains(t, err, "read bugs: "+filepath.Join(dir, "dangling.yaml")+": no such file")
	require.ErrorIs(t, err, os.ErrNotExist)
	require.ErrorContains(t, err, filepath.Join(dir, "short.yml")+":1:1: a bug's file ends in .yaml: call it short.yaml")
}

// TestALinkToABugIsRead is how some people keep their files.
func TestALinkToABugIsRead(t *testing.T) {
	dir := folder(t, map[string]string{"elsewhere": source(t, "fail-slow")})
	require.NoError(t, os.Symlink("elsewhere", filepath.Join(dir, "fail-slow.yaml")))
	bugs, err := catalog.Load(dir)
	require.NoError(t, err)
	require.Len(t, bugs, 1)
}

// TestAUsersFolderAddsToTheCatalogue also shows that the shipped set stays as it
// was: another run in the same process sees no stranger.
func TestAUsersFolderAddsToTheCatalogue(t *testing.T) {
	text := strings.Replace(source(t, "fail-slow"), "id: fail-slow", "id: my-own", 1)
	set, err := catalog.With(folder(t, map[string]string{"my-own.yaml": text, "fail-slow.yaml": source(t, "fail-slow")}))
	require.NoError(t, err, "a copy of a shipped file replaces nothing")
	require.Len(t, set.All(), len(catalog.All())+1)
	b, ok := set.Get("my-own")
	require.True(t, ok)
	require.Equal(t, "my-own", b.ID)
	got, ok := set.Source("my-own")
	require.True(t, ok)
	require.Equal(t, text, string(got))
	_, ok = set.Get("flush-lies")
	require.True(t, ok)
	_, ok = catalog.Get("my-own")
	require.False(t, ok)
}

// TestAUsersFolderReplacesNothing names both files, so that one of them can be
// renamed.
func TestAUsersFolderReplacesNothing(t *testing.T) {
	changed := strings.Replace(source(t, "fail-slow"), "50ms", "51ms", 1)
	dir := folder(t, map[string]string{"fail-slow.yaml": changed, "bit-rot.yaml": strings.Replace(source(t, "bit-rot"), "flip(1)", "flip(2)", 1)})
	_, err := catalog.With(dir)
	require.ErrorContains(t, err, filepath.Join(dir, "fail-slow.yaml")+":1:1: another fail-slow is shipped, in storage/catalog/bugs/fail-slow.yaml; give this one an id")
	require.ErrorContains(t, err, filepath.Join(dir, "bit-rot.yaml"))
	_, err = catalog.With(folder(t, map[string]string{"wrong.yaml": "id: wrong\n"}))
	require.ErrorContains(t, err, "wrong.yaml:1:1")
}

func TestAFilterChooses(t *testing.T) {
	for name, c := range map[string]struct {
		filter  catalog.Filter
		in, out string
	}{
		"class":      {catalog.Filter{Class: bug.ClassCorruption}, "bit-rot", "flush-lies"},
		"plane":      {catalog.Filter{Plane: bug.Data}, "bit-rot", "drbd-9026"},
		"other":      {catalog.Filter{Plane: bug.Derived}, "vmware-cbt", "bit-rot"},
		"leaf":       {catalog.Filter{Trigger: "count"}, "hpe-32768", "bit-rot"},
		"deep":       {catalog.Filter{Trigger: "event"}, "ontap-poison-takeover", "bit-rot"},
		"within all": {catalog.Filter{Trigger: "overlap"}, "zfs-15526", "raid0-discard"},
		"two steps":  {catalog.Filter{Trigger: "arm"}, "netapp-70000", "hpe-32768"},
		"silent":     {catalog.Filter{Silent: true}, "bit-rot", "fail-slow"},
		"reported":   {catalog.Filter{Reported: true}, "fail-slow", "bit-rot"},
		"correlated": {catalog.Filter{Correlated: bug.SameOS}, "hpe-32768", "bit-rot"},
		"several":    {catalog.Filter{Class: bug.ClassCorruption, Trigger: "event", Silent: true, Correlated: bug.SameOS}, "gmail-2011", "openmailbox-bbu"},
	} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, c.filter.Check())
			var ids []string
			for _, b := range c.filter.Of(catalog.All()) {
				ids = append(ids, b.ID)
			}
			require.Contains(t, ids, c.in)
			require.NotContains(t, ids, c.out)
		})
	}
	require.Equal(t, catalog.All(), catalog.Filter{}.Of(catalog.All()))
}

func TestAFilterThatCanChooseNothingSaysWhatItCould(t *testing.T) {
	err := catalog.Filter{Class: "x", Plane: "y", Trigger: "z", Correlated: "w", Silent: true, Reported: true}.Check()
	require.ErrorContains(t, err, `class "x": want one of hidden-limit, crash-loss, corruption, availability`)
	require.ErrorContains(t, err, `plane "y": want one of data, control, derived, link, report`)
	require.ErrorContains(t, err, `trigger "z": want one of count, level, event`)
	require.ErrorContains(t, err, `correlated "w": want one of none, os, system, address, copies`)
	require.ErrorContains(t, err, "both silent and reported")
}
