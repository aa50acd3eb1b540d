package bug_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"fourdays/storage/bug"
)

func compiled(t testing.TB) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(bug.Schema()))
	require.NoError(t, err)
	c := jsonschema.NewCompiler()
	require.NoError(t, c.AddResource("bug.json", doc))
	s, err := c.Compile("bug.json")
	require.NoError(t, err)
	return s
}

// asJSON is what an editor's schema checker sees of a YAML file.
func asJSON(t testing.TB, text []byte) any {
	t.Helper()
	var v any
	require.NoError(t, yaml.Unmarshal(text, &v))
	raw, err := json.Marshal(finite(v))
	require.NoError(t, err)
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	require.NoError(t, err)
	return doc
}

// finite replaces what YAML can say and JSON cannot.
func finite(v any) any {
	switch v := v.(type) {
	case float64:
		if math.IsInf(v, 0) || math.IsNaN(v) {
			return fmt.Sprint(v)
		}
	case []any:
		for i := range v {
			v[i] = finite(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = finite(v[k])
		}
	}
	return v
}

// TestSchemaTakesWhatParses holds it to every example and every shipped bug, as
// written and as printed.
func TestSchemaTakesWhatParses(t *testing.T) {
	s := compiled(t)
	all := examples()
	files, err := filepath.Glob("../catalog/bugs/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		all[file] = string(text)
	}
	for name, text := range all {
		b, err := bug.Parse(name, []byte(text))
		require.NoError(t, err)
		for _, form := range [][]byte{[]byte(text), bug.Print(b)} {
			require.NoError(t, s.Validate(asJSON(t, form)), "%s: %s", name, form)
		}
	}
}

// TestWrittenSchemaIsTheSame holds the file that editors are pointed at to the
// one in the program.
func TestWrittenSchemaIsTheSame(t *testing.T) {
	if *rewrite {
		require.NoError(t, os.WriteFile("schema.json", bug.Schema(), 0o644))
	}
	written, err := os.ReadFile("schema.json")
	require.NoError(t, err)
	require.Equal(t, string(bug.Schema()), string(written), "go test ./storage/bug -rewrite")
}
