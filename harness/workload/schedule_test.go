package workload

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fourdays/harness/hist"
)

// outage lets one MTA send for as long as nobody lets it in, opens the store,
// and returns the share of recipients that bounced, then and later.
func outage(t testing.TB, mta string, hours int) float64 {
	t.Helper()
	p := Profile{Name: mta}
	for _, m := range Profiles["consumer-2023"].MTAs {
		if m.Name == mta {
			m.Share = 1
			p.MTAs = []MTA{m}
		}
	}
	return outageOf(t, p, hours, 4000)
}

func outageOf(t testing.TB, p Profile, hours, messages int) float64 {
	t.Helper()
	end := time.Duration(hours) * time.Hour
	cfg := Config{
		Seed: uint64(hours), Accounts: accounts(20), Nodes: []string{"n1"}, Senders: p, Several: -1,
		Deliver: Constant(float64(messages) / end.Seconds()), End: end,
	}
	w := &world{face: open}
	e, _ := begin(t, cfg, w)
	w.skip(e.Leap(end, func(bool, string) (hist.Outcome, string, bool) { return hist.No, refused, false }))
	require.Equal(t, end, w.now)
	w.run(end + 20*24*time.Hour)
	require.Zero(t, e.Backlog())
	require.Equal(t, e.Counters().Sent, e.Counters().Delivered+e.Counters().Bounced)
	return 100 * float64(e.Counters().Bounced) / float64(e.Counters().Sent)
}

// TestEachMTAGivesUpWhenItsRulesSay holds the population to the figures of an
// independent simulation: percent bounced when the store could not be reached
// for so many hours. The spacing of retries is picked for SES, SendGrid and
// Gmail, so theirs may be two points off.
func TestEachMTAGivesUpWhenItsRulesSay(t *testing.T) {
	for _, c := range []struct {
		mta  string
		want [6]float64 // after 24, 48, 72, 96, 102, 120 h
		off  float64
	}{
		{"postfix", [6]float64{0, 0, 0, 0, 0, 0}, 1},
		{"sendmail", [6]float64{0, 0, 0, 0, 0, 0}, 1},
		{"stalwart", [6]float64{0, 0, 0, 0, 0, 0}, 1},
		{"exim", [6]float64{0, 0, 0, 0, 99, 99}, 1.5},
		{"opensmtpd", [6]float64{0, 0, 0, 0, 2, 17}, 1.5},
		{"qmail", [6]float64{0, 0, 0, 0, 0, 0}, 0},
		{"kumomta", [6]float64{0, 0, 0, 0, 0, 0}, 0},
		{"exchange-server", [6]float64{0, 0, 33, 50, 53, 60}, 2},
		{"exchange-online", [6]float64{0, 50, 67, 75, 76, 80}, 2},
		{"amazon-ses", [6]float64{36, 68, 79, 84, 85, 87}, 2.5},
		{"sendgrid", [6]float64{0, 0, 0, 25, 29, 40}, 2.5},
		{"haraka", [6]float64{0, 0, 0, 24, 29, 39}, 2},
		{"gmail", [6]float64{0, 0, 31, 48, 51, 58}, 2.5},
	} {
		for i, hours := range []int{24, 48, 72, 96, 102, 120} {
			require.InDelta(t, c.want[i], outage(t, c.mta, hours), c.off, "%s after %d h", c.mta, hours)
		}
	}
}

// TestFourDaysAreACliff: a busy Exim host bounces nothing at 100 h, and at the
// retry that comes next everything, minutes-old mail included.
func TestFourDaysAreACliff(t *testing.T) {
	require.Zero(t, outage(t, "exim", 94))
	require.Zero(t, outage(t, "exim", 100))
	require.Greater(t, outage(t, "exim", 102), 98.0)
}

func TestTheConsumerMixBouncesAThirdInFourDays(t *testing.T) {
	for hours, want := range map[int]float64{24: 5, 48: 16, 72: 25, 96: 35, 102: 44, 120: 49} {
		require.InDelta(t, want, outageOf(t, Profiles["consumer-2023"], hours, 6000), 2.5, "%d h", hours)
	}
}

// TestEximRetriesFollowItsRules: the figures of its default configuration, the
// last two of which decide over four days.
func TestEximRetriesFollowItsRules(t *testing.T) {
	m := mustMTA(t, "exim")
	var c clock
	var at []float64
	for now := time.Duration(0); now < 102*time.Hour; now = c.next {
		c.fail(m, now)
		at = append(at, now.Hours())
		require.Equal(t, now >= 96*time.Hour, c.expired)
	}
	require.Equal(t, []float64{0, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75, 2, 3, 4.5, 6.75, 10.125}, at[:13])
	require.InDelta(t, 94.8, at[len(at)-2], 0.05)
	require.InDelta(t, 100.8, at[len(at)-1], 0.05)
}

func mustMTA(t testing.TB, name string) *MTA {
	t.Helper()
	for _, m := range Profiles["consumer-2023"].MTAs {
		if m.Name == name {
			return &m
		}
	}
	t.Fatalf("no MTA %s", name)
	return nil
}

// TestEximLosesLessWhenRecipientsAreRefused: refused at RCPT each address has
// its clock and each new message its try; refused later each message has its
// own clock. Only without a connection does the host's clock bounce all of it.
func TestEximBouncesByWhatRefusedIt(t *testing.T) {
	share := func(reply string) float64 {
		p := Profile{Name: "exim", MTAs: []MTA{*mustMTA(t, "exim")}}
		cfg := Config{
			Seed: 1, Accounts: accounts(2000), Nodes: []string{"n1"}, Senders: p, Several: -1,
			Deliver: Constant(2000 / (110 * time.Hour).Seconds()), End: 110 * time.Hour,
		}
		w := &world{face: open}
		e, _ := begin(t, cfg, w)
		w.skip(e.Leap(cfg.End, func(bool, string) (hist.Outcome, string, bool) { return hist.No, reply, false }))
		w.run(cfg.End + 10*24*time.Hour)
		return 100 * float64(e.Counters().Bounced) / float64(e.Counters().Sent)
	}
	host, address, message := share(refused), share(notYet), share(overloaded)
	require.Greater(t, host, 98.0)
	require.InDelta(t, 8.5, message, 3) // those older than the retry at 100.8 h
	require.Less(t, address, host/2)
	require.Greater(t, address, message/2)
}

// TestAnExpiredHostBouncesWithoutTrying: until its next retry Exim returns new
// mail although the store is back.
func TestAnExpiredHostBouncesWithoutTrying(t *testing.T) {
	p := Profile{Name: "exim", MTAs: []MTA{*mustMTA(t, "exim")}}
	p.MTAs[0].Hosts = 1
	cfg := Config{
		Seed: 1, Accounts: accounts(5), Nodes: []string{"n1"}, Senders: p, Several: -1,
		Deliver: Constant(0.01), End: 110 * time.Hour,
	}
	w := &world{face: open}
	e, history := begin(t, cfg, w)
	w.skip(e.Leap(102*time.Hour, func(bool, string) (hist.Outcome, string, bool) { return hist.No, refused, false }))
	before := len(*history)
	w.run(106 * time.Hour)
	require.Empty(t, w.asked)
	require.Greater(t, len(*history), before+100)
	for _, op := range (*history)[before:] {
		require.Equal(t, hist.Bounce, op.Kind)
		require.Zero(t, op.Try)
	}
	w.run(111 * time.Hour)
	require.NotEmpty(t, w.asked)
	require.Zero(t, e.Backlog())
}

func TestSchedulesPrintAndParseBack(t *testing.T) {
	for _, text := range []string{
		"list 1m*4 5m*6 10m", "double 20m", "double 20m..5h", "age 5m..1h6m40s", "square 6m40s",
		"exim F,2h,15m G,16h,1h,1.5 F,4d,6h",
	} {
		s, err := ParseSchedule(text)
		require.NoError(t, err)
		require.Equal(t, text, s.String())
	}
	for _, text := range []string{
		"", "list", "list 0s", "list 1m*0", "list 1m*x", "double 5h..20m", "double 1m 2m", "age 5m", "square 1s..2s",
		"exim F,2h", "exim X,2h,15m", "exim G,2h,15m,0.5", "exim F,2h,15m F,1h,15m", "weekly 1d", "double 2000d", "list NaNd",
	} {
		_, err := ParseSchedule(text)
		require.ErrorContains(t, err, "parse schedule", text)
	}
}

func FuzzSchedule(f *testing.F) {
	for _, m := range Profiles["consumer-2023"].MTAs {
		f.Add(m.Schedule.String())
	}
	f.Add("exim G,1d,1s,100")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseSchedule(text)
		if err != nil {
			return
		}
		again, err := ParseSchedule(s.String())
		require.NoError(t, err)
		require.Equal(t, s, again)
		gap, age := time.Duration(0), time.Duration(0)
		for n := 1; n < 50; n++ {
			gap = s.after(n, age, gap)
			require.Positive(t, gap)
			require.LessOrEqual(t, gap, 100*longest)
			age = min(age+gap, longest)
		}
	})
}

func FuzzProfile(f *testing.F) {
	for _, p := range Profiles {
		f.Add(p.String())
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ParseProfile("x", strings.NewReader(text))
		if err != nil {
			return
		}
		again, err := ParseProfile("x", strings.NewReader(p.String()))
		require.NoError(t, err)
		require.Equal(t, p, again)
	})
}

func TestProfilesSayWhereTheirFiguresComeFrom(t *testing.T) {
	sum := 0.0
	for _, m := range Profiles["consumer-2023"].MTAs {
		require.NotEmpty(t, m.Source, m.Name)
		require.Equal(t, Picked, m.ShareMark, "the mix is assumed")
		sum += m.Share
	}
	require.InDelta(t, 100, sum, 1e-9)
	require.Contains(t, Profiles, "mx-census-2023")
}

func TestABadProfileIsRefusedWithItsLine(t *testing.T) {
	good := Profiles["consumer-2023"].String()
	for from, to := range map[string]string{
		"17,picked,8,message": "-1,picked,8,message",
		"8,picked,4,host":     "8,picked,4,weather",
		"15,picked,4":         "15,guessed,4",
		"13 tries":            "0 tries",
		"sendmail,0":          "postfix,0",
	} {
		require.Contains(t, good, from)
		_, err := ParseProfile("mine", strings.NewReader(strings.Replace(good, from, to, 1)))
		require.ErrorContains(t, err, "mine", from)
	}
}

func TestSizesFollowTheMeasurement(t *testing.T) {
	s := Sizes{Cap: 8 << 20}
	require.NoError(t, s.fill())
	rng, n := stream(1, "sizes"), 50000
	below, sum := map[int]int{}, 0.0
	for range n {
		size := s.draw(rng)
		sum += float64(size)
		for _, edge := range []int{2 << 10, 8 << 10, 64 << 10, 1 << 20} {
			if size < edge {
				below[edge]++
			}
		}
	}
	for edge, share := range map[int]float64{2 << 10: .24, 8 << 10: .68, 64 << 10: .90, 1 << 20: .985} {
		require.InDelta(t, share, float64(below[edge])/float64(n), .01, edge)
	}
	require.InEpsilon(t, s.Mean(), sum/float64(n), .05)
	capped := Sizes{Scale: 2, Cap: 4096}
	require.NoError(t, capped.fill())
	for range 1000 {
		require.LessOrEqual(t, capped.draw(rng), 4096)
	}
}
