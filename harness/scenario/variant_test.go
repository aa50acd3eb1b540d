package scenario

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fourdays/storage/bug"
)

// fated is the example with three variants.
func fated(t testing.TB) string {
	return string(read(t, "testdata/example.yaml")) + `
variants:
  one-os:
    title: One OS everywhere
    storage: {arrays: {north: {os: acme/1.0}}}
    expect: {lost: ">=1", grade: loss_detected}
  three-oses:
    title: Three of them
    seed: 9
    storage:
      arrays:
        west: {os: third/2.0, controllers: 1}
    timeline:
      - {at: 5s, kill: [n1]}
    expect: {fenced: [n1]}
`
}

// mustParseAll reads every scenario of a file, as if each had been one alone.
func mustParseAll(t testing.TB, src []byte) []*Scenario {
	t.Helper()
	all, err := ParseAll("test.yaml", src)
	require.NoError(t, err, "%s", src)
	for _, s := range all {
		placeless(s).Variant = Variant{}
	}
	return all
}

// TestAVariantIsTheFileWithADifference compares each variant with the same
// change made by hand.
func TestAVariantIsTheFileWithADifference(t *testing.T) {
	all, err := ParseAll("test.yaml", []byte(fated(t)))
	require.NoError(t, err)
	require.Len(t, all, 2)
	for i, v := range []Variant{{Name: "one-os"}, {Name: "three-oses"}} {
		v.Of, v.Title = "lying-flush-shared-fate", "Every replica's array runs the same OS, and its flush lies"
		require.Equal(t, v, all[i].Variant)
	}
	example := string(read(t, "testdata/example.yaml"))
	one := strings.NewReplacer(
		"name: lying-flush-shared-fate", "name: lying-flush-shared-fate-one-os",
		"title: Every replica's array runs the same OS, and its flush lies", "title: One OS everywhere",
		"other/9.4", "acme/1.0", "lost: 0", "lost: \">=1\"\n  grade: loss_detected").Replace(example)
	three := strings.NewReplacer(
		"name: lying-flush-shared-fate", "name: lying-flush-shared-fate-three-oses",
		"title: Every replica's array runs the same OS, and its flush lies", "title: Three of them",
		"seed: 7", "seed: 9", "west:  {os: acme/1.0}", "west: {os: third/2.0, controllers: 1}",
		"  - {at: 30s, arm: flush-lies, on: {os: acme/*}}\n", "", "{at: 60s, power_loss: [east, west]}", "{at: 5s, kill: [n1]}",
		"  - {at: 61s, power_on: [east, west]}\n", "", "lost: 0", "lost: 0\n  fenced: [n1]").Replace(example)
	byHand := []*Scenario{mustParse(t, []byte(one)), mustParse(t, []byte(three))}
	require.Equal(t, byHand, mustParseAll(t, []byte(fated(t))))
}

func TestAFileWithoutVariantsIsOneScenario(t *testing.T) {
	src := read(t, "testdata/everything.yaml")
	require.Equal(t, []*Scenario{mustParse(t, src)}, mustParseAll(t, src))
}

// TestWhatEveryVariantHasNeedNotStandAbove has no expectations but the variants'.
func TestWhatEveryVariantHasNeedNotStandAbove(t *testing.T) {
	base, rest, found := strings.Cut(fated(t), "expect:\n")
	require.True(t, found)
	_, variants, _ := strings.Cut(rest, "\nvariants:")
	all := mustParseAll(t, []byte(base+"variants:"+variants))
	require.Equal(t, LossDetected, all[0].Expect.Grade)
	require.Empty(t, all[1].Expect.Counts)
	require.NoError(t, compiled(t).Validate(asJSON(t, []byte(base+"variants:"+variants))))
}

// badVariants are edits of a file with variants that make it wrong. The schema
// refuses those marked with it too.
var badVariants = []struct {
	name, from, to, want string
	schema               bool
}{
	{"unknown key", "    seed: 9", "    sed: 9", `test.yaml:45:5: in variant three-oses: unknown key "sed" in the scenario; did you mean "seed"?`, true},
	{"unknown key inside", "controllers: 1}", "controlers: 1}", `test.yaml:48:31: in variant three-oses: unknown key "controlers" in an array; did you mean "controllers"?`, false},
	{"misspelt array", "west: {os: third", "wets: {os: third", `test.yaml:48:9: in variant three-oses: there is no array "wets" to change, and nothing is on it; did you mean "west"?`, false},
	{"misspelt store", "    storage:\n      arrays:", "    storage:\n      stores: {mian: {n7: west}}\n      arrays:", `test.yaml:47:16: in variant three-oses: there is no store "mian" to change; did you mean "main"?`, false},
	{"playbook of a mapping", "    seed: 9", "    playbook: {verify: all}", `in variant three-oses: found a mapping instead of a list; want a list of steps`, true},
	{"stop that cannot be", "    seed: 9", "    stop: [{when: lots > 0}]", `in variant three-oses: there is no quantity "lots" to stop at`, true},
	{"wrong value", "{at: 5s, kill", "{at: soon, kill", `test.yaml:50:14: in variant three-oses: "soon" is not a duration`, true},
	{"what does not fit together", "{os: acme/1.0}}}\n    expect", "{os: acme/1.0}}, stores: {main: {n4: west}}}\n    expect", `test.yaml:41:63: in variant one-os: store main has 4 replicas; want 1, 3, 5`, false},
	{"missing in one", "    expect: {fenced: [n1]}", "    duration: 2s", `test.yaml:50:9: in variant three-oses: the step at 5s is past the end`, false},
	{"wrong in all", "archive: 5", "archive: -5", "test.yaml:17:12: found -5; want a whole number", true},
	{"a name", "    seed: 9", "    name: other", `test.yaml:45:11: in variant three-oses: the variant has a name; leave it out`, true},
	{"no title", "    title: Three of them\n", "", `test.yaml:44:5: in variant three-oses: the variant has no title; add title: …`, true},
	{"no name", "  three-oses:", "  Three:", `test.yaml:43:3: in variant Three: "Three" cannot name a variant; want a name of small letters`, true},
	{"nothing different", "    expect: {fenced: [n1]}", "    expect: {fenced: [n1]}\n  four:", `test.yaml:52:8: in variant four: the variant is nothing`, true},
	{"variants of a variant", "    seed: 9", "    variants: {}", `in variant three-oses: variants of a variant; want them once`, true},
	{"key twice", "    seed: 9", "    seed: 9\n    seed: 10", `test.yaml:46:5: in variant three-oses: the scenario has "seed" twice, first on line 45`, false},
	{"variant twice", "  three-oses:", "  one-os:", `test.yaml:43:3: variants has "one-os" twice, first on line 39`, false},
	{"name too long", "  three-oses:", "  " + strings.Repeat("x", 70) + ":", `is longer than 80 characters; shorten`, false},
}

// TestEveryMistakeInAVariantHasItsPlace also holds what the schema can see.
func TestEveryMistakeInAVariantHasItsPlace(t *testing.T) {
	s := compiled(t)
	require.NoError(t, s.Validate(asJSON(t, []byte(fated(t)))))
	for _, c := range badVariants {
		t.Run(c.name, func(t *testing.T) {
			src := strings.Replace(fated(t), c.from, c.to, 1)
			require.NotEqual(t, fated(t), src)
			_, err := ParseAll("test.yaml", []byte(src))
			require.ErrorContains(t, err, c.want)
			if strings.Contains(c.name, "twice") {
				return // editors see YAML's own error first
			}
			if err := s.Validate(asJSON(t, []byte(src))); c.schema {
				require.Error(t, err)
			} else {
				require.NoError(t, err)
			}
		})
	}
}

// TestTheOrderOfAPlaybookIsWhatDiffers: a variant replaces the whole list, and an
// array that only a replacement uses is no misspelt one.
func TestTheOrderOfAPlaybookIsWhatDiffers(t *testing.T) {
	src := strings.Replace(fated(t), "    seed: 9\n", "    playbook: [{replace: {node: n2, on: spare}}, {restart: [n1]}]\n", 1)
	src = strings.Replace(src, "west: {os: third/2.0, controllers: 1}", "spare: {os: third/2.0}", 1)
	src = strings.Replace(src, "variants:\n", "playbook: [{restart: [n1]}, {replace: {node: n2, on: north}}]\nvariants:\n", 1)
	all := mustParseAll(t, []byte(src))
	require.Equal(t, []Play{{Action: Restart{[]string{"n1"}}}, {Action: Replace{"n2", "north"}}}, all[0].Playbook)
	require.Equal(t, []Play{{Action: Replace{"n2", "spare"}}, {Action: Restart{[]string{"n1"}}}}, all[1].Playbook)
	require.Equal(t, []Spare{{Step: 1, Node: "n2", Name: "n2.2", Array: "spare", Store: "main"}}, all[1].Spares())
}

// TestWhatIsWrongInAllIsSaidOnce: the same mistake, met once for each variant.
func TestWhatIsWrongInAllIsSaidOnce(t *testing.T) {
	_, err := ParseAll("test.yaml", []byte(strings.Replace(fated(t), "archive: 5", "archive: -5", 1)))
	require.Equal(t, 1, strings.Count(err.Error(), "found -5"), err.Error())
	require.NotContains(t, err.Error(), "in variant")
}

func TestVariantsAreCounted(t *testing.T) {
	one, _, _ := strings.Cut(fated(t), "  three-oses:")
	_, err := ParseAll("test.yaml", []byte(one))
	require.ErrorContains(t, err, "test.yaml:39:3: the file has 1 of them; want 2 to 20")
	many := fated(t)
	for i := range 20 {
		many += "  v" + strings.Repeat("x", i) + ": {title: One more}\n"
	}
	_, err = ParseAll("test.yaml", []byte(many))
	require.ErrorContains(t, err, "the file has 22 of them; want 2 to 20")
	_, err = ParseAll("test.yaml", []byte(strings.Replace(one, "variants:", "variants: 3 #", 1)))
	require.Error(t, err)
}

// TestOneScenarioIsNotSeveral: who asks for one is told of the variants.
func TestOneScenarioIsNotSeveral(t *testing.T) {
	_, err := Parse("test.yaml", []byte(fated(t)))
	require.EqualError(t, err, "test.yaml:39:3: the file has variants; want one scenario: name one of its variants")
}

// TestBugsFromOutsideCanBeArmed, and are neither defined again nor printed.
func TestBugsFromOutsideCanBeArmed(t *testing.T) {
	src := strings.Replace(fated(t), "arm: flush-lies", "arm: my-bug", 1)
	_, err := ParseAll("test.yaml", []byte(src))
	require.ErrorContains(t, err, `there is no bug "my-bug"`)
	mine := bug.Bug{ID: "my-bug"}
	all, err := ParseAll("test.yaml", []byte(src), mine)
	require.NoError(t, err)
	require.Equal(t, []bug.Bug{mine}, all[0].Others)
	require.NotContains(t, string(Print(all[0])), "bugs:")
}

// TestAWarningNamesTheVariantsThatItIsAbout, unless it is about all.
func TestAWarningNamesTheVariantsThatItIsAbout(t *testing.T) {
	all, err := ParseAll("test.yaml", []byte(fated(t)))
	require.NoError(t, err)
	require.Empty(t, WarningsOf(all))
	nowhere := strings.Replace(fated(t), "on: {os: acme/*}", "on: {os: nosuch/*}", 1)
	all, err = ParseAll("test.yaml", []byte(nowhere))
	require.NoError(t, err)
	require.Len(t, WarningsOf(all), 1)
	require.Contains(t, WarningsOf(all)[0].In("f"), "f:27:36: in variant one-os: flush-lies can never fire")
	base, _, _ := strings.Cut(nowhere, "variants:")
	all, err = ParseAll("test.yaml", []byte(base+"variants: {a: {title: A}, b: {title: B}}\n"))
	require.NoError(t, err)
	require.Len(t, WarningsOf(all), 1)
	require.Contains(t, WarningsOf(all)[0].In("f"), "f:27:36: flush-lies can never fire")
}

// TestTheSchemaLetsAVariantChangeAnyPart but the two that only a file has.
func TestTheSchemaLetsAVariantChangeAnyPart(t *testing.T) {
	var doc struct {
		Properties map[string]any
		Defs       struct {
			Variant struct{ Properties map[string]any }
		} `json:"$defs"`
	}
	require.NoError(t, json.Unmarshal(Schema(), &doc))
	delete(doc.Properties, "name")
	delete(doc.Properties, variantsKey)
	require.ElementsMatch(t, slices.Collect(maps.Keys(doc.Properties)), slices.Collect(maps.Keys(doc.Defs.Variant.Properties)))
}
