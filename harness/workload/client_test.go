package workload

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fourdays/harness/hist"
)

// programs is a load of mail programs alone, two for each of ten accounts.
func programs(anew float64) Config {
	return Config{Seed: 1, Accounts: accounts(10), Nodes: []string{"n1"}, Clients: 2, NewClients: anew, End: 3 * time.Hour}
}

// mailbox is a face that shows one and the same INBOX.
func mailbox(validity, next uint32) func(*hist.Op) {
	return func(op *hist.Op) {
		op.Outcome, op.View = hist.OK, &hist.View{UIDValidity: validity, UIDNext: next}
	}
}

func kindsOf(ops []*hist.Op) map[hist.Kind]int {
	count := map[hist.Kind]int{}
	for _, op := range ops {
		count[op.Kind]++
	}
	return count
}

// TestProgramsOnlyLookWhileNothingChanges: twenty programs, one look each in ten
// minutes, and nothing to fetch.
func TestProgramsOnlyLookWhileNothingChanges(t *testing.T) {
	w := &world{face: mailbox(1, 5)}
	begin(t, programs(1), w)
	w.run(time.Hour)
	require.Equal(t, map[hist.Kind]int{hist.Status: 120}, kindsOf(w.asked))
	w.face = mailbox(1, 6)
	w.asked = nil
	w.run(70 * time.Minute)
	require.Equal(t, map[hist.Kind]int{hist.Status: 20, hist.Search: 20}, kindsOf(w.asked), "new mail: the list of INBOX")
	w.face = mailbox(2, 6)
	w.asked = nil
	w.run(80 * time.Minute)
	require.Equal(t, map[hist.Kind]int{hist.Status: 20, hist.Read: 80}, kindsOf(w.asked), "another UIDVALIDITY: everything again")
	for _, op := range w.asked {
		require.Equal(t, op.Kind == hist.Read, op.Bodies)
	}
}

// TestProgramsComeBackTogether: after an outage of an hour nearly all of them
// are back within their longest wait, and those that were set up anew fetch all
// that there is, once.
func TestProgramsComeBackTogether(t *testing.T) {
	for _, anew := range []float64{0, 0.5, 1} {
		w := &world{face: mailbox(1, 5)}
		cfg := programs(anew)
		begin(t, cfg, w)
		w.run(20 * time.Minute)
		w.face = closed(hist.No, "NO [UNAVAILABLE] [login]")
		w.run(80 * time.Minute)
		waits := map[string][]time.Duration{}
		for _, op := range w.asked {
			if op.IntendedUS > (60 * time.Minute).Microseconds() {
				waits[op.Account] = append(waits[op.Account], time.Duration(op.IntendedUS)*time.Microsecond)
			}
		}
		for account, at := range waits {
			require.InDelta(t, 2*20/3.75, len(at), 3, "%s: one try in 2m30s to 5m", account)
		}
		w.face, w.asked = mailbox(1, 5), nil
		w.run(85*time.Minute + time.Second)
		back := kindsOf(w.asked)
		require.Equal(t, 20, back[hist.Status])
		if anew != 0.5 {
			require.Equal(t, int(anew*20)*len(boxNames), back[hist.Read])
		} else {
			require.InDelta(t, 40, back[hist.Read], 24)
		}
		w.asked = nil
		w.run(3 * time.Hour)
		require.Zero(t, kindsOf(w.asked)[hist.Read], "once is enough")
	}
}

// TestAProgramGoesOnWhereItFailed: what was fetched is not fetched again, and the
// waits double from 5 s on.
func TestAProgramGoesOnWhereItFailed(t *testing.T) {
	cfg := programs(0)
	cfg.Accounts, cfg.Clients = cfg.Accounts[:1], 1
	w := &world{face: mailbox(1, 5)}
	begin(t, cfg, w)
	w.run(15 * time.Minute)
	var fetched []string
	reads := 0
	w.face = func(op *hist.Op) {
		mailbox(2, 5)(op)
		if op.Kind != hist.Read {
			return
		}
		if reads++; reads == 1 || reads > 5 {
			fetched = append(fetched, op.Mailbox)
			return
		}
		op.Outcome, op.Reply, op.View = hist.Unknown, "unexpected EOF [command]", nil
	}
	w.asked = nil
	w.run(25 * time.Minute)
	require.Equal(t, boxNames, fetched)
	require.Equal(t, 1, kindsOf(w.asked)[hist.Status])
	failed := slices.DeleteFunc(w.asked, func(op *hist.Op) bool { return op.Mailbox != boxNames[1] || op.Kind != hist.Read })
	for i, most := 1, 5*time.Second; i < len(failed); i, most = i+1, 2*most {
		gap := time.Duration(failed[i].IntendedUS-failed[i-1].IntendedUS) * time.Microsecond
		require.LessOrEqual(t, gap, most)
		require.GreaterOrEqual(t, gap, most/2)
	}
}

// TestALeapKeepsOneFailureOfEachProgram: who tries every five minutes for days
// would bury the history. What comes after the leap is not different for it.
func TestALeapKeepsOneFailureOfEachProgram(t *testing.T) {
	w := &world{face: mailbox(1, 5)}
	e, history := begin(t, programs(0), w)
	w.run(20 * time.Minute)
	before := len(*history)
	w.skip(e.Leap(2*time.Hour, func(bool, string) (hist.Outcome, string, bool) { return hist.No, "closed", false }))
	require.Equal(t, before+20, len(*history))
	w.asked = nil
	w.run(2*time.Hour + 5*time.Minute + time.Second)
	require.Equal(t, 20, kindsOf(w.asked)[hist.Status])
}

func TestBadNumbersOfClientsAreRefused(t *testing.T) {
	for _, edit := range []func(*Config){
		func(c *Config) { c.Clients = -1 }, func(c *Config) { c.NewClients = 1.5 }, func(c *Config) { c.NewClients = -0.1 },
	} {
		cfg := programs(0)
		edit(&cfg)
		_, err := New(cfg, &world{})
		require.ErrorContains(t, err, "clients an account")
	}
}
