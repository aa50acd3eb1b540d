package scenario

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestFormatNamesEveryKey reads FORMAT.md as an author would: every key that the
// parser takes is in it, as a word in code.
func TestFormatNamesEveryKey(t *testing.T) {
	text := string(read(t, "FORMAT.md"))
	for _, path := range []string{"testdata/everything.yaml", "testdata/external.yaml"} {
		_, _, err := parse("f", read(t, path), func(object string, keys []string) {
			for _, key := range keys {
				require.Regexp(t, "`[^`]*\\b"+key+"\\b[^`]*`", text, "%s of %s", key, object)
			}
		})
		require.NoError(t, err)
	}
	for _, word := range slices.Concat(HookVars(), UnsafeNames(), CountNames(), []string{MustSurvive, MayStop, LossDetected, Open, TempFail, Refuse, Unreachable, Ordered, Strict}) {
		require.Contains(t, text, word)
	}
}
