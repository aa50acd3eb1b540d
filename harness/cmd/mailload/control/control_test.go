package control

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fourdays/harness/hist"
)

func TestRequestsComeBackAsTheyWere(t *testing.T) {
	one := &hist.Op{ID: 3, Kind: hist.Read, Node: "n1", Account: "a@b.c", Mailbox: "INBOX", Bodies: true, IntendedUS: 9}
	d1 := &hist.Op{ID: 4, Kind: hist.Deliver, By: "exim/1", Node: "n1", Account: "a@b.c", Message: "d1", Size: 900, Try: 2}
	d2 := *d1
	d2.ID, d2.Account = 5, "b@b.c"
	for _, group := range [][]*hist.Op{{one}, {d1}, {d1, &d2}} {
		line, err := Encode(group)
		require.NoError(t, err)
		require.Equal(t, 1, strings.Count(string(line), "\n"))
		got, err := Decode(line)
		require.NoError(t, err)
		require.Equal(t, group, got)
	}
}

func TestAGroupIsOneTransaction(t *testing.T) {
	d := hist.Op{Kind: hist.Deliver, Node: "n1", Account: "a@b.c", Message: "d1"}
	same, other, read := d, d, d
	other.Account, other.Message = "b@b.c", "d2"
	read.Account, read.Kind = "b@b.c", hist.Read
	for name, group := range map[string][]*hist.Op{
		"the same recipient twice": {&d, &same}, "two messages": {&d, &other}, "a read": {&d, &read},
		"nothing": {}, "nil": {nil}, "a crowd": make([]*hist.Op, MaxGroup+1), "a bounce": {{Kind: hist.Bounce}},
	} {
		_, err := Encode(group)
		require.Error(t, err, name)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"id":1,"kind":"list","node":"n1"}`))
	f.Add([]byte(`{"group":[{"kind":"deliver","account":"a"},{"kind":"deliver","account":"b"}]}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		group, err := Decode(line)
		if err != nil {
			return
		}
		again, err := Encode(group)
		require.NoError(t, err)
		got, err := Decode(again)
		require.NoError(t, err)
		require.Equal(t, len(group), len(got))
		for i := range got {
			require.Equal(t, group[i].ID, got[i].ID)
		}
	})
}
