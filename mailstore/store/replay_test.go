package store

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"sort"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"fourdays/mailstore/mail"
	"fourdays/storage/replica"
)

// overlay is a transaction over a map: what it writes shows in the map only
// after commit.
type overlay struct {
	base  map[string][]byte
	write map[string][]byte // nil: deleted
}

func (o *overlay) Get(key []byte) ([]byte, error) {
	value, written := o.write[string(key)]
	if !written {
		value = o.base[string(key)]
	}
	if value == nil {
		return nil, replica.ErrNotFound
	}
	return value, nil
}

func (o *overlay) Scan(prefix, from []byte, fn func(key, value []byte) bool) error {
	var keys []string
	for _, m := range []map[string][]byte{o.base, o.write} {
		for key := range m {
			keys = append(keys, key)
		}
	}
	sort.Strings(keys)
	for i, key := range keys {
		value, err := o.Get([]byte(key))
		if i > 0 && key == keys[i-1] || err != nil || key < string(from) || !strings.HasPrefix(key, string(prefix)) {
			continue
		}
		if !fn([]byte(key), value) {
			return nil
		}
	}
	return nil
}

func (o *overlay) Set(key, value []byte) error {
	o.write[string(key)] = append([]byte{}, value...)
	return nil
}

func (o *overlay) Delete(key []byte) error {
	o.write[string(key)] = nil
	return nil
}

func (o *overlay) commit() {
	for key, value := range o.write {
		if value == nil {
			delete(o.base, key)
		} else {
			o.base[key] = value
		}
	}
	clear(o.write)
}

// replay applies commands to an empty state, committing after each batch.
func replay(t require.TestingT, commands [][]byte, batch func() int) (map[string][]byte, [][]byte) {
	o := &overlay{base: map[string][]byte{}, write: map[string][]byte{}}
	var replies [][]byte
	left := 0
	for _, command := range commands {
		if left == 0 {
			o.commit()
			left = batch()
		}
		reply, err := new(Machine).apply(o, command)
		require.NoError(t, err)
		replies = append(replies, reply)
		left--
	}
	o.commit()
	return o.base, replies
}

// randomCommands drives a store with all that it can do and returns the log.
func randomCommands(t *testing.T, seed uint64, steps int) [][]byte {
	s, f := newStore(t)
	rng := rand.New(rand.NewPCG(seed, 1))
	accounts := []string{anna, bruno}
	names := []string{mail.Inbox, "Old", "Old/2022", "Spam"}
	for range steps {
		account, name := accounts[rng.IntN(2)], names[rng.IntN(4)]
		contents, err := s.Open(t.Context(), account, name)
		if err != nil {
			_ = s.CreateMailbox(t.Context(), account, name)
			continue
		}
		first := uint32(1 + rng.IntN(int(contents.UIDNext)))
		to := target(account, name, contents, mail.Range{First: first, Last: first + uint32(rng.IntN(3))})
		switch rng.IntN(9) {
		case 0, 1, 2:
			_, _ = s.Deliver(t.Context(), accounts[:1+rng.IntN(2)], noon, pattern(rng.IntN(3*chunkSize)))
		case 3:
			_, _ = s.Append(t.Context(), account, name, mail.Flags{}, noon, noon, pattern(rng.IntN(100)))
		case 4:
			_, _ = s.SetFlags(t.Context(), to, mail.FlagsOp(rng.IntN(3)), mail.Flags{System: byte(rng.IntN(32)), Keywords: []string{"k"}})
		case 5, 6:
			_, _ = s.Copy(t.Context(), to, names[rng.IntN(4)], rng.IntN(2) == 0)
		case 7:
			_, _ = s.Expunge(t.Context(), to)
		case 8:
			_ = s.DeleteMailbox(t.Context(), account, name)
		}
	}
	require.Empty(t, f.detected)
	return f.log
}

// TestBatchesDoNotShow is metamorphic: how many commands share a transaction is
// a replica's own business, and no replica may differ by it.
func TestBatchesDoNotShow(t *testing.T) {
	commands := randomCommands(t, 11, 150)
	state, replies := replay(t, commands, func() int { return 1 })
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.IntRange(1, len(commands))
		other, otherReplies := replay(t, commands, func() int { return size.Draw(t, "batch") })
		require.Equal(t, len(state), len(other))
		for key, value := range state {
			require.True(t, bytes.Equal(value, other[key]), "key %q", key)
		}
		require.Equal(t, replies, otherReplies)
	})
}

// TestNoIndexRecordPointsToNothing counts R2 and R4 over random histories:
// each body is there, and has as many references as messages point to it.
func TestNoIndexRecordPointsToNothing(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			state, _ := replay(t, randomCommands(t, seed, 200), func() int { return 7 })
			o := &overlay{base: state, write: map[string][]byte{}}
			refs := map[uint64]uint32{}
			for key, value := range state {
				if key[0] != messageKey {
					continue
				}
				m, err := mail.DecodeMessage(value)
				require.NoError(t, err)
				body, err := readBody(o, &m)
				require.NoError(t, err)
				require.NoError(t, checkBody(&m, body))
				refs[m.Body]++
			}
			for key, value := range state {
				if key[0] == bodyKey {
					record, err := mail.DecodeBody(value)
					require.NoError(t, err)
					require.Equal(t, refs[decodeCounter([]byte(key[1:]))], record.Refs)
				}
			}
		})
	}
}
