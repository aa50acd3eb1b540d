package sim

import (
	"bytes"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fourdays/storage/array"
	"fourdays/storage/bug"
	"fourdays/storage/vol"
)

var native struct {
	once sync.Once
	dir  string
	path string
	err  error
}

// natively runs the toy as an ordinary program of this machine, with the Badger
// that is published, and returns what it printed.
func natively(t *testing.T, args ...string) string {
	t.Helper()
	native.once.Do(func() {
		root, err := FindSource()
		require.NoError(t, err)
		native.dir, err = os.MkdirTemp("", "toy-")
		require.NoError(t, err)
		native.path = filepath.Join(native.dir, "toy")
		build := exec.Command("go", "build", "-o", native.path, "./harness/sim/testdata/toy")
		build.Dir = root
		out, err := build.CombinedOutput()
		require.NoError(t, err, "%s", out)
	})
	out, err := exec.Command(native.path, args...).CombinedOutput()
	require.NoError(t, err, "%s", out)
	return string(out)
}

func TestMain(m *testing.M) {
	code := m.Run()
	if native.dir != "" {
		os.RemoveAll(native.dir)
	}
	os.Exit(code)
}

// inGuest runs the toy to its end in the simulator and returns its lines
// without their heads.
func inGuest(t *testing.T, s *Sim, out *bytes.Buffer, v vol.Volume, args ...string) string {
	t.Helper()
	out.Reset()
	_, prog := toy(t)
	m := startOn(t, s, prog, v, args...)
	for end := s.Now() + time.Hour; m.Running(); {
		require.Less(t, s.Now(), end)
		require.NoError(t, s.Run(t.Context(), s.Now()+time.Second), "%s", out)
	}
	return lines(out)
}

var lineHead = regexp.MustCompile(`(?m)^[0-9.]+ a `)

func lines(out *bytes.Buffer) string { return lineHead.ReplaceAllString(out.String(), "") }

// carry copies what a volume shows into a directory of this machine.
func carry(t *testing.T, v *array.Volume, from, to string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(to, 0o755))
	var list vol.Result
	v.Do(&vol.Op{Kind: vol.ReadDir, Path: from, NoWait: true}, func(r vol.Result) { list = r })
	require.Zero(t, list.Errno)
	for _, e := range list.Entries {
		p := path.Join(from, e.Name)
		if e.Mode.IsDir() {
			carry(t, v, p, filepath.Join(to, e.Name))
			continue
		}
		text, err := v.Actual(p)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(to, e.Name), text, 0o644))
	}
}

// TestBadgerInAGuestIsBadger does the same to a store in a guest and to one on
// this machine: afterwards both hold the same, and the guest's, carried over,
// opens with the published Badger and nothing is missing.
func TestBadgerInAGuestIsBadger(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	s, _ := newSim(t, 1, &out)
	v := newFleet(t, s).Volume("n1")
	require.Contains(t, inGuest(t, s, &out, v, "badger", "mix", "/data/db"), "mixed")

	home := filepath.Join(t.TempDir(), "db")
	require.Contains(t, natively(t, "badger", "mix", home), "mixed")
	want := natively(t, "badger", "dump", home)
	require.Greater(t, strings.Count(want, "\n"), 200)
	require.Equal(t, want, inGuest(t, s, &out, v, "badger", "dump", "/data/db"))

	carried := filepath.Join(t.TempDir(), "db")
	carry(t, v, "db", carried)
	require.Equal(t, want, natively(t, "badger", "dump", carried))
}

// TestKilledGuestsStoreOpensNatively: what a guest had acknowledged when it was
// killed is in the files that it leaves, mapped ones included.
func TestKilledGuestsStoreOpensNatively(t *testing.T) {
	t.Parallel()
	for i, at := range []time.Duration{250 * time.Millisecond, 777 * time.Millisecond} {
		var out bytes.Buffer
		s, prog := newSim(t, uint64(i), &out)
		v := newFleet(t, s).Volume("n1")
		m := startOn(t, s, prog, v, "badger", "write", "/data/db")
		require.NoError(t, s.Run(t.Context(), at))
		put := lastNumber(t, putLine, out.String())
		require.Positive(t, put)
		m.Kill()
		carried := filepath.Join(t.TempDir(), "db")
		carry(t, v, "db", carried)
		require.Greater(t, lastNumber(t, readLine, natively(t, "badger", "read", carried)), put)
	}
}

// TestMappedPagesOutliveAKillNotAPowerLoss: without syncs the newest records
// are pages of a mapping that nobody has written. A kill leaves them to the
// kernel, a power loss takes them; what is left is whole in both cases.
func TestMappedPagesOutliveAKillNotAPowerLoss(t *testing.T) {
	t.Parallel()
	left := map[bool]int{}
	var put int
	for _, power := range []bool{false, true} {
		var out bytes.Buffer
		s, prog := newSim(t, 1, &out)
		v := newFleet(t, s).Volume("n1")
		m := startOn(t, s, prog, v, "badger", "lazy", "/data/db")
		require.NoError(t, s.Run(t.Context(), 100*time.Millisecond))
		if put = lastNumber(t, putLine, out.String()); power {
			m.PowerLoss()
		} else {
			m.Kill()
		}
		left[power] = lastNumber(t, readLine, inGuest(t, s, &out, v, "badger", "read", "/data/db")+"\n")
	}
	require.Greater(t, put, 100)
	require.Greater(t, left[false], put)
	require.Less(t, left[true], put)
}

// table is a bug that does something to every read of a table.
func table(t *testing.T, effect string) bug.Bug {
	b, err := bug.Parse("test.yaml", []byte(`{id: trouble, title: Trouble on tables,
 evidence: {label: generic, note: for a test, picked: [trigger, ops, delay, data, reply, persistence]},
 trigger: {event: arm}, effect: {ops: [read], `+effect+`}, scope: {extent: volume, path: "*.sst"},
 persistence: until_fix}`))
	require.NoError(t, err)
	return b
}

// TestTroubleOfTheDeviceReachesTheReader: a table is in memory in a guest, and
// yet every read of it asks the device, so that rot and delays show, and an
// error ends the program as it does where memory is mapped.
func TestTroubleOfTheDeviceReachesTheReader(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	s, prog := newSim(t, 1, &out)
	fleet := newFleet(t, s)
	m := startOn(t, s, prog, fleet.Volume("n1"), "badger", "write", "/data/db")
	require.NoError(t, s.Run(t.Context(), 200*time.Millisecond))
	m.Kill()
	code := uint32(0)
	m, err := s.Start(t.Context(), Spec{
		Name: "a", Program: prog, Args: []string{"badger", "poll", "/data/db"},
		Mounts: []Mount{{Path: "/data", Volume: fleet.Volume("n1")}}, OnExit: func(c uint32) { code = c },
	})
	require.NoError(t, err)

	polls := func(effect, want string) {
		if effect != "" {
			r, err := fleet.Arm(table(t, effect), bug.Scope{})
			require.NoError(t, err)
			defer fleet.Disarm(r.ID)
		}
		began := s.Now()
		require.NoError(t, s.Run(t.Context(), began+time.Second)) // the first may have been under way
		out.Reset()
		require.NoError(t, s.Run(t.Context(), began+4*time.Second))
		got := strings.Split(strings.TrimSpace(lines(&out)), "\n")
		require.Greater(t, len(got), 5)
		for _, l := range got {
			require.Regexp(t, `^poll \d+ `+want, l)
		}
	}
	polls("", `0 good$`)
	polls("data: zero", `0 (damaged|error)`)
	polls("delay: 100ms..100ms", `\d{3} good$`)
	polls("", `0 good$`)

	_, err = fleet.Arm(table(t, "reply: EIO"), bug.Scope{})
	require.NoError(t, err)
	require.NoError(t, s.Run(t.Context(), s.Now()+time.Second))
	require.EqualValues(t, 2, code)
	require.False(t, m.Running())
	require.Contains(t, out.String(), "bus error in a mapped file: read /data/db/")
}
