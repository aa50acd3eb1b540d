package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fourdays/mailstore/mail"
	"fourdays/mailstore/store"
	"fourdays/storage/replica"
)

// scripted is a store that answers as a test tells it to.
type scripted struct {
	fail   error
	hang   chan struct{}
	made   []mail.NewAccount
	closed map[string]bool
	all    bool

	ordered replica.Replacement
	raised  uint64
}

func (s *scripted) Raise(_ context.Context, jump uint64) error {
	s.raised += jump
	return s.fail
}

func (s *scripted) CreateAccounts(_ context.Context, accounts []mail.NewAccount) (int, error) {
	s.made = accounts
	return len(accounts) - 1, s.fail
}

func (s *scripted) SetClosed(_ context.Context, closed, all bool, accounts []string) (int, []string, error) {
	s.closed, s.all = map[string]bool{}, all
	for _, a := range accounts {
		s.closed[a] = closed
	}
	return len(accounts), nil, s.fail
}

func (s *scripted) Accounts() ([]string, error) { return []string{"anna@libero.example"}, s.wait() }

func (s *scripted) Digests() (map[string]string, error) {
	return map[string]string{"anna@libero.example/INBOX": "d1"}, s.wait()
}

func (s *scripted) Audit(account string) ([]store.AuditedMailbox, error) {
	if account != "anna@libero.example" {
		return nil, store.ErrNoAccount
	}
	item := store.Item{UID: 7, Message: mail.Message{ModSeq: 9, Date: 1674388800, Size: 3, Digest: mail.Digest{1}, Flags: mail.Flags{System: mail.Seen}}}
	return []store.AuditedMailbox{{
		NamedMailbox: store.NamedMailbox{Name: "INBOX", Mailbox: mail.Mailbox{UIDValidity: 1, UIDNext: 8, ModSeq: 9}},
		Messages:     []store.AuditedMessage{{Item: item, Found: mail.Digest{2}, Damage: "altered"}},
	}}, s.wait()
}

func (s *scripted) wait() error {
	if s.hang != nil {
		<-s.hang
	}
	return s.fail
}

func (s *scripted) Status() replica.Status {
	return replica.Status{ID: "n1", Role: "fenced", Fenced: true, Reason: "less than promised", Detected: []string{"rot"}}
}

func (s *scripted) Replace(_ context.Context, q replica.Replacement) (replica.Progress, error) {
	s.ordered = q
	return replica.Progress{Phase: replica.PhaseCatchingUp, Behind: 7}, s.fail
}

func (s *scripted) Scrub(context.Context) (replica.Scrubbed, error) {
	return replica.Scrubbed{Records: 9, Bytes: 900, Damaged: 3, Repaired: 2, Unrepaired: 1}, s.fail
}

func serve(t *testing.T, s *scripted) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(New(s, s, []string{"libero.example"}, 50*time.Millisecond, io.Discard).http.Handler)
	t.Cleanup(server.Close)
	return server
}

func call(t *testing.T, server *httptest.Server, method, path, body string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, strings.NewReader(body))
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, strings.TrimSpace(string(text))
}

func TestHealthAnswersWhileStorageHangs(t *testing.T) {
	s := &scripted{hang: make(chan struct{})}
	defer close(s.hang)
	server := serve(t, s)
	code, text := call(t, server, "GET", "/digests", "")
	require.Equal(t, http.StatusServiceUnavailable, code)
	require.Contains(t, text, "does not answer")
	code, text = call(t, server, "GET", "/health", "")
	require.Equal(t, http.StatusOK, code)
	require.JSONEq(t, `{"id":"n1","role":"fenced","leader":"","fenced":true,"reason":"less than promised","unavailable":"","detected":1}`, text)
	_, text = call(t, server, "GET", "/detected", "")
	require.JSONEq(t, `["rot"]`, text)
	_, text = call(t, server, "GET", "/raft", "")
	require.Contains(t, text, `"commit"`)
}

func TestAuditShowsWhatIsStored(t *testing.T) {
	server := serve(t, &scripted{})
	_, text := call(t, server, "GET", "/audit?account=Anna@libero.example", "")
	require.JSONEq(t, `{"mailboxes":[{"mailbox":"INBOX","view":{"uidvalidity":1,"uidnext":8,"exists":1,"modseq":9,"messages":[
		{"seq":1,"uid":7,"flags":["\\Seen"],"internaldate":1674388800,"size":3,"modseq":9,"damage":"altered",
		"digest":"02`+strings.Repeat("0", 62)+`","stored":"01`+strings.Repeat("0", 62)+`"}]}}]}`, text)
	_, text = call(t, server, "GET", "/audit", "")
	require.JSONEq(t, `{"accounts":["anna@libero.example"]}`, text)
	code, _ := call(t, server, "GET", "/audit?account=no@libero.example", "")
	require.Equal(t, http.StatusNotFound, code)
	_, text = call(t, server, "GET", "/digests", "")
	require.JSONEq(t, `{"anna@libero.example/INBOX":"d1"}`, text)
}

func TestAccountsAreMadeAndClosed(t *testing.T) {
	s := &scripted{}
	server := serve(t, s)
	_, text := call(t, server, "POST", "/accounts", `{"create":[{"address":"Anna@Libero.example"},{"address":"b@libero.example","password":"x"}]}`)
	require.JSONEq(t, `{"created":1,"existing":1}`, text)
	require.Equal(t, mail.HashPassword("anna@libero.example", "pw-anna@libero.example"), s.made[0].Password)
	require.Equal(t, mail.HashPassword("b@libero.example", "x"), s.made[1].Password)
	_, text = call(t, server, "POST", "/accounts/close", `{"accounts":["A@libero.example"]}`)
	require.JSONEq(t, `{"done":1,"missing":[]}`, text)
	require.Equal(t, map[string]bool{"a@libero.example": true}, s.closed)
	_, _ = call(t, server, "POST", "/accounts/open", `{"all":true}`)
	require.True(t, s.all)
}

func TestBadRequestsSayWhatIsWrong(t *testing.T) {
	server := serve(t, &scripted{})
	for body, want := range map[string]string{
		``:                                       "EOF",
		`{"creat":[]}`:                           "unknown field",
		`{"create":[]}`:                          "0 accounts",
		`{"create":[{"address":"x"}]}`:           `create[0]: \"x\"`,
		`{"create":[{"address":"a@other.org"}]}`: "not served",
		`{"create":[{"address":"a@libero.example"}]} {}`: "follows",
		`[]`: "cannot unmarshal",
		`{"create":"` + strings.Repeat("x", maxBody) + `"}`: "longer than",
	} {
		code, text := call(t, server, "POST", "/accounts", body)
		require.Equal(t, http.StatusBadRequest, code, text)
		require.Contains(t, text, want)
	}
	for _, body := range []string{`{}`, `{"all":true,"accounts":["a@b"]}`, `{"accounts":["x"]}`} {
		code, _ := call(t, server, "POST", "/accounts/close", body)
		require.Equal(t, http.StatusBadRequest, code)
	}
	code, _ := call(t, server, "GET", "/nothing", "")
	require.Equal(t, http.StatusNotFound, code)
	code, _ = call(t, server, "DELETE", "/accounts", "")
	require.Equal(t, http.StatusMethodNotAllowed, code)
}

func TestUnknownOutcomeIsNotAnswered(t *testing.T) {
	s := &scripted{fail: store.ErrUnavailable}
	server := serve(t, s)
	code, _ := call(t, server, "POST", "/accounts/open", `{"all":true}`)
	require.Equal(t, http.StatusServiceUnavailable, code)
	s.fail = errors.Join(store.ErrUnknown, store.ErrUnavailable)
	_, err := http.Post(server.URL+"/accounts/open", "application/json", strings.NewReader(`{"all":true}`))
	require.ErrorIs(t, err, io.EOF)
}

func FuzzRequests(f *testing.F) {
	f.Add([]byte(`{"create":[{"address":"a@libero.example","password":"x"}]}`))
	f.Add([]byte(`{"accounts":["a@libero.example"],"all":false}`))
	f.Add([]byte(`{"all":true}`))
	face := &face{domains: []string{"libero.example"}}
	f.Fuzz(func(t *testing.T, body []byte) {
		accounts, err := face.parseCreate(bytes.NewReader(body))
		for _, a := range accounts {
			again, err := mail.Address(a.Address)
			require.NoError(t, err)
			require.Equal(t, a.Address, again)
		}
		require.Equal(t, err == nil, len(accounts) > 0)
		if c, err := parseChoice(bytes.NewReader(body)); err == nil {
			again, _ := json.Marshal(c)
			same, err := parseChoice(bytes.NewReader(again))
			require.NoError(t, err)
			require.Equal(t, c, same)
		}
	})
}
