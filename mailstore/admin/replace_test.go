package admin

import (
	"io"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fourdays/mailstore/store"
	"fourdays/storage/replica"
)

// TestReplacementSaysHowFarItIs gives a good order, and answers for what the
// replica came to: a refusal is final, the rest may be asked again.
func TestReplacementSaysHowFarItIs(t *testing.T) {
	s := &scripted{}
	server := serve(t, s)
	const order = `{"remove":"n2","add":"n2.2","address":"10.0.0.2:7001"}`
	code, text := call(t, server, "POST", "/replace", order)
	require.Equal(t, http.StatusOK, code)
	require.JSONEq(t, `{"phase":"catching-up","behind":7}`, text)
	require.Equal(t, replica.Replacement{Remove: "n2", Add: "n2.2", Address: "10.0.0.2:7001"}, s.ordered)

	s.fail = &replica.Refusal{Why: "n2 holds the last good copy"}
	code, text = call(t, server, "POST", "/replace", order)
	require.Equal(t, http.StatusConflict, code)
	require.JSONEq(t, `{"error":"n2 holds the last good copy"}`, text)

	s.fail = store.ErrUnavailable
	code, _ = call(t, server, "POST", "/replace", order)
	require.Equal(t, http.StatusServiceUnavailable, code)

	s.fail = store.ErrUnknown
	response, err := http.Post(server.URL+"/replace", "application/json", strings.NewReader(order))
	require.Error(t, err, "an unknown outcome drops the connection")
	if err == nil {
		_ = response.Body.Close()
	}
}

func TestBadReplacementsSayWhatIsWrong(t *testing.T) {
	server := serve(t, &scripted{})
	for body, want := range map[string]string{
		`{}`:                           `want \"remove\", \"add\" and \"address\"`,
		`{"remove":"n2","add":"n2.2"}`: "want",
		`{"remove":"n2","add":"n2","address":"10.0.0.2:7001"}`:                           "n2 cannot take its own place",
		`{"remove":"n2","add":"n2.2","address":"somewhere"}`:                             "is not IP:PORT",
		`{"remove":"n2","add":"n2.2","address":"10.0.0.2:7001","on":"north"}`:            "unknown field",
		`{"remove":"` + strings.Repeat("n", 300) + `","add":"a","address":"10.0.0.2:1"}`: "longer than",
	} {
		code, text := call(t, server, "POST", "/replace", body)
		require.Equal(t, http.StatusBadRequest, code, body)
		require.Contains(t, text, want, body)
	}
}

// FuzzReplacement feeds the parser anything: what it takes is complete.
func FuzzReplacement(f *testing.F) {
	for _, seed := range []string{
		`{"remove":"n2","add":"n2.2","address":"10.0.0.2:7001"}`, `{}`, `[]`, `{"remove":1}`,
		`{"remove":"n2","add":"n2.2","address":"[::1]:7001"} x`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		q, err := parseReplacement(io.LimitReader(strings.NewReader(body), maxBody))
		if err != nil {
			return
		}
		require.NoError(t, q.Check())
		_, err = netip.ParseAddrPort(q.Address)
		require.NoError(t, err)
	})
}
