package ci

import (
	"go/ast"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// simulated are the packages that run inside a rehearsal. What they do must
// follow from the seed alone.
var simulated = []string{
	"storage/array", "storage/bug", "storage/prove", "harness/workload", "harness/check", "harness/recovery",
	"harness/scenario", "harness/hist", "harness/letter", "harness/sim", "harness/run", "harness/report",
	"harness/background",
}

// clocked are files that read the real clock for people, never for a run.
var clocked = map[string]string{
	"harness/sim/real.go":  "how long building and running took, and the interval of progress",
	"harness/sim/build.go": "how long building took",
	"harness/run/run.go":   "wall_ms",
}

// banned are calls that would let a run depend on something else than its seed.
var banned = []struct{ pkg, call, instead, why string }{
	{"time", "Now", "the world's clock, vol.Clock or world.Clock", "the real clock differs between two runs of one seed"},
	{"time", "Since", "the world's clock", "the real clock differs between two runs of one seed"},
	{"time", "Until", "the world's clock", "the real clock differs between two runs of one seed"},
	{"time", "Sleep", "Clock.After or World.At", "it stops the whole world and moves nothing in it"},
	{"time", "After", "Clock.After or World.At", "it fires in real time"},
	{"time", "AfterFunc", "Clock.After or World.At", "it fires in real time, on another goroutine"},
	{"time", "NewTimer", "Clock.After or World.At", "it fires in real time"},
	{"time", "NewTicker", "Clock.After or World.At", "it fires in real time, and for ever"},
	{"time", "Tick", "Clock.After or World.At", "it fires in real time, and for ever"},
}

// globals of math/rand draw from a source that nobody seeded; these do not.
var seeded = []string{"New", "NewPCG", "NewChaCha8", "NewZipf", "Rand", "PCG", "ChaCha8", "Source", "Zipf"}

func bannedCalls(all []*source) []string {
	var bad []string
	for _, s := range all {
		if s.test || !slices.ContainsFunc(simulated, func(dir string) bool { return under(s.dir, dir) }) || under(s.dir, "harness/sim/guest") {
			continue
		}
		names := s.imports()
		ast.Inspect(s.file, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if x, isName := ast.Unparen(exprOf(sel)).(*ast.Ident); ok && isName {
				if why := refused(s.path, names, x.Name, sel.Sel.Name); why != "" {
					bad = append(bad, s.at(n.Pos())+": "+why)
				}
			}
			return true
		})
	}
	return bad
}

func exprOf(sel *ast.SelectorExpr) ast.Expr {
	if sel == nil {
		return &ast.BadExpr{}
	}
	return sel.X
}

func refused(path string, names map[string]string, pkg, call string) string {
	for _, lib := range []string{"math/rand", "math/rand/v2", "crypto/rand"} {
		if name, used := names[lib]; used && (name == pkg || name == "v2" && pkg == "rand") && !slices.Contains(seeded, call) {
			return lib + "." + call + ": use rand.New(rand.NewPCG(seed, hash of a name)): a shared source makes one stream depend on the others"
		}
	}
	for _, b := range banned {
		if names[b.pkg] == pkg && call == b.call && clocked[path] == "" {
			return b.pkg + "." + b.call + ": use " + b.instead + ": " + b.why
		}
	}
	return ""
}

// TestNothingInARunReadsTheRealClockOrLuck looks at every package that runs
// inside a rehearsal.
func TestNothingInARunReadsTheRealClockOrLuck(t *testing.T) {
	require.Empty(t, bannedCalls(repository(t)))
}

func TestBannedCallsAreSeen(t *testing.T) {
	for text, want := range map[string]string{
		`package a; import "time"; var _ = time.Now()`:                                   "storage/array/a.go:1: time.Now: use the world's clock",
		`package a; import "time"; func f() { time.Sleep(1) }`:                           "time.Sleep: use Clock.After",
		`package a; import "time"; var now = time.Now`:                                   "time.Now: use",
		`package a; import "math/rand/v2"; var _ = rand.IntN(3)`:                         "math/rand/v2.IntN: use rand.New(",
		`package a; import r "math/rand"; var _ = r.Intn(3)`:                             "math/rand.Intn: use rand.New(",
		`package a; import "crypto/rand"; func f(b []byte) { _, _ = rand.Read(b) }`:      "crypto/rand.Read: use",
		`package a; import clock "time"; func f() { for range clock.Tick(1) { _ = 1 } }`: "time.Tick: use",
	} {
		bad := bannedCalls(snippet(t, "storage/array/a.go", text))
		require.Len(t, bad, 1, text)
		require.Contains(t, bad[0], want)
	}
	require.Len(t, bannedCalls(snippet(t, "storage/prove/a.go", `package a; import "time"; var _ = time.Now()`)), 1, "a proof follows from its seed")
	for path, text := range map[string]string{
		"storage/array/a.go":        `package a; import "time"; const d = time.Second; var r = rand.New(rand.NewPCG(1, 2))`,
		"storage/array/b.go":        `package a; import "math/rand/v2"; func f(r *rand.Rand) int { return r.IntN(3) }`,
		"storage/array/a_test.go":   `package a; import "time"; var _ = time.Now()`,
		"harness/cmd/fourdays/a.go": `package main; import "time"; var _ = time.Now()`,
		"storage/array/c.go":        `package a; type clock struct{}; func (clock) Now() int { return 1 }; var time clock; var _ = time.Now()`,
	} {
		require.Empty(t, bannedCalls(snippet(t, path, text)), path)
	}
}
