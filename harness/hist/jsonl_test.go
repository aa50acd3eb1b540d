package hist

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func full() *Op {
	return &Op{
		ID: 7, Kind: Read, By: "audit", Node: "n1", Account: "a@libero.example", Mailbox: "INBOX", To: "Work", Message: "k", Size: 300,
		UIDs: []uint32{1, 2}, Under: 7, FlagsOp: "+", Flags: []string{`\Seen`}, Method: "GET", Path: "/health", Try: 2, Bodies: true,
		TimeoutUS: 5, IntendedUS: 6, SentUS: 7, AnsweredUS: 8, Outcome: OK, Reply: "è \" <&>", Digest: "d",
		NewUIDs: []uint32{3}, UIDValidity: 4, Mailboxes: []string{"INBOX"}, Text: "{}",
		View: &View{UIDValidity: 1, UIDNext: 3, Exists: 1, ModSeq: 9, Messages: []Seen{
			{Seq: 1, UID: 2, Flags: []string{"x"}, InternalDate: 5, Size: 6, Message: "k", Digest: "d", ModSeq: 9, Stored: "d", Damage: "gone"},
		}},
	}
}

func write(t *testing.T, ops ...*Op) []byte {
	t.Helper()
	var out bytes.Buffer
	w := NewWriter(&out)
	for _, op := range ops {
		require.NoError(t, w.Write(op))
	}
	require.NoError(t, w.Close())
	return out.Bytes()
}

func read(raw []byte) ([]*Op, error) {
	var ops []*Op
	err := Scan(bytes.NewReader(raw), func(op *Op) error {
		ops = append(ops, op)
		return nil
	})
	return ops, err
}

// TestEveryFieldSurvives uses an operation with no empty field, which is
// checked too, so that a field added later cannot be forgotten.
func TestEveryFieldSurvives(t *testing.T) {
	op := full()
	op.N = 1
	for _, v := range []reflect.Value{reflect.ValueOf(*op), reflect.ValueOf(*op.View), reflect.ValueOf(op.View.Messages[0])} {
		for i := range v.NumField() {
			require.Falsef(t, v.Field(i).IsZero(), "%s is not tested", v.Type().Field(i).Name)
		}
	}
	got, err := read(write(t, op))
	require.NoError(t, err)
	require.Equal(t, []*Op{op}, got)
}

func TestWriterNumbersInOrder(t *testing.T) {
	ops := []*Op{full(), full(), full()}
	got, err := read(write(t, ops...))
	require.NoError(t, err)
	for i, op := range got {
		require.EqualValues(t, i+1, op.N)
		require.EqualValues(t, i+1, ops[i].N)
	}
}

func TestEmptyHistory(t *testing.T) {
	got, err := read(nil)
	require.NoError(t, err)
	require.Empty(t, got)
}

func TestLinesLongerThanTheBufferAreRead(t *testing.T) {
	op := full()
	op.Text = strings.Repeat("x", 1<<20)
	got, err := read(write(t, full(), op, full()))
	require.NoError(t, err)
	require.Len(t, got, 3)
	require.Len(t, got[1].Text, 1<<20)
}

func TestBadHistoriesAreRefusedWithTheirLine(t *testing.T) {
	good := string(write(t, full()))
	second := `{"n":2,"id":1,"kind":"read","by":"x","intended_us":0,"sent_us":5,"answered_us":5,"outcome":"ok"}` + "\n"
	for name, c := range map[string]struct {
		raw  string
		want string
		is   error
	}{
		"not JSON":              {good + "nonsense\n", "line 2", nil},
		"an empty line":         {good + "\n", "line 2", nil},
		"cut short":             {good + second[:40], "line 2: last line is cut short", ErrCut},
		"complete without end":  {good + strings.TrimSuffix(second, "\n"), "line 2: last line is cut short", ErrCut},
		"a line is missing":     {good + strings.Replace(second, `"n":2`, `"n":3`, 1), "line 2: operation 3", ErrOrder},
		"a line is there twice": {good + good, "line 2: operation 1", ErrOrder},
		"an unknown kind":       {good + strings.Replace(second, "read", "rede", 1), `line 2: kind "rede"`, ErrUnsaid},
		"an unknown outcome":    {good + strings.Replace(second, `"ok"`, `"maybe"`, 1), `line 2: outcome "maybe"`, ErrUnsaid},
		"answered before sent":  {good + strings.Replace(second, `"answered_us":5`, `"answered_us":4`, 1), "line 2: answered at 4", ErrTime},
		"a wrong type":          {good + strings.Replace(second, `"sent_us":5`, `"sent_us":"5"`, 1), "line 2", nil},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := read([]byte(c.raw))
			require.ErrorContains(t, err, c.want)
			if c.is != nil {
				require.ErrorIs(t, err, c.is)
			}
			require.Len(t, got, 1, "what came before is given")
		})
	}
}

// endless is a line that never ends.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

func TestEndlessLineIsRefused(t *testing.T) {
	err := Scan(endless{}, func(*Op) error { return nil })
	require.ErrorIs(t, err, ErrLong)
}

func TestScanStopsWhenToldTo(t *testing.T) {
	enough, seen := errors.New("enough"), 0
	err := Scan(bytes.NewReader(write(t, full(), full())), func(*Op) error {
		seen++
		return enough
	})
	require.Equal(t, enough, err)
	require.Equal(t, 1, seen)
}

// fullDisk fails after some bytes, and when it is closed.
type fullDisk struct{ room int }

func (d *fullDisk) Write(p []byte) (int, error) {
	if len(p) > d.room {
		return 0, errors.New("no space left on device")
	}
	d.room -= len(p)
	return len(p), nil
}

func (d *fullDisk) Close() error { return errors.New("close failed") }

func TestWriterReportsAFullDisk(t *testing.T) {
	w := NewWriter(&fullDisk{})
	require.NoError(t, w.Write(full()), "still in memory")
	require.ErrorContains(t, w.Flush(), "flush history: no space left")
	require.Error(t, w.Write(full()), "a hole must not look whole")
	require.ErrorContains(t, w.Close(), "no space left")

	w = NewWriter(&fullDisk{room: 1 << 20})
	require.NoError(t, w.Write(full()))
	require.ErrorContains(t, w.Close(), "close failed")
	require.Error(t, w.Write(full()))
}

func FuzzScan(f *testing.F) {
	var seed bytes.Buffer
	w := NewWriter(&seed)
	_ = w.Write(full())
	_ = w.Write(&Op{Kind: Deliver, Outcome: Unknown})
	_ = w.Flush()
	f.Add(seed.Bytes())
	f.Add([]byte("{}\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		ops, _ := read(raw)
		if len(ops) == 0 {
			return
		}
		var once, twice bytes.Buffer
		for _, out := range []*bytes.Buffer{&once, &twice} {
			w := NewWriter(out)
			for _, op := range ops {
				require.NoError(t, w.Write(op))
			}
			require.NoError(t, w.Flush())
			var err error
			ops, err = read(out.Bytes())
			require.NoError(t, err)
		}
		require.Equal(t, once.String(), twice.String())
	})
}

func BenchmarkScan(b *testing.B) {
	var out bytes.Buffer
	w := NewWriter(&out)
	for range 10_000 {
		_ = w.Write(full())
	}
	_ = w.Flush()
	b.SetBytes(int64(out.Len()))
	for b.Loop() {
		_ = Scan(bytes.NewReader(out.Bytes()), func(*Op) error { return nil })
	}
}

var _ io.Closer = (*Writer)(nil)
