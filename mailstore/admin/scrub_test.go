package admin

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"fourdays/storage/replica"
)

// TestAScrubAnswersItsCounters, or why there are none.
func TestAScrubAnswersItsCounters(t *testing.T) {
	server := serve(t, new(scripted))
	for _, body := range []string{"", "{}"} {
		code, text := call(t, server, http.MethodPost, "/scrub", body)
		require.Equal(t, http.StatusOK, code, text)
		require.JSONEq(t, `{"records":9,"bytes":900,"damaged":3,"repaired":2,"unrepaired":1}`, text)
	}
	for _, body := range []string{`{"rate":1}`, "now", "{}{}"} {
		code, text := call(t, server, http.MethodPost, "/scrub", body)
		require.Equal(t, http.StatusBadRequest, code, text)
	}
	code, _ := call(t, server, http.MethodGet, "/scrub", "")
	require.Equal(t, http.StatusMethodNotAllowed, code)

	server = serve(t, &scripted{fail: replica.ErrFenced})
	code, text := call(t, server, http.MethodPost, "/scrub", "")
	require.Equal(t, http.StatusServiceUnavailable, code)
	require.Contains(t, text, "fenced")
}
