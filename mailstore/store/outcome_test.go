package store

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"fourdays/mailstore/mail"
	"fourdays/storage/replica"
)

// after is a replica that answers some commands and then fails.
type after struct {
	*fake
	left int
	err  error
}

func (a *after) Do(ctx context.Context, key string, cmd []byte) ([]byte, error) {
	if a.left--; a.left < 0 {
		return nil, a.err
	}
	return a.fake.Do(ctx, key, cmd)
}

// TestHalfDoneIsUnknown flags more messages than one command takes, and the
// storage goes away in between: "nothing was done" would be a lie.
func TestHalfDoneIsUnknown(t *testing.T) {
	s, f := newStore(t)
	for range 1000 {
		deliver(t, s, []byte("x"), anna)
	}
	all := target(anna, mail.Inbox, open(t, s, anna, mail.Inbox), allUIDs...)
	s.replica = &after{f, 1, ErrUnavailable}
	_, err := s.SetFlags(t.Context(), all, mail.AddFlags, mail.Flags{System: mail.Seen})
	require.ErrorIs(t, err, ErrUnknown)
	s.replica = &after{f, 0, ErrUnavailable}
	_, err = s.SetFlags(t.Context(), all, mail.AddFlags, mail.Flags{System: mail.Seen})
	require.ErrorIs(t, err, ErrUnavailable)
	require.False(t, errors.Is(err, ErrUnknown))
}

// TestOutcomesAreTakenAtTheirWord shows which errors of the replica are
// definite; all that it does not vouch for is unknown.
func TestOutcomesAreTakenAtTheirWord(t *testing.T) {
	for name, c := range map[string]struct{ err, want error }{
		"unavailable": {replica.ErrUnavailable, ErrUnavailable},
		"fenced":      {replica.ErrFenced, ErrUnavailable},
		"unknown":     {replica.ErrUnknown, ErrUnknown},
		"refused":     {&replica.Refusal{Why: "no"}, ErrTooMuch},
		"too large":   {replica.ErrTooLarge, ErrTooMuch},
		"out of time": {context.DeadlineExceeded, ErrUnknown},
		"anything":    {errors.New("odd"), ErrUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			s, f := newStore(t)
			f.fail = c.err
			_, err := s.Deliver(t.Context(), []string{anna}, noon, []byte("x"))
			require.ErrorIs(t, err, c.want)
			require.Equal(t, c.want == ErrUnknown, errors.Is(err, ErrUnknown))
		})
	}
}

// TestGuessIsReportedAsSuccess is the deliberate defect: a replica told to
// guess answers nothing, and the mail store calls that done.
func TestGuessIsReportedAsSuccess(t *testing.T) {
	s, f := newStore(t)
	s.replica = &after{fake: f}
	results, err := s.Deliver(t.Context(), []string{anna, bruno}, noon, []byte("x"))
	require.NoError(t, err)
	require.Equal(t, []error{nil, nil}, results)
	where, err := s.Append(t.Context(), anna, mail.Inbox, mail.Flags{}, noon, noon, []byte("x"))
	require.NoError(t, err)
	require.Zero(t, where)
	require.Empty(t, open(t, s, anna, mail.Inbox).Items)
}

// TestRetriedCommandIsDoneOnce repeats what a node does when it does not hear
// the answer: the same command under the same key.
func TestRetriedCommandIsDoneOnce(t *testing.T) {
	s, f := newStore(t)
	deliver(t, s, []byte("x"), anna)
	before := len(f.log)
	for key := range f.replies {
		_, err := f.Do(t.Context(), key, f.log[len(f.log)-1])
		require.NoError(t, err)
	}
	require.Len(t, f.log, before)
	require.Len(t, open(t, s, anna, mail.Inbox).Items, 1)
	other := New(f, s.options)
	require.NotEqual(t, other.key(), New(f, s.options).key(), "no two runs of a node share keys")
}
