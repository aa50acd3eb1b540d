package store

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sort"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"fourdays/mailstore/mail"
	"fourdays/storage/replica"
)

// fake is a replica of one node in memory. It keeps the replica's limits.
type fake struct {
	mu       sync.Mutex
	machine  *Machine
	data     map[string][]byte
	replies  map[string][]byte
	log      [][]byte
	detected []string
	fail     error // what Do and Read answer
}

func newFake() *fake {
	return &fake{machine: new(Machine), data: map[string][]byte{}, replies: map[string][]byte{}}
}

func (f *fake) Do(_ context.Context, key string, cmd []byte) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fail != nil {
		return nil, f.fail
	}
	if reply, done := f.replies[key]; done {
		return reply, nil
	}
	if len(cmd) > replica.MaxCommand {
		return nil, errors.New("command is too large")
	}
	tx := &fakeTx{fake: f}
	reply, err := f.machine.apply(tx, bytes.Clone(cmd))
	if err == nil && (tx.keys > replica.MaxKeys || tx.bytes > replica.MaxWrites || len(reply) > replica.MaxReply) {
		err = errors.New("the command writes too much")
	}
	if err != nil {
		return nil, err
	}
	f.log = append(f.log, bytes.Clone(cmd))
	f.replies[key] = reply
	return reply, nil
}

func (f *fake) Read(_ context.Context, fn func(View) error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fail != nil {
		return f.fail
	}
	return fn(fakeView{f})
}

func (f *fake) Local(fn func(View) error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return fn(fakeView{f})
}

func (f *fake) Status() replica.Status { return replica.Status{} }

func (f *fake) Detect(what string) { f.detected = append(f.detected, what) }

type fakeView struct{ *fake }

func (v fakeView) Get(key []byte) ([]byte, error) {
	value, found := v.data[string(key)]
	if !found {
		return nil, replica.ErrNotFound
	}
	return bytes.Clone(value), nil
}

func (v fakeView) Scan(prefix, from []byte, fn func(key, value []byte) bool) error {
	for _, key := range v.keys() {
		if strings.HasPrefix(key, string(prefix)) && key >= string(from) && !fn([]byte(key), v.data[key]) {
			return nil
		}
	}
	return nil
}

func (f *fake) keys() []string {
	keys := make([]string, 0, len(f.data))
	for key := range f.data {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return keys
}

type fakeTx struct {
	*fake
	keys, bytes int
}

func (t *fakeTx) Get(key []byte) ([]byte, error) { return fakeView{t.fake}.Get(key) }

func (t *fakeTx) Scan(prefix, from []byte, fn func(key, value []byte) bool) error {
	return fakeView{t.fake}.Scan(prefix, from, fn)
}

func (t *fakeTx) Set(key, value []byte) error {
	t.keys++
	t.bytes += len(key) + len(value) + 40
	t.data[string(key)] = bytes.Clone(value)
	return nil
}

func (t *fakeTx) Delete(key []byte) error {
	t.keys++
	t.bytes += len(key) + 40
	delete(t.data, string(key))
	return nil
}

// count says how many records of a kind there are.
func (f *fake) count(kind byte) int {
	keys := f.keys()
	return len(slices.DeleteFunc(keys, func(key string) bool { return key[0] != kind }))
}

const (
	anna  = "anna@libero.example"
	bruno = "bruno@virgilio.example"
)

// newStore returns a store with anna's and bruno's accounts.
func newStore(t *testing.T) (*Store, *fake) {
	t.Helper()
	f := newFake()
	s := New(f, Options{Node: "n1", Timeout: testTimeout, MaxMessage: 8 << 20})
	made, err := s.CreateAccounts(t.Context(), []mail.NewAccount{
		{Address: anna, Password: mail.HashPassword(anna, "pw-"+anna)},
		{Address: bruno, Password: mail.HashPassword(bruno, "pw-"+bruno)},
	})
	require.NoError(t, err)
	require.Equal(t, 2, made)
	return s, f
}
