package imap

import (
	"context"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	goimap "github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/stretchr/testify/require"

	"fourdays/mailstore/mail"
	"fourdays/mailstore/store"
	"fourdays/storage/replica"
)

const (
	anna  = "anna@libero.example"
	bruno = "bruno@libero.example"
)

// troubled is a replica that can be told to fail.
type troubled struct {
	replica *replica.Replica
	mu      sync.Mutex
	doFail  error
	refuse  error // of reads
	alter   func(key, value []byte) []byte
}

func (r *troubled) set(do, read error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.doFail, r.refuse = do, read
}

func (r *troubled) failures() (do, read error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.doFail, r.refuse
}

func (r *troubled) Do(ctx context.Context, key string, cmd []byte) ([]byte, error) {
	if err, _ := r.failures(); err != nil {
		return nil, err
	}
	return r.replica.Do(ctx, key, cmd)
}

func (r *troubled) Read(ctx context.Context, fn func(store.View) error) error {
	if _, err := r.failures(); err != nil {
		return err
	}
	return r.replica.Read(ctx, func(v store.View) error { return fn(altered{v, r.alter}) })
}

func (r *troubled) Local(fn func(store.View) error) error { return r.replica.Local(fn) }
func (r *troubled) Status() replica.Status                { return r.replica.Status() }
func (r *troubled) Detect(what string)                    { r.replica.Detect(what) }

// altered is a view through which storage shows other values than it took.
type altered struct {
	view  store.View
	alter func(key, value []byte) []byte
}

func (a altered) Get(key []byte) ([]byte, error) {
	value, err := a.view.Get(key)
	if err == nil && a.alter != nil {
		value = a.alter(key, value)
	}
	return value, err
}

func (a altered) Scan(prefix, from []byte, fn func(key, value []byte) bool) error {
	return a.view.Scan(prefix, from, fn)
}

// world is one node with anna's and bruno's accounts.
type world struct {
	t       *testing.T
	store   *store.Store
	replica *troubled
	addr    string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	peers, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	r, err := replica.Start(replica.Config{
		ID: "n1", Dir: t.TempDir(), Peers: []replica.Peer{{ID: "n1", Addr: peers.Addr().String()}},
		Listener: peers, Dial: (&net.Dialer{}).DialContext, Fsync: (*os.File).Sync,
		Timeout: 50 * time.Millisecond, Watchdog: 10 * time.Second, Machine: new(store.Machine),
	})
	require.NoError(t, err)
	t.Cleanup(func() { _ = r.Close() })
	w := &world{t: t, replica: &troubled{replica: r}}
	w.store = store.New(w.replica, store.Options{Node: "n1", Timeout: 10 * time.Second, MaxMessage: 6 << 20})
	accounts := []mail.NewAccount{
		{Address: anna, Password: mail.HashPassword(anna, "pw-"+anna)},
		{Address: bruno, Password: mail.HashPassword(bruno, "pw-"+bruno)},
	}
	_, err = w.store.CreateAccounts(t.Context(), accounts)
	require.NoError(t, err)

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := New(w.store, io.Discard)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	w.addr = listener.Addr().String()
	return w
}

// heard is what a client was told without having asked.
type heard struct {
	mu      sync.Mutex
	expunge []uint32
	exists  []uint32
	flags   chan *imapclient.FetchMessageBuffer
}

func (h *heard) options() *imapclient.Options {
	return &imapclient.Options{UnilateralDataHandler: &imapclient.UnilateralDataHandler{
		Expunge: func(seq uint32) {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.expunge = append(h.expunge, seq)
		},
		Mailbox: func(data *imapclient.UnilateralDataMailbox) {
			h.mu.Lock()
			defer h.mu.Unlock()
			if data.NumMessages != nil {
				h.exists = append(h.exists, *data.NumMessages)
			}
		},
		Fetch: func(m *imapclient.FetchMessageData) {
			if data, err := m.Collect(); err == nil {
				h.flags <- data
			}
		},
	}}
}

// take returns what was heard of numbers since the last take.
func (h *heard) take() (expunge, exists []uint32) {
	h.mu.Lock()
	defer h.mu.Unlock()
	expunge, exists = h.expunge, h.exists
	h.expunge, h.exists = nil, nil
	return expunge, exists
}

func (w *world) dial() (*imapclient.Client, *heard) {
	w.t.Helper()
	h := &heard{flags: make(chan *imapclient.FetchMessageBuffer, 100)}
	c, err := imapclient.DialInsecure(w.addr, h.options())
	require.NoError(w.t, err)
	w.t.Cleanup(func() { _ = c.Close() })
	return c, h
}

// login returns a client of anna's with a mailbox selected.
func (w *world) login(mailbox string) (*imapclient.Client, *heard) {
	w.t.Helper()
	c, h := w.dial()
	require.NoError(w.t, c.Login(anna, "pw-"+anna).Wait())
	_, err := c.Select(mailbox, nil).Wait()
	require.NoError(w.t, err)
	h.take()
	return c, h
}

func (w *world) deliver(body string) {
	w.t.Helper()
	results, err := w.store.Deliver(w.t.Context(), []string{anna}, time.Now(), []byte(body))
	require.NoError(w.t, err)
	require.Equal(w.t, []error{nil}, results)
}

// refused requires a tagged answer with a code.
func refused(t *testing.T, err error, code goimap.ResponseCode) {
	t.Helper()
	var imapErr *goimap.Error
	require.ErrorAs(t, err, &imapErr)
	require.Equal(t, goimap.StatusResponseTypeNo, imapErr.Type, "%v", err)
	require.Equal(t, code, imapErr.Code, "%v", err)
}

func appendTo(c *imapclient.Client, mailbox, body string, options *goimap.AppendOptions) (*goimap.AppendData, error) {
	cmd := c.Append(mailbox, int64(len(body)), options)
	if _, err := io.WriteString(cmd, body); err != nil {
		return nil, err
	}
	if err := cmd.Close(); err != nil {
		return nil, err
	}
	return cmd.Wait()
}

var wholeBody = &goimap.FetchItemBodySection{Peek: true}

func uidSet(uids ...goimap.UID) goimap.UIDSet { return goimap.UIDSetNum(uids...) }
