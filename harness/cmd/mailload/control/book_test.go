package control

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"fourdays/harness/hist"
)

func line(t *testing.T, op hist.Op) []byte {
	t.Helper()
	raw, err := json.Marshal(op)
	require.NoError(t, err)
	return raw
}

func TestABookPutsAnswersTogetherAgain(t *testing.T) {
	var b Book
	var pair, audit []*hist.Op
	d := hist.Op{ID: 1, Kind: hist.Deliver, Account: "a@b.c", Message: "d1"}
	e := d
	e.ID, e.Account = 2, "b@b.c"
	_, err := b.Ask([]*hist.Op{&d, &e}, func(ops []*hist.Op) { pair = ops })
	require.NoError(t, err)
	_, err = b.Ask([]*hist.Op{{ID: 3, Kind: hist.Audit}}, func(ops []*hist.Op) { audit = ops })
	require.NoError(t, err)
	_, err = b.Ask([]*hist.Op{{ID: 3, Kind: hist.List}}, nil)
	require.Error(t, err, "the ID is open")

	e.Outcome = hist.OK
	require.NoError(t, b.Answer(line(t, e)))
	require.NoError(t, b.Answer(line(t, hist.Op{ID: 3, Kind: hist.Audit, Mailbox: "INBOX"})))
	require.Nil(t, pair)
	require.NoError(t, b.Answer(line(t, d)))
	require.Len(t, pair, 2)
	require.Equal(t, hist.OK, pair[0].Outcome)
	require.Nil(t, audit)
	require.NoError(t, b.Answer(line(t, hist.Op{ID: 3, Kind: hist.Audit, Mailboxes: []string{"INBOX"}})))
	require.Len(t, audit, 2)
	require.Zero(t, b.Open())

	require.ErrorContains(t, b.Answer(line(t, d)), "nobody asked")
	require.ErrorContains(t, b.Answer([]byte(`{"error":"a line"}`)), "did not understand")
	require.Error(t, b.Answer([]byte("x")))
}

func TestAFailedBookEndsEveryQuestionOnce(t *testing.T) {
	var b Book
	var ended []int
	for i := range 3 {
		group := []*hist.Op{
			{ID: int64(10 - 2*i), Kind: hist.Deliver, Account: "a", Message: "m"},
			{ID: int64(11 - 2*i), Kind: hist.Deliver, Account: "b", Message: "m"},
		}
		_, err := b.Ask(group, func(ops []*hist.Op) { ended = append(ended, i*10+len(ops)) })
		require.NoError(t, err)
	}
	require.NoError(t, b.Answer(line(t, hist.Op{ID: 10, Kind: hist.Deliver})))
	b.Fail()
	require.Equal(t, []int{20, 10, 1}, ended)
	require.Zero(t, b.Open())
	b.Fail()
	require.Len(t, ended, 3)
}

func FuzzAnswer(f *testing.F) {
	f.Add([]byte(`{"id":1,"kind":"audit","mailbox":"INBOX"}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var b Book
		_, err := b.Ask([]*hist.Op{{ID: 1, Kind: hist.Audit}}, func([]*hist.Op) {})
		require.NoError(t, err)
		_ = b.Answer(raw) // no panic, whatever it is
		b.Fail()
	})
}
