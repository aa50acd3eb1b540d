package scenario

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

func compiled(t testing.TB) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	require.NoError(t, err)
	c := jsonschema.NewCompiler()
	require.NoError(t, c.AddResource("scenario.json", doc))
	s, err := c.Compile("scenario.json")
	require.NoError(t, err)
	return s
}

// asJSON is what an editor's schema checker sees of a YAML file.
func asJSON(t testing.TB, src []byte) any {
	t.Helper()
	var v any
	require.NoError(t, yaml.Unmarshal(src, &v))
	raw, err := json.Marshal(v)
	require.NoError(t, err)
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	require.NoError(t, err)
	return doc
}

func TestSchemaAcceptsWhatParses(t *testing.T) {
	s := compiled(t)
	for _, path := range append(shipped(t), "testdata/example.yaml", "testdata/everything.yaml", "testdata/external.yaml") {
		src := read(t, path)
		require.NoError(t, s.Validate(asJSON(t, src)), path)
		for _, one := range mustParseAll(t, src) {
			require.NoError(t, s.Validate(asJSON(t, Print(one))), path)
		}
	}
}

// TestSchemaRefusesWhatParseRefuses goes through the same table as the parser:
// the schema sees every mistake that stands in one place, and none of those
// that only show when the parts are put together.
func TestSchemaRefusesWhatParseRefuses(t *testing.T) {
	s := compiled(t)
	example := string(read(t, "testdata/example.yaml"))
	for _, c := range invalid {
		src := []byte(strings.Replace(example, c.from, c.to, 1))
		var v any
		if yaml.Unmarshal(src, &v) != nil || c.name == "merge key" {
			continue // editors see YAML's own error first
		}
		err := s.Validate(asJSON(t, src))
		require.Equal(t, c.schema, err != nil, "%s: %v", c.name, err)
	}
}

// TestSchemaAndParserKnowTheSameKeys reads files that visit every mapping and
// compares the keys that the parser would take with those of the schema.
func TestSchemaAndParserKnowTheSameKeys(t *testing.T) {
	parser := map[string][]string{}
	for _, path := range []string{"testdata/everything.yaml", "testdata/external.yaml"} {
		_, _, err := parse("f", read(t, path), func(object string, keys []string) {
			parser[object] = slices.Sorted(slices.Values(keys))
		})
		require.NoError(t, err)
	}

	var doc map[string]any
	require.NoError(t, json.Unmarshal(Schema(), &doc))
	keys := func(path ...string) []string {
		at := doc
		for _, key := range path {
			next, ok := at[key].(map[string]any)
			require.True(t, ok, "%v", path)
			at = next
		}
		return slices.Sorted(maps.Keys(at))
	}
	step := func(path ...string) []string {
		return keys(append([]string{"$defs", "step", "properties"}, path...)...)
	}
	hook := doc["$defs"].(map[string]any)["hook"].(map[string]any)["oneOf"].([]any)[1].(map[string]any)["properties"].(map[string]any)
	of := func(at any, path ...any) []string {
		for _, key := range path {
			switch key := key.(type) {
			case string:
				at = at.(map[string]any)[key]
			case int:
				at = at.([]any)[key]
			}
		}
		return slices.Sorted(maps.Keys(at.(map[string]any)))
	}
	stop := of(doc, "properties", "stop", "items", "properties")
	recovering := of(doc, "$defs", "step", "properties", "recover", "oneOf", 1, "properties")
	closing := doc["$defs"].(map[string]any)["step"].(map[string]any)["properties"].(map[string]any)["close_accounts"].(map[string]any)["oneOf"].([]any)[1].(map[string]any)["properties"].(map[string]any)
	inbound := doc["$defs"].(map[string]any)["step"].(map[string]any)["properties"].(map[string]any)["inbound"].(map[string]any)["oneOf"].([]any)[1].(map[string]any)["properties"].(map[string]any)
	require.Equal(t, map[string][]string{
		"inbound":                slices.Sorted(maps.Keys(inbound)),
		"the scenario":           keys("properties"),
		"raft":                   keys("properties", "raft", "properties"),
		"network":                keys("properties", "network", "properties"),
		"background":             keys("properties", "background", "properties"),
		"a number":               keys("properties", "numbers", "additionalProperties", "properties"),
		"storage":                keys("$defs", "storage", "properties"),
		"an array":               keys("$defs", "storage", "properties", "arrays", "additionalProperties", "properties"),
		"mail":                   keys("$defs", "mail", "properties"),
		"external":               keys("$defs", "external", "properties"),
		"hooks":                  keys("$defs", "external", "properties", "hooks", "properties"),
		"a hook":                 slices.Sorted(maps.Keys(hook)),
		"workload":               keys("$defs", "workload", "properties"),
		"expect":                 keys("$defs", "expect", "properties"),
		"a step":                 step(),
		"a step of the playbook": keys("$defs", "play", "properties"),
		"wait":                   keys("$defs", "play", "properties", "wait", "properties"),
		"a stop condition":       stop,
		"replace":                step("replace", "properties"),
		"recover":                recovering,
		"on":                     step("on", "properties"),
		"counters":               keys("$defs", "storage", "properties", "arrays", "additionalProperties", "properties", "counters", "properties"),
		"link":                   step("link", "properties"),
		"crash":                  step("crash", "properties"),
		"tell":                   step("tell", "properties"),
		"copy":                   step("copy", "properties"),
		"restore":                step("restore", "properties"),
		"reopen":                 step("reopen", "properties"),
		"leap":                   step("leap", "properties"),
		"close_accounts":         slices.Sorted(maps.Keys(closing)),
	}, parser)
}

// TestPublishedSchemaIsTheSame holds the file that scenarios point their editors
// at to the one in the program.
func TestPublishedSchemaIsTheSame(t *testing.T) {
	published, err := os.ReadFile("../../scenarios/schema/scenario.json")
	require.NoError(t, err)
	require.Equal(t, string(Schema()), string(published), "cp harness/scenario/schema.json scenarios/schema/scenario.json")
}
