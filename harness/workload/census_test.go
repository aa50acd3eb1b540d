package workload

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fourdays/harness/hist"
)

// TestTheCensusBouncesMoreThanHalfAfterTheCliff: by the census of mail servers
// nearly nobody gives up within four days, and six hours later Exim's hosts all
// do. The figures are an independent simulation's: 0.1 % bounced at 96 h, 57 % at
// 102 h, when every host is a busy one.
func TestTheCensusBouncesMoreThanHalfAfterTheCliff(t *testing.T) {
	census := Profiles["mx-census-2023"]
	require.InDelta(t, 0.1, outageOf(t, census, 96, 20000), 0.15)
	require.InDelta(t, 57, outageOf(t, census, 102, 20000), 1.5)
	require.InDelta(t, 57, outageOf(t, census, 120, 20000), 1.5)
	require.Zero(t, outageOf(t, census, 24, 5000))
}

// TestSmallServersGiveUpWithinFourDays: percent bounced after 96 h, against the
// same independent simulation; their spacing is picked.
func TestSmallServersGiveUpWithinFourDays(t *testing.T) {
	for mta, want := range map[string]float64{"maddy": 29, "postal": 68, "chasquid": 79, "mox": 84} {
		require.InDelta(t, want, outage(t, mta, 96), 2, mta)
	}
}

// TestAHostOfOneMailADayFallsLater: its clock starts with the first mail that it
// could not deliver, and it is past its limit 100.8 h later. Hosts whose daily
// mail comes at a fixed time are past it in 6, 30 and 79 % of cases after 102,
// 108 and 120 h; ours comes at random (exponential waits), which makes it 5, 26
// and 55 %.
func TestAHostOfOneMailADayFallsLater(t *testing.T) {
	for hours, want := range map[int]float64{102: 5, 108: 26, 120: 55} {
		p := Profile{Name: "exim", MTAs: []MTA{*mustMTA(t, "exim")}}
		p.MTAs[0].Hosts = 1500
		end := time.Duration(hours) * time.Hour
		cfg := Config{
			Seed: 1, Accounts: accounts(50), Nodes: []string{"n1"}, Senders: p, Several: -1,
			Deliver: Constant(1500 / (24 * time.Hour).Seconds()), End: end,
		}
		w := &world{face: open}
		e, _ := begin(t, cfg, w)
		e.Leap(end, func(bool, string) (hist.Outcome, string, bool) { return hist.No, refused, false })
		past := 0
		for _, h := range e.hosts[0] {
			if h.clock.expired {
				past++
			}
		}
		require.InDelta(t, want, 100*float64(past)/1500, 4, "%d h", hours)
	}
}

// TestEximBouncesForHoursAfterTheServiceIsBack: a host past its limit returns new
// mail without a try until its next retry is due, at most six hours later, and
// then delivers again.
func TestEximBouncesForHoursAfterTheServiceIsBack(t *testing.T) {
	p := Profile{Name: "exim", MTAs: []MTA{*mustMTA(t, "exim")}}
	back := 102 * time.Hour
	cfg := Config{
		Seed: 3, Accounts: accounts(50), Nodes: []string{"n1"}, Senders: p, Several: -1,
		Deliver: Constant(0.01), End: back + 12*time.Hour,
	}
	w := &world{face: open}
	e, history := begin(t, cfg, w)
	w.skip(e.Leap(back, func(bool, string) (hist.Outcome, string, bool) { return hist.No, refused, false }))
	w.run(cfg.End)
	var last time.Duration
	for _, op := range *history {
		if op.Kind == hist.Bounce {
			last = time.Duration(op.AnsweredUS) * time.Microsecond
		}
	}
	require.Greater(t, last, back+3*time.Hour)
	require.Less(t, last, back+6*time.Hour)
	require.Greater(t, e.Counters().Delivered, 100)
}

// TestRetriesComeAfterRecoveryAsTheirSchedulesSay: the median wait of the mail
// that had been held back through four days, from the moment the store is back.
// Median waits of an independent simulation: Exchange 5 min, Postfix 34 min, Exim
// 5 h (of its busy hosts three, from where in its six hours the outage ends).
func TestRetriesComeAfterRecoveryAsTheirSchedulesSay(t *testing.T) {
	for mta, want := range map[string][2]time.Duration{
		"exchange-server": {3 * time.Minute, 7 * time.Minute},
		"postfix":         {28 * time.Minute, 40 * time.Minute},
		"kumomta":         {8 * time.Hour, 24 * time.Hour},
	} {
		back := 96 * time.Hour
		p := Profile{Name: mta, MTAs: []MTA{*mustMTA(t, mta)}}
		cfg := Config{
			Seed: 5, Accounts: accounts(20), Nodes: []string{"n1"}, Senders: p, Several: -1,
			Deliver: Constant(2000 / back.Seconds()), End: back,
		}
		w := &world{face: open}
		e, history := begin(t, cfg, w)
		w.skip(e.Leap(back, func(bool, string) (hist.Outcome, string, bool) { return hist.No, refused, false }))
		before := len(*history)
		w.run(back + 10*24*time.Hour)
		var waits []time.Duration
		for _, op := range (*history)[before:] {
			if op.Kind == hist.Deliver && op.Outcome == hist.OK {
				waits = append(waits, time.Duration(op.AnsweredUS)*time.Microsecond-back)
			}
		}
		slices.Sort(waits)
		median := waits[len(waits)/2]
		require.Greater(t, median, want[0], mta)
		require.Less(t, median, want[1], mta)
	}
}
