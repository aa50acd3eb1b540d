package scenario

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fourdays/harness/background"
)

func withBackground(t testing.TB, text string) []byte {
	t.Helper()
	return []byte(strings.Replace(string(read(t, "testdata/example.yaml")), "\ntimeline:", "\nbackground: "+text+"\ntimeline:", 1))
}

// TestBackgroundIsRead holds the defaults, and that what is printed parses back.
func TestBackgroundIsRead(t *testing.T) {
	require.Nil(t, mustParse(t, read(t, "testdata/example.yaml")).Background)
	for text, want := range map[string]Background{
		"{profile: nearline-field, drives: 36, accelerate: 100}": {"nearline-field", 36, 100},
		"{profile: flash-field, drives: 1}":                      {"flash-field", 1, 1},
		"{profile: flash-field, drives: 1, accelerate: 0.25}":    {"flash-field", 1, 0.25},
	} {
		s := mustParse(t, withBackground(t, text))
		require.Equal(t, &want, s.Background)
		require.Equal(t, s, mustParse(t, Print(s)))
		require.NoError(t, compiled(t).Validate(asJSON(t, Print(s))))
	}
}

// TestBackgroundIsOfTheFilesArrays: an array that says how many drives it has
// keeps them, and the small devices have none.
func TestBackgroundIsOfTheFilesArrays(t *testing.T) {
	text := strings.Replace(string(withBackground(t, "{profile: nearline-field, drives: 36}")), "{os: other/9.4}", "{os: other/9.4, drives: 8}", 1)
	require.Equal(t, background.Fleet{Arrays: []background.Array{
		{Name: "east", Drives: 36, Volumes: []string{"n1"}}, {Name: "west", Drives: 36, Volumes: []string{"n2"}}, {Name: "north", Drives: 8, Volumes: []string{"n3"}},
	}}, mustParse(t, []byte(text)).Fleet())
}

func TestWrongBackgroundIsRefused(t *testing.T) {
	for text, want := range map[string]string{
		"nearline-field":                                               "background is the text",
		"{drives: 36}":                                                 `background has no "profile"; add profile: …`,
		"{profile: nearline, drives: 36}":                              `found the text "nearline"; want one of enterprise-field, flash-field, nearline-field`,
		"{profile: nearline-field}":                                    "the background does not say how many drives array east has; add drives: 36",
		"{profile: nearline-field, drives: 0}":                         "want a whole number from 1 to 1000",
		"{profile: nearline-field, drives: 36, accelerate: 0}":         "found 0; want a number above 0",
		"{profile: nearline-field, drives: 36, accelerate: fast}":      `found the text "fast"; want a number above 0`,
		"{profile: nearline-field, drives: 36, acelerate: 2}":          `unknown key "acelerate" in background; did you mean "accelerate"?`,
		"{profile: nearline-field, drives: 36, accelerate: 100000000}": "blocks are damaged in 3m, and a run can have 100000; accelerate less, or end sooner",
	} {
		_, err := Parse("test.yaml", withBackground(t, text))
		require.ErrorContains(t, err, want, text)
		require.Contains(t, err.Error(), fmt.Sprintf("test.yaml:%d:", 26), text)
	}
}

// TestEveryProfileIsInTheSchema: editors know the same names.
func TestEveryProfileIsInTheSchema(t *testing.T) {
	for _, name := range background.Names() {
		require.Contains(t, string(Schema()), `"`+name+`"`)
	}
}
