package check

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fourdays/harness/hist"
)

// TestDamageIsFoundInRandomHistories damages a random valid history in one
// random place at a time.
func TestDamageIsFoundInRandomHistories(t *testing.T) {
	type damage struct {
		name  string
		check string
		do    func(rng *rand.Rand, views []*hist.View) bool
	}
	message := func(rng *rand.Rand, views []*hist.View, edit func(*hist.Seen)) bool {
		if len(views[0].Messages) == 0 {
			return false
		}
		i := rng.IntN(len(views[0].Messages))
		for _, v := range views {
			edit(&v.Messages[i])
		}
		return true
	}
	for _, d := range []damage{
		{"date changes", "R1", func(rng *rand.Rand, v []*hist.View) bool {
			return message(rng, v[:1], func(s *hist.Seen) { s.InternalDate++ })
		}},
		{"bytes change", "I8", func(rng *rand.Rand, v []*hist.View) bool {
			return message(rng, v, func(s *hist.Seen) { s.Digest = "x" })
		}},
		{"body goes", "R2", func(rng *rand.Rand, v []*hist.View) bool {
			return message(rng, v[2:], func(s *hist.Seen) { s.Digest, s.Damage = "", "missing" })
		}},
		{"stranger", "R3", func(rng *rand.Rand, v []*hist.View) bool {
			for _, v := range v {
				v.Messages = append(v.Messages, hist.Seen{UID: v.UIDNext, Message: "stranger"})
				v.Exists++
				v.UIDNext++
			}
			return true
		}},
		{"UIDVALIDITY falls", "I3", func(_ *rand.Rand, v []*hist.View) bool { v[1].UIDValidity -= 1; return len(v[0].Messages) > 0 }},
		{"sequence", "I6", func(rng *rand.Rand, v []*hist.View) bool {
			return message(rng, v, func(s *hist.Seen) { s.Seq = 999 })
		}},
	} {
		t.Run(d.name, func(t *testing.T) {
			done := 0
			for seed := uint64(0); seed < 40; seed++ {
				m, in := generate(seed, 200)
				ops := m.history()
				rng := rand.New(rand.NewPCG(seed, 2))
				var views []*hist.View
				for _, op := range ops {
					if op.Kind == hist.Audit && op.Mailbox == inbox && op.Account == m.users[seed%4] {
						views = append(views, op.View)
					}
				}
				if !d.do(rng, views) {
					continue
				}
				done++
				require.Equalf(t, Fail, judge(in, ops).check(d.check).Verdict, "seed %d", seed)
			}
			require.Greater(t, done, 20)
		})
	}
}

// big is a history of n deliveries, reads and changes over many mailboxes.
func big(n int) []*hist.Op {
	const users = 2000
	ops := make([]*hist.Op, 0, n)
	boxes := make([]*modelBox, users)
	names := make([]string, users)
	for i := range boxes {
		boxes[i] = &modelBox{validity: 1, next: 1, born: map[uint32]int64{}}
		names[i] = fmt.Sprintf("u%d@libero.example", i)
	}
	rng := rand.New(rand.NewPCG(1, 1))
	for i := range n {
		at := int64(i) * 1000
		who := rng.IntN(users)
		b := boxes[who]
		op := &hist.Op{N: int64(i + 1), By: "postfix", Account: names[who], Mailbox: inbox, SentUS: at, AnsweredUS: at + 900, IntendedUS: at, Outcome: hist.OK}
		switch r := rng.IntN(20); {
		case len(b.messages) > 40:
			op.Kind = hist.Expunge
			for _, s := range b.messages[:30] {
				op.UIDs = append(op.UIDs, s.UID)
			}
			b.messages = append([]hist.Seen(nil), b.messages[30:]...)
		case r < 12 || len(b.messages) == 0:
			op.Kind, op.Message, op.Digest, op.Reply = hist.Deliver, fmt.Sprint("m", i), "d", "250 2.0.0 ok"
			b.add(hist.Seen{Message: op.Message}, at)
		case r < 17:
			op.Kind, op.FlagsOp, op.Flags, op.UIDs = hist.Store, "+", []string{`\Seen`}, []uint32{b.messages[0].UID}
			b.messages[0].Flags = op.Flags
		default:
			op.Kind = hist.Read
			op.View = &hist.View{UIDValidity: 1, UIDNext: b.next, Exists: uint32(len(b.messages)), Messages: append([]hist.Seen(nil), b.messages...)}
		}
		ops = append(ops, op)
	}
	return ops
}

// BenchmarkJudge judges a history of a million operations; bytes/op is what the
// judge keeps of each.
func BenchmarkJudge(b *testing.B) {
	const n = 1_000_000
	ops := big(n)
	for b.Loop() {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		start := time.Now()
		j := New(Input{})
		for _, op := range ops {
			j.Add(op)
		}
		failed := verdicts(j.Verdicts(), Fail)
		took := time.Since(start)
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(n/took.Seconds(), "ops/s")
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/n, "kept-B/op")
		runtime.KeepAlive(j)
		require.Empty(b, failed)
	}
}
