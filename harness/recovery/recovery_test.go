package recovery

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"fourdays/harness/hist"
)

const (
	second = int64(1e6)
	minute = 60 * second
	hour   = 60 * minute
)

// story is a hand-made history: every second one read of one of ten accounts,
// answered after latency, unless it falls into the outage.
type story struct {
	end, every, latency int64
	down, up            int64 // the outage; intended in it means failed
	slowUntil           int64 // answers take ten times as long until then
	accounts            int64
}

func (s story) ops() []*hist.Op {
	var ops []*hist.Op
	for at := int64(0); at < s.end; at += s.every {
		latency := s.latency
		if at >= s.up && at < s.slowUntil {
			latency *= 40
		}
		op := &hist.Op{Kind: hist.Read, By: "reader", Account: fmt.Sprint("u", at/s.every%s.accounts), IntendedUS: at, SentUS: at, AnsweredUS: at + latency, Outcome: hist.OK}
		if at >= s.down && at < s.up {
			op.Outcome, op.AnsweredUS = hist.Unknown, at+30*second
		}
		ops = append(ops, op)
	}
	return ops
}

func usual() story {
	return story{end: 60 * minute, every: second, latency: 10_000, down: 10*minute + second, up: 30 * minute, slowUntil: 30 * minute, accounts: 10}
}

func usualInput() Input {
	return Input{EndUS: 60 * minute, FaultUS: At(10 * minute), HealedUS: At(25 * minute)}
}

func TestMarksOfAnOutage(t *testing.T) {
	r := Compute(usualInput(), usual().ops())

	require.EqualValues(t, 10*minute/1000, *r.FaultMS)
	require.EqualValues(t, (10*minute+second)/1000, *r.ImpactMS)
	require.EqualValues(t, (10*minute+31*second)/1000, *r.ProbeMS, "the first bad answer, after the client's patience")
	require.Equal(t, r.ProbeMS, r.DetectMS)
	require.EqualValues(t, 25*minute/1000, *r.HealedMS)
	require.EqualValues(t, 30*minute/1000, *r.SteadyMS)
	require.EqualValues(t, (20*minute-second)/1000, *r.RTAMS)
	require.EqualValues(t, 30_000, *r.TTDMS)
	require.Equal(t, r.SteadyMS, r.BacklogMS, "nobody waited")
	require.Zero(t, *r.DrainMS)
	require.Nil(t, r.AgreedMS)
	require.Contains(t, r.Censored, Censor{"reconverge_ms", 35 * minute / 1000})
	require.Contains(t, r.Censored, Censor{"ttd_health_ms", (50*minute - second) / 1000})
}

func TestHealthSignalAheadOfImpactIsDetectionInNoTime(t *testing.T) {
	in := usualInput()
	in.HealthUS = At(10 * minute)
	r := Compute(in, usual().ops())
	require.EqualValues(t, 10*minute/1000, *r.DetectMS)
	require.Zero(t, *r.TTDMS)
	require.Zero(t, *r.TTDHealthMS)
}

func TestFirstAcknowledgedWriteIsAfterHealing(t *testing.T) {
	ops := usual().ops()
	for _, at := range []int64{9 * minute, 31 * minute, 32 * minute} {
		ops = append(ops, &hist.Op{Kind: hist.Append, Account: "u1", IntendedUS: at, SentUS: at, AnsweredUS: at + 1000, Outcome: hist.OK})
	}
	require.EqualValues(t, (31*minute+1000)/1000, *Compute(usualInput(), ops).AckMS)
}

func TestSteadyServiceNeedsLatencyToo(t *testing.T) {
	s := usual()
	s.slowUntil = 40 * minute
	require.EqualValues(t, 40*minute/1000, *Compute(usualInput(), s.ops()).SteadyMS)
}

func TestSteadyServiceMustBeHeld(t *testing.T) {
	s := usual()
	ops := s.ops()
	relapse := 33 * minute / second // within five windows of the return
	ops[relapse].Outcome = hist.No
	require.EqualValues(t, (33*minute+second)/1000, *Compute(usualInput(), ops).SteadyMS)
}

func TestSteadyServiceForgivesOneInAThousand(t *testing.T) {
	s := usual()
	s.every = second / 50 // 3,000 a window
	ops := s.ops()
	ops[33*minute/s.every].Outcome = hist.No
	require.EqualValues(t, 30*minute/1000, *Compute(usualInput(), ops).SteadyMS)
}

func TestServiceNotHeldToTheEndIsCensored(t *testing.T) {
	s := usual()
	s.up, s.slowUntil = 57*minute, 57*minute
	r := Compute(usualInput(), s.ops())
	require.Nil(t, r.SteadyMS)
	require.Nil(t, r.RTAMS)
	require.Contains(t, r.Censored, Censor{"rta_ms", (50*minute - second) / 1000})
	require.Contains(t, r.Censored, Censor{"end_to_end_ms", (50*minute - second) / 1000})
}

// TestSparseHistoriesHaveMarks is a sample at the rate of real life: an
// operation every three minutes over days. A window holds 20 of them.
func TestSparseHistoriesHaveMarks(t *testing.T) {
	s := story{end: 168 * hour, every: 3 * minute, latency: 20_000, down: 24 * hour, up: 96 * hour, accounts: 45}
	in := Input{EndUS: s.end, FaultUS: At(24 * hour), HealedUS: At(95 * hour)}
	r := Compute(in, s.ops())
	require.EqualValues(t, 96*hour/1000, *r.SteadyMS)
	require.EqualValues(t, 72*hour/1000, *r.RTAMS)
	require.Len(t, r.Reopened, 45)
}

func TestThinBaselineFallsBackToTheServiceLevel(t *testing.T) {
	in := usualInput()
	in.BaselineFromUS, in.BaselineToUS = 0, 5*second
	r := Compute(in, usual().ops())
	require.NotNil(t, r.SteadyMS)
	require.Contains(t, r.Notes[0], "the baseline has 5 operations")
}

func TestNoFaultMeansNoMarks(t *testing.T) {
	s := usual()
	s.down, s.up = s.end, s.end
	r := Compute(Input{EndUS: s.end}, s.ops())
	require.Nil(t, r.FaultMS)
	require.Nil(t, r.ImpactMS)
	require.Nil(t, r.RTAMS)
	require.Nil(t, r.MailboxHours)
	require.Empty(t, r.Censored)
}

func TestFaultWithoutImpact(t *testing.T) {
	s := usual()
	s.down, s.up = s.end, s.end
	r := Compute(usualInput(), s.ops())
	require.Nil(t, r.ImpactMS)
	require.Nil(t, r.RTAMS)
	require.Zero(t, *r.MailboxHours)
}

func delivery(account, message string, try int, at int64, outcome hist.Outcome) *hist.Op {
	return &hist.Op{Kind: hist.Deliver, By: "postfix", Account: account, Message: message, Try: try, IntendedUS: at, SentUS: at, AnsweredUS: at + 10_000, Outcome: outcome}
}

// TestBacklogDrainsWhenTheLastWaitingMessageIsIn lets five messages wait, of
// which one bounces.
func TestBacklogDrainsWhenTheLastWaitingMessageIsIn(t *testing.T) {
	ops := usual().ops()
	for i := range int64(5) {
		ops = append(ops, delivery("u1", fmt.Sprint("m", i), 1, 20*minute, hist.No))
	}
	ops = append(ops, &hist.Op{Kind: hist.Bounce, Account: "u1", Message: "m0", AnsweredUS: 28 * minute, Outcome: hist.OK})
	for i := int64(1); i < 5; i++ {
		ops = append(ops, delivery("u1", fmt.Sprint("m", i), 2, (34+i)*minute, hist.OK))
	}
	r := Compute(usualInput(), ops)
	require.EqualValues(t, 30*minute/1000, *r.SteadyMS)
	require.EqualValues(t, (38*minute+10_000)/1000, *r.BacklogMS)
	require.EqualValues(t, (8*minute+10_000)/1000, *r.DrainMS)
	require.Equal(t, 4, r.Delay.Delivered)
	require.Equal(t, 1, r.Delay.Bounced)
	require.EqualValues(t, (18*minute+10_000)/1000, *r.Delay.MaxMS, "from the first intention")
	require.EqualValues(t, (16*minute+10_000)/1000, *r.Delay.P50MS)
	require.Equal(t, 5, *r.PeakBacklog)
}

func TestGivenQueueIsBelieved(t *testing.T) {
	in := usualInput()
	in.Queue = []Depth{{0, 3}, {11 * minute, 500}, {45 * minute, 3}, {46 * minute, 9}}
	r := Compute(in, usual().ops())
	require.EqualValues(t, 45*minute/1000, *r.BacklogMS)
	require.Equal(t, 500, *r.PeakBacklog)
}

func TestWaitingMessagesCensorTheDelay(t *testing.T) {
	var ops []*hist.Op
	for i := range int64(9) {
		ops = append(ops, delivery("u1", fmt.Sprint("m", i), 1, i*second, hist.OK))
	}
	ops = append(ops, delivery("u1", "late", 1, minute, hist.Unknown))
	r := Compute(Input{EndUS: 10 * minute}, ops)
	require.EqualValues(t, 10, *r.Delay.P90MS)
	require.Nil(t, r.Delay.P99MS)
	require.Contains(t, r.Censored, Censor{"delivery_delay.p99_ms", 9 * minute / 1000})
}

// TestMailboxHours has two accounts down for half an hour and an hour, one of
// them closed by the operator for part of it, and a third that nobody asked.
func TestMailboxHours(t *testing.T) {
	read := func(account string, at int64, outcome hist.Outcome) *hist.Op {
		return &hist.Op{Kind: hist.Read, By: "reader", Account: account, IntendedUS: at, SentUS: at, AnsweredUS: at, Outcome: outcome}
	}
	ops := []*hist.Op{
		read("a", 0, hist.OK), read("b", 0, hist.OK),
		read("a", hour, hist.Unknown), read("b", hour, hist.No),
		read("a", hour+30*minute, hist.OK), read("b", hour+30*minute, hist.No), read("b", 2*hour, hist.OK),
	}
	in := Input{EndUS: 4 * hour, FaultUS: At(hour), Closed: []Closure{{"b", hour + 10*minute, hour + 50*minute}, {"c", 3 * hour, -1}}, Scale: 10}
	r := Compute(in, ops)
	require.InDelta(t, 10*(0.5+1+1), *r.MailboxHours, 1e-9)
	require.Equal(t, []Point{{(hour + 30*minute) / 1000, 10}, {2 * hour / 1000, 20}}, r.Reopened)
	require.EqualValues(t, 30, r.Unavailable)
	require.EqualValues(t, hour/1000, *r.T50MS)
	require.Nil(t, r.T100MS)
	require.Contains(t, r.Censored, Censor{"reopened_t100_ms", 3 * hour / 1000})
}

func TestHonestRefusalsAreNotOutages(t *testing.T) {
	ops := usual().ops()
	for _, op := range ops {
		if op.Outcome != hist.OK {
			op.Outcome, op.Reply, op.AnsweredUS = hist.No, "NO [NONEXISTENT] no such mailbox", op.SentUS+1000
		}
	}
	require.Nil(t, Compute(usualInput(), ops).ImpactMS)
}

func TestAuditorsAreNotUsers(t *testing.T) {
	in := usualInput()
	ops := []*hist.Op{
		{Kind: hist.Audit, By: "audit", IntendedUS: 20 * minute, Outcome: hist.Unknown},
		{Kind: hist.Read, By: "audit", IntendedUS: 20 * minute, Outcome: hist.Unknown},
		{Kind: hist.Admin, By: "operator", IntendedUS: 20 * minute, Outcome: hist.Unknown},
	}
	require.Nil(t, Compute(in, ops).ImpactMS)
}

func TestActualRecoveryPoint(t *testing.T) {
	for name, c := range map[string]struct {
		loss Loss
		want *int64
	}{
		"nothing was promised":       {Loss{Class: "message"}, nil},
		"nothing was lost":           {Loss{Class: "message", Acknowledged: 9}, At(0)},
		"not everything was read":    {Loss{Class: "message", Acknowledged: 9, Unread: 1}, nil},
		"lost, promised before":      {Loss{Class: "message", Acknowledged: 9, Lost: 2, OldestLostUS: 4 * minute}, At(6 * minute / 1000)},
		"lost, promised afterwards":  {Loss{Class: "message", Acknowledged: 9, Lost: 2, OldestLostUS: 14 * minute}, At(0)},
		"lost, and some was unread":  {Loss{Class: "message", Acknowledged: 9, Lost: 1, Unread: 1, OldestLostUS: 9 * minute}, At(minute / 1000)},
		"another class is not mixed": {Loss{Class: "flag", Acknowledged: 9, Lost: 1}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			in := usualInput()
			in.Classes = []Loss{c.loss}
			require.Equal(t, c.want, Compute(in, nil).RPA.MessageMS)
		})
	}
}

func TestReportKeepsItsKeys(t *testing.T) {
	raw, err := json.Marshal(Compute(usualInput(), usual().ops()))
	require.NoError(t, err)
	var keys map[string]any
	require.NoError(t, json.Unmarshal(raw, &keys))
	for _, key := range []string{"t_f_ms", "t_i_ms", "t_d_ms", "t_m_ms", "t_a_ms", "t_s_ms", "t_c_ms", "t_b_ms", "t_v_ms", "ttd_ms", "rta_ms", "rpa", "drain_ms", "mailbox_hours", "reopened", "censored"} {
		require.Contains(t, keys, key)
	}
	require.Nil(t, keys["t_c_ms"])
}
