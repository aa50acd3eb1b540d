package ci

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fourdays/storage/bug"
	"fourdays/storage/catalog"
)

// mutations take the implementation of effects out of package array, each where
// the environment names it. The anchors are text; one that is not there exactly
// once fails the test, so that none can be forgotten when the code moves on.
var mutations = []struct{ file, anchor, mutated string }{
	{"spoil.go", "	case bug.Zero:\n		clear(p)", "	case bug.Zero:\n		if !mutant(`data zero`) { clear(p) }"},
	{"spoil.go", "		n.readOld(p, off, int(c.N))", "		if !mutant(`data old`) { n.readOld(p, off, int(c.N)) }"},
	{"spoil.go", "		v.readOther(g, n, p, off)", "		if !mutant(`data other`) { v.readOther(g, n, p, off) }"},
	{"spoil.go", "		g.flip(p, int(c.N))", "		if !mutant(`data flip`) { g.flip(p, int(c.N)) }"},
	{"spoil.go", "Effect.Data.Kind == bug.Cut {", "Effect.Data.Kind == bug.Cut && mutant(`data cut`) { continue }; if x.g.rule.bug.Effect.Data.Kind == bug.Cut {"},
	{"copy.go", "		clear(data)", "		if !mutant(`data zero`) { clear(data) }"},
	{"copy.go", "		p.node.readOld(data, off, int(c.N))", "		if !mutant(`data old`) { p.node.readOld(data, off, int(c.N)) }"},
	{"copy.go", "		g.v.readOther(g, p.node, data, off)", "		if !mutant(`data other`) { g.v.readOther(g, p.node, data, off) }"},
	{"copy.go", "		g.flip(data, int(c.N))", "		if !mutant(`data flip`) { g.flip(data, int(c.N)) }"},
	{"copy.go", "	if e.Persist.Kind == bug.No {", "	if e.Persist.Kind == bug.No && !mutant(`persist no`) {"},
	{"tear.go", "	case bug.No:\n", "	case bug.No:\n		if mutant(`persist no`) { return false }\n"},
	{"tear.go", "	case bug.Partial:\n", "	case bug.Partial:\n		if mutant(`persist partial`) { return false }\n"},
	{"tear.go", "	case bug.Elsewhere:\n", "	case bug.Elsewhere:\n		if mutant(`persist elsewhere`) { return false }\n"},
	{"tear.go", "	case bug.Behind:\n", "	case bug.Behind:\n		if mutant(`persist behind`) { return false }\n"},
	{"flush.go", "Effect.Persist; p.Kind != bug.Yes {", "Effect.Persist; p.Kind != bug.Yes && !mutant(`persist ` + string(p.Kind)) {"},
	{"flush.go", "failed: e.Reply.Errno != 0}", "failed: e.Reply.Errno != 0 && !mutant(`reply errno`)}"},
	{"judge.go", "	case \"\":\n		return e.Reply.Errno", "	case \"\":\n		if mutant(`reply errno`) { return 0 }\n		return e.Reply.Errno"},
	{"judge.go", "	case reply.Errno != 0:", "	case reply.Errno != 0 && !mutant(`reply errno`):"},
	{"copy.go", "Effect.Reply.Errno; errno != 0 {", "Effect.Reply.Errno; errno != 0 && !mutant(`reply errno`) {"},
	{"judge.go", "	case e.Reply.Never:", "	case e.Reply.Never && !mutant(`reply never`):"},
	{"judge.go", "	case reply.Never && ", "	case !mutant(`reply never`) && reply.Never && "},
	{"judge.go", "	if e.Delay.Max > 0 {", "	if e.Delay.Max > 0 && !mutant(`delay`) {"},
	{"judge.go", "	if e.Slow.Max > 0 {", "	if e.Slow.Max > 0 && !mutant(`slow`) {"},
	{"judge.go", "	case bug.Offline:\n", "	case bug.Offline:\n		if mutant(`action offline`) { return 0 }\n"},
	{"judge.go", "	case bug.ReadOnly:\n", "	case bug.ReadOnly:\n		if mutant(`action readonly`) { return 0 }\n"},
	{"spoil.go", "Effect.Action != bug.HideEntries {", "Effect.Action != bug.HideEntries || mutant(`action hide_entries`) {"},
	{"action.go", "bool {\n	switch a {\n", "bool {\n	if mutant(`action ` + string(a)) { return true }\n	switch a {\n"},
	{"alarm.go", "d.asked(bug.Alarm) {\n", "d.asked(bug.Alarm) {\n		if mutant(`act alarm`) { continue }\n"},
	{"room.go", "v.asked(bug.Space, spot{}) {\n", "v.asked(bug.Space, spot{}) {\n		if mutant(`act space`) { continue }\n"},
	{"controller.go", "d.asked(act) {\n", "d.asked(act) {\n		if mutant(`act ` + string(act)) { continue }\n"},
	{"copy.go", "n: BlockSize}) {\n", "n: BlockSize}) {\n		if mutant(`act ` + string(p.act)) { continue }\n"},
}

// switchboard is what the mutated package asks.
const switchboard = `package array

import "os"

var theMutant = os.Getenv("FOURDAYS_MUTANT")

func mutant(name string) bool { return name == theMutant }
`

// arrayDir is where the package lies that is mutated.
const arrayDir = "../storage/array"

// mutated makes an overlay in which every mutation is built in, and says what is
// wrong with the anchors.
func mutated(t *testing.T, dir string) (overlay string, bad []string) {
	t.Helper()
	texts := map[string]string{}
	for _, m := range mutations {
		if texts[m.file] == "" {
			raw, err := os.ReadFile(filepath.Join(arrayDir, m.file))
			require.NoError(t, err)
			texts[m.file] = string(raw)
		}
		if n := strings.Count(texts[m.file], m.anchor); n != 1 {
			bad = append(bad, fmt.Sprintf("%s: %q is there %d times", m.file, m.anchor, n))
		}
		texts[m.file] = strings.Replace(texts[m.file], m.anchor, m.mutated, 1)
	}
	texts["mutant_switchboard.go"] = switchboard
	replace := map[string]string{}
	for name, text := range texts {
		real, err := filepath.Abs(filepath.Join(arrayDir, name))
		require.NoError(t, err)
		replace[real] = filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(replace[real], []byte(text), 0o644))
	}
	raw, err := json.Marshal(map[string]any{"Replace": replace})
	require.NoError(t, err)
	overlay = filepath.Join(dir, "overlay.json")
	require.NoError(t, os.WriteFile(overlay, raw, 0o644))
	return overlay, bad
}

// uses lists the effects of a bug, by the names under which they are taken out.
func uses(b bug.Bug) []string {
	e := b.Effect
	var all []string
	add := func(is bool, name string) {
		if is {
			all = append(all, name)
		}
	}
	add(e.Data.Kind != bug.Same && !slices.Contains(e.Acts, bug.Space), "data "+string(e.Data.Kind))
	add(e.Persist.Kind != bug.Yes, "persist "+string(e.Persist.Kind))
	add(e.Action != "", "action "+string(e.Action))
	add(e.Reply.Errno != 0, "reply errno")
	add(e.Reply.Never && len(e.Acts) == 0, "reply never")
	add(e.Delay.Max > 0 && len(e.Acts) == 0, "delay")
	add(e.Slow.Max > 0, "slow")
	for _, act := range e.Acts {
		add(true, "act "+string(act))
	}
	return all
}

// effects is every effect that the language has, read from its source, so that a
// new one is missed here at once.
func effects(t *testing.T) []string {
	t.Helper()
	all := []string{"reply errno", "reply never", "delay", "slow"}
	file, err := parser.ParseFile(token.NewFileSet(), "../storage/bug/effect.go", nil, 0)
	require.NoError(t, err)
	words := map[string]string{"Corruption": "data ", "Durability": "persist ", "Action": "action ", "Act": "act "}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 {
			return true
		}
		kind, isName := spec.Type.(*ast.Ident)
		value, isText := spec.Values[0].(*ast.BasicLit)
		if isName && isText && words[kind.Name] != "" && value.Value != `""` {
			text, err := strconv.Unquote(value.Value)
			require.NoError(t, err)
			all = append(all, words[kind.Name]+text)
		}
		return true
	})
	slices.Sort(all)
	return all
}

// proven is the bugs that package prove proves, by their ids.
func proven(t *testing.T) map[string]bug.Bug {
	t.Helper()
	more, err := catalog.Load("../storage/prove/testdata")
	require.NoError(t, err)
	all := map[string]bug.Bug{}
	for _, b := range append(catalog.All(), more...) {
		all[b.ID] = b
	}
	return all
}

var proofLine = regexp.MustCompile(`(?m)^    --- (PASS|FAIL): Test\w+/([a-z0-9-]+) `)

// prove runs the proofs of some bugs with an effect taken out, and tells which
// of them passed.
func prove(t *testing.T, binary, mutant string, ids []string) map[string]bool {
	t.Helper()
	cmd := exec.Command(binary, "-test.v", "-test.short", "-test.timeout", "15m",
		"-test.run", "^(TestEveryShippedBugIsAsItsFileSays|TestEveryOtherEffectIsSeen)$/^("+strings.Join(ids, "|")+")$")
	cmd.Dir = "../storage/prove"
	cmd.Env = append(os.Environ(), "FOURDAYS_MUTANT="+mutant)
	out, _ := cmd.CombinedOutput() // that it fails is what is wanted
	passed := map[string]bool{}
	for _, m := range proofLine.FindAllStringSubmatch(string(out), -1) {
		passed[m[2]] = m[1] == "PASS"
	}
	require.Len(t, passed, len(ids), "%s: not every proof has come to an end:\n%s", mutant, out)
	return passed
}

// TestWithoutAnEffectItsBugsAreProvenNoMore takes the implementation of each
// effect out of the arrays, one at a time, and wants the proof of every bug that
// has this effect to fail. With nothing taken out all have to pass.
func TestWithoutAnEffectItsBugsAreProvenNoMore(t *testing.T) {
	if testing.Short() {
		t.Skip("it compiles the arrays anew")
	}
	dir := t.TempDir()
	overlay, bad := mutated(t, dir)
	require.Empty(t, bad, "the code has moved: say where these effects are carried out now")
	binary := filepath.Join(dir, "prove.test")
	out, err := exec.Command("go", "test", "-c", "-vet=off", "-overlay", overlay, "-o", binary, "fourdays/storage/prove").CombinedOutput()
	require.NoError(t, err, "%s", out)

	bugs := proven(t)
	users := map[string][]string{}
	var ids []string
	for id, b := range bugs {
		ids = append(ids, id)
		for _, name := range uses(b) {
			users[name] = append(users[name], id)
		}
	}
	t.Run("none", func(t *testing.T) {
		t.Parallel()
		for id, ok := range prove(t, binary, "", ids) {
			require.True(t, ok, "%s is not proven", id)
		}
	})
	for _, name := range effects(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.NotEmpty(t, users[name], "no bug shows this effect: make one in storage/prove/testdata")
			for id, ok := range prove(t, binary, name, users[name]) {
				require.False(t, ok, "%s is proven without its effect", id)
			}
		})
	}
}

// TestAMutantThatLostItsPlaceIsSeen changes an anchor.
func TestAMutantThatLostItsPlaceIsSeen(t *testing.T) {
	was := mutations
	defer func() { mutations = was }()
	mutations = slices.Clone(was)
	mutations[0].anchor = "	case bug.Zero: // elsewhere"
	_, bad := mutated(t, t.TempDir())
	require.Equal(t, []string{fmt.Sprintf("%s: %q is there 0 times", mutations[0].file, mutations[0].anchor)}, bad)
}

// TestEveryEffectHasAName holds the list of effects to what is known of it.
func TestEveryEffectHasAName(t *testing.T) {
	all := effects(t)
	require.Subset(t, all, []string{"data flip", "persist behind", "action alias", "act mirror"})
	require.Greater(t, len(all), 30)
	for id, b := range proven(t) {
		require.NotEmpty(t, uses(b), id)
		require.Subset(t, all, uses(b), id)
	}
}
