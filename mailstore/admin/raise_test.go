package admin

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fourdays/mailstore/store"
)

// TestUIDValiditiesAreRaisedOnRequest, by a bounded amount, and not when there are
// none left.
func TestUIDValiditiesAreRaisedOnRequest(t *testing.T) {
	s := new(scripted)
	server := serve(t, s)
	code, text := call(t, server, http.MethodPost, "/raise", `{"by":1000}`)
	require.Equal(t, http.StatusOK, code, text)
	require.JSONEq(t, `{"raised":1000}`, text)
	require.EqualValues(t, 1000, s.raised)
	for _, body := range []string{"", "{}", `{"by":0}`, `{"by":-1}`, `{"by":2097153}`, `{"by":1,"to":2}`} {
		code, text := call(t, server, http.MethodPost, "/raise", body)
		require.Equal(t, http.StatusBadRequest, code, body+text)
	}
	code, _ = call(t, serve(t, &scripted{fail: store.ErrExhausted}), http.MethodPost, "/raise", `{"by":1}`)
	require.Equal(t, http.StatusConflict, code)
}

// FuzzRaise feeds the parser anything: what it takes is within bounds.
func FuzzRaise(f *testing.F) {
	for _, body := range []string{"", `{"by":7}`, `{"by":99999999999}`, "null"} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		if by, err := parseRaise(strings.NewReader(body)); err == nil {
			require.Positive(t, by)
			require.LessOrEqual(t, by, uint64(maxJump))
		}
	})
}
