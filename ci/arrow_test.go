package ci

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// arrows say who never imports whom, and why. The programs under cmd count as
// part of the house they stand in.
var arrows = []struct{ from, never, why string }{
	{"storage", "harness", "the storage does not know that it is being rehearsed"},
	{"storage", "mailstore", "the storage keeps bytes, not mail"},
	{"mailstore", "harness", "the mail store does not know that it is being judged"},
	{"mailstore", "storage/array", "the mail store knows its replica, not the vendor's array"},
	{"mailstore", "storage/bug", "the mail store does not know which bugs there are"},
	{"harness", "mailstore", "the harness knows the mail store only through LMTP, IMAP, the admin face and the built program"},
	{"harness", "storage/replica", "the oracle must not share the judged code"},
	{"storage/replica", "storage/array", "the replica stands on any file system"},
	{"storage/fuse", "storage/array", "the kernel is shown any volume"},
	{"storage/wire", "storage/array", "any volume can be carried"},
	{"storage/media", "storage/array", "bytes lie there, whoever has them"},
	{"harness/solo", "harness/run", "a mount for anybody is no run"},
	{"harness/sweep", "harness/docker", "to clean up takes no library of the engine"},
	{"storage/wire", "storage/fuse", "who is at the other end does not matter"},
	{"storage/cmd/volmount", "storage/array", "the array is at the other end of the socket"},
	{"storage/bug", "storage/array", "a bug is data; the array carries it out"},
	{"storage/vol", "storage/array", "the vocabulary knows no speaker"},
	{"harness/background", "storage/array", "drawing faults is apart from carrying them out"},
	{"harness/background", "harness", "a draw needs nothing of a rehearsal"},
	{"harness/hist", "harness/check", "the record does not judge"},
	{"harness/check", "harness/world", "the oracle judges a history, wherever it is from"},
	{"harness/check", "harness/sim", "the oracle judges a history, wherever it is from"},
	{"harness/recovery", "harness/check", "the two read the same history and need not agree"},
	{"harness/scenario", "harness/run", "a scenario is judged on its own"},
	{"harness/scenario", "harness/sim", "a scenario runs in any world"},
	{"harness/run", "harness/sim", "a run asks its world, and knows none"},
	{"harness/run", "harness/local", "a run asks its world, and knows none"},
	{"harness/run", "harness/docker", "a run asks its world, and knows none"},
	{"harness/world", "harness", "what a world can do is said before there is one"},
	{"harness/workload", "harness/sim", "the load is the same in every world"},
	{"harness/report", "harness/run", "a report is made from run.json alone"},
	{"harness/report", "harness/sim", "a report is made from run.json alone"},
	{"harness/compare", "harness/run", "a table is made from run.json alone"},
	{"harness/compare", "harness/sim", "a table is made from run.json alone"},
	{"harness/margin", "harness/run", "a sweep is planned and read apart from being played"},
	{"harness/margin", "storage/array", "a margin is read from run.json"},
	{"harness/external", "storage/array", "hooks look after a server, not after its storage"},
	{"harness/external", "harness/run", "a run has a target; a target knows no run"},
	{"harness/external", "harness/check", "who runs a server does not judge it"},
	{"harness/live", "storage/array", "a live world mounts any volume"},
	{"harness/live", "harness/sim", "the worlds are apart"},
	{"harness/live", "harness/run", "a world knows no run"},
	{"harness/agenda", "harness", "an order knows nothing of what is called"},
	{"harness/agenda", "storage", "an order knows nothing of what is called"},
	{"harness/links", "storage", "a network carries anything"},
	{"harness/local", "harness/sim", "the worlds are apart"},
	{"harness/local", "harness/run", "a world knows no run"},
	{"harness/local", "storage/array", "a world mounts any volume"},
	{"storage/prove", "storage/catalog", "a proof is the same for every bug, shipped or not"},
}

// owners say who may import a library: one place to read, one to replace.
var owners = []struct {
	library string
	may     []string
	why     string
}{
	{"github.com/tetratelabs/wazero", []string{"harness/sim"}, "only the simulator runs programs in virtual time"},
	{"github.com/hashicorp/raft", []string{"storage/replica"}, "consensus is the replica's secret"},
	{"github.com/dgraph-io/badger", []string{"storage/replica"}, "the store on disk is the replica's secret"},
	{"github.com/emersion/go-smtp", []string{"mailstore/lmtp", "harness/cmd/mailload"}, "one server, one client"},
	{"github.com/emersion/go-imap", []string{"mailstore/imap", "harness/cmd/mailload"}, "one server, one client; its API still moves"},
	{"go.yaml.in/yaml", []string{"storage/bug", "harness/scenario", "harness/background"}, "three languages are written in YAML, and each has one reader"},
	{"github.com/santhosh-tekuri/jsonschema", []string{"harness/scenario", "storage/bug"}, "each schema is checked in its parser's tests"},
	{"golang.org/x/perf", []string{"harness/compare"}, "what differs by more than chance is said in one place"},
	{"github.com/Shopify/toxiproxy", []string{"harness/links"}, "only one package is a network that fails"},
	{"github.com/hanwen/go-fuse", []string{"storage/fuse"}, "there is one door to the kernel"},
	{"go.etcd.io/bbolt", []string{"storage/fuse"}, "it is how we test that a store that maps its file works on a mount"},
	{"github.com/alecthomas/kong", []string{"harness/cmd/fourdays"}, "there is one command line"},
	{"github.com/jstemmer/go-junit-report", []string{"harness/report"}, "it is how we test that others can read our JUnit"},
	{"github.com/testcontainers/testcontainers-go", []string{"harness/docker"}, "only the world of containers speaks to an engine"},
	{"github.com/moby/moby", []string{"harness/docker"}, "the engine's own words, below testcontainers"},
	{"github.com/containerd/errdefs", []string{"harness/docker"}, "the engine's errors"},
	{"github.com/rogpeppe/go-internal", []string{"harness/cmd/fourdays"}, "scripts test the command line"},
}

// libraries that a test may use wherever it likes.
var testLibraries = []string{"github.com/hashicorp/raft", "github.com/dgraph-io/badger", "github.com/emersion/go-smtp", "github.com/emersion/go-imap", "go.yaml.in/yaml"}

func brokenArrows(all []*source) []string {
	var bad []string
	for _, s := range all {
		for path := range s.imports() {
			target, ours := strings.CutPrefix(path, module+"/")
			for _, a := range arrows {
				if ours && !s.test && under(s.dir, a.from) && under(target, a.never) {
					bad = append(bad, s.path+" imports "+path+": "+a.from+" never imports "+a.never+": "+a.why)
				}
			}
		}
	}
	slices.Sort(bad)
	return bad
}

func strayImports(all []*source) []string {
	var bad []string
	for _, s := range all {
		for path := range s.imports() {
			for _, o := range owners {
				if !under(path, o.library) || s.test && slices.Contains(testLibraries, o.library) {
					continue
				}
				if !slices.ContainsFunc(o.may, func(dir string) bool { return under(s.dir, dir) }) {
					bad = append(bad, s.path+" imports "+path+": only "+strings.Join(o.may, " and ")+" may: "+o.why)
				}
			}
		}
	}
	slices.Sort(bad)
	return bad
}

// TestArrowsRunOneWay holds the imports of the whole repository to the table.
func TestArrowsRunOneWay(t *testing.T) { require.Empty(t, brokenArrows(repository(t))) }

// TestLibrariesHaveOneOwner holds each third-party library to its place.
func TestLibrariesHaveOneOwner(t *testing.T) { require.Empty(t, strayImports(repository(t))) }

func TestArrowsAreSeenWhenBroken(t *testing.T) {
	for path, text := range map[string]string{
		"storage/array/a.go":   `package array; import "fourdays/harness/hist"`,
		"mailstore/imap/a.go":  `package imap; import _ "fourdays/harness/letter"`,
		"harness/check/a.go":   `package check; import "fourdays/mailstore/store"`,
		"storage/replica/a.go": `package replica; import a "fourdays/storage/array"`,
	} {
		bad := brokenArrows(snippet(t, path, text))
		require.Len(t, bad, 1, path)
		require.Contains(t, bad[0], path+" imports fourdays/")
	}
	require.Empty(t, brokenArrows(snippet(t, "storage/array/a_test.go", `package array; import "fourdays/harness/hist"`)), "tests may look anywhere")
	require.Empty(t, brokenArrows(snippet(t, "harness/run/a.go", `package run; import "fourdays/harness/scenario"`)))
	require.Empty(t, brokenArrows(snippet(t, "storage/arrays/a.go", `package x; import "fourdays/harnesses"`)), "a name that only begins alike")
}

func TestStrayImportsAreSeen(t *testing.T) {
	bad := strayImports(snippet(t, "harness/run/a.go", `package run; import "github.com/tetratelabs/wazero/api"`))
	require.Equal(t, []string{"harness/run/a.go imports github.com/tetratelabs/wazero/api: only harness/sim may: only the simulator runs programs in virtual time"}, bad)
	require.Empty(t, strayImports(snippet(t, "harness/sim/x/a.go", `package x; import "github.com/tetratelabs/wazero"`)))
	require.Empty(t, strayImports(snippet(t, "mailstore/a_test.go", `package m; import "github.com/emersion/go-imap/v2"`)))
	require.Len(t, strayImports(snippet(t, "mailstore/a_test.go", `package m; import "github.com/alecthomas/kong"`)), 1)
}
