package bug_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"fourdays/storage/bug"
)

// FuzzParse shows that no text makes Parse panic, that all its errors have a
// place, and that what it takes prints as what it takes again to the same value.
func FuzzParse(f *testing.F) {
	for _, text := range examples() {
		f.Add([]byte(text))
	}
	f.Add([]byte("a: &a [*a, *a]"))
	f.Fuzz(func(t *testing.T, text []byte) {
		b, err := bug.Parse("f.yaml", text)
		if err != nil {
			var at *bug.Error
			require.True(t, errors.As(err, &at))
			require.Positive(t, at.Line)
			require.Positive(t, at.Col)
			return
		}
		require.NoError(t, b.Check())
		again, err := bug.Parse("f.yaml", bug.Print(b))
		require.NoError(t, err, "%s", bug.Print(b))
		require.Equal(t, b, again)
	})
}
