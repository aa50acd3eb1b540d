package workload

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fourdays/harness/hist"
)

// shelf is a face that keeps mailboxes, as simply as can be.
type shelf struct {
	boxes map[string][]uint32
	next  uint32
	spoil func(op *hist.Op) bool // true when it answered instead
}

func newShelf() *shelf {
	return &shelf{boxes: map[string][]uint32{}}
}

func (s *shelf) add(key string) uint32 {
	s.next++
	s.boxes[key] = append(s.boxes[key], s.next)
	return s.next
}

func (s *shelf) answer(op *hist.Op) {
	if s.spoil != nil && s.spoil(op) {
		return
	}
	op.Outcome, op.Reply, op.UIDValidity = hist.OK, "OK", 1
	key := op.Account + "/" + op.Mailbox
	switch op.Kind {
	case hist.Deliver:
		s.add(op.Account + "/INBOX")
	case hist.Append:
		op.NewUIDs = []uint32{s.add(key)}
	case hist.Read:
		op.View = &hist.View{UIDValidity: 1}
		for _, u := range s.boxes[key] {
			op.View.Messages = append(op.View.Messages, hist.Seen{UID: u})
		}
	case hist.Copy, hist.Move:
		for range op.UIDs {
			op.NewUIDs = append(op.NewUIDs, s.add(op.Account+"/"+op.To))
		}
	case hist.Audit:
		op.Mailboxes = []string{"INBOX"}
	}
	if op.Kind == hist.Move || op.Kind == hist.Expunge {
		s.boxes[key] = slices.DeleteFunc(s.boxes[key], func(u uint32) bool { return slices.Contains(op.UIDs, u) })
	}
}

// TestReadersChangeOnlyWhatIsThere: every change names messages that the model
// has, of all kinds, and no two changes are under way on one message.
func TestReadersChangeOnlyWhatIsThere(t *testing.T) {
	cfg := config(21)
	cfg.Accounts = accounts(5)
	cfg.Change = Constant(5)
	s := newShelf()
	kinds := map[hist.Kind]int{}
	s.spoil = func(op *hist.Op) bool {
		kinds[op.Kind]++
		for _, u := range op.UIDs {
			require.Contains(t, s.boxes[op.Account+"/"+op.Mailbox], u, op.Kind)
		}
		return false
	}
	w := &world{face: s.answer, slow: 300 * time.Millisecond}
	e, _ := begin(t, cfg, w)
	w.run(11 * time.Minute)
	for _, k := range append(changeKinds, readKinds...) {
		require.Positive(t, kinds[k], k)
	}
	require.Greater(t, e.Counters().Changes, 2500)
	require.Less(t, e.Counters().Skipped, e.Counters().Changes/10)
}

func TestTheArchiveIsLoadedAndAcknowledged(t *testing.T) {
	cfg := config(22)
	cfg.Deliver, cfg.Read, cfg.Change = nil, nil, nil
	s := newShelf()
	n := 0
	s.spoil = func(op *hist.Op) bool {
		n++
		switch {
		case op.Kind == hist.Append && n%7 == 0:
			op.Outcome, op.Reply = hist.Unknown, "lost [command]"
		case op.Kind == hist.Create && op.Mailbox == "Trash":
			op.Outcome, op.Reply = hist.No, "NO [ALREADYEXISTS] it is there [command]"
		case n%11 == 0:
			op.Outcome, op.Reply = hist.No, "NO [UNAVAILABLE] [command]"
		default:
			return false
		}
		return true
	}
	w := &world{face: s.answer, slow: time.Millisecond}
	e, history := begin(t, cfg, w)
	var got *Loaded
	most := 0
	e.Load(6, 8, func(l Loaded) { got = &l })
	for got == nil {
		w.run(w.now + time.Millisecond)
		most = max(most, e.InFlight())
	}
	require.Equal(t, Loaded{Mailboxes: 150, Messages: 300}, *got)
	require.LessOrEqual(t, most, 8)
	keys, boxes, flags := map[string]hist.Outcome{}, map[string]int{}, map[string]int{}
	for _, op := range *history {
		require.Equal(t, "archive", op.By)
		if op.Kind != hist.Append {
			continue
		}
		if before, asked := keys[op.Message]; asked {
			require.Equal(t, hist.No, before, "asked again after an unknown outcome")
		}
		keys[op.Message] = op.Outcome
		if op.Outcome == hist.OK {
			boxes[op.Mailbox]++
			flags[fmt.Sprint(op.Flags)]++
		}
	}
	require.Len(t, boxes, 4)
	require.Len(t, flags, 4)
}

func TestAnArchiveThatCannotBeLoadedSaysSo(t *testing.T) {
	cfg := config(23)
	cfg.Accounts = accounts(2)
	w := &world{face: closed(hist.No, refused), slow: time.Millisecond}
	e, err := New(cfg, w)
	require.NoError(t, err)
	var got Loaded
	e.Load(1, 4, func(l Loaded) { got = l })
	w.run(time.Minute)
	require.Equal(t, Loaded{Failed: 2*3 + 2}, got)
}

func TestTheAuditAsksEveryReplicaForEveryAccount(t *testing.T) {
	cfg := config(24)
	s := newShelf()
	w := &world{face: s.answer, slow: time.Millisecond}
	e, err := New(cfg, w)
	require.NoError(t, err)
	unanswered := -1
	e.Audit(5, 16, func(n int) { unanswered = n })
	w.run(time.Minute)
	require.Zero(t, unanswered)
	asked, sampled := map[string]bool{}, map[string]bool{}
	for _, op := range w.asked {
		require.Equal(t, "audit", op.By)
		if op.Kind == hist.Audit {
			asked[op.Node+op.Account] = true
		} else {
			require.True(t, op.Bodies)
			sampled[op.Account+op.Mailbox] = true
		}
	}
	require.Len(t, asked, 3*50)
	require.Len(t, sampled, 5*4)
}

func TestAnAuditWithoutAnswersCountsThem(t *testing.T) {
	cfg := config(25)
	cfg.Accounts = accounts(2)
	w := &world{face: closed(hist.No, refused), slow: time.Millisecond}
	e, err := New(cfg, w)
	require.NoError(t, err)
	unanswered := 0
	e.Audit(1, 16, func(n int) { unanswered = n })
	w.run(time.Minute)
	require.Equal(t, 3*2+4, unanswered)
}

func TestArrivalsCanBeStopped(t *testing.T) {
	w := &world{face: open}
	e, _ := begin(t, config(26), w)
	w.run(time.Minute)
	before := e.Counters()
	e.StopArrivals()
	w.run(5 * time.Minute)
	require.Equal(t, before, e.Counters())
}
