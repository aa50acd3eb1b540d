package run

import (
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"fourdays/harness/hist"
	"fourdays/harness/report"
	"fourdays/harness/scenario"
)

const canaryFile = "../../scenarios/canary.yaml"

// TestTheCanaryIsCaught: whatever the seed, the oracle sees damage that nothing
// in the store resists. -short takes one seed.
func TestTheCanaryIsCaught(t *testing.T) {
	seeds := uint64(5)
	if testing.Short() {
		seeds = 1
	}
	for seed := uint64(1); seed <= seeds; seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			s := load(t, canaryFile)
			s.Seed = seed
			r, _ := rehearse(t, s)
			require.Equal(t, report.Pass, r.Verdict, r.Why)
			require.Subset(t, failing(r), []string{"D1", "I2", "I4", "I8"})
		})
	}
}

// TestTheCanaryIsQuietWithoutDamage: with the arrays sound, nothing is found in
// the same run of the same broken nodes.
func TestTheCanaryIsQuietWithoutDamage(t *testing.T) {
	t.Parallel()
	r, _ := rehearse(t, Disarmed(load(t, canaryFile)))
	require.Equal(t, report.Pass, r.Verdict, r.Why)
	require.Empty(t, failing(r))
}

// blindness changes what an oracle gets to see of an operation, and says whether
// it sees it at all. It begins anew for each history.
type blindness func() func(op *hist.Op) bool

// afterTheCut is when the canary's arrays lose power.
const afterTheCut = 16_000_000

// TestABlindOracleMissesTheCanary takes the record of a canary that was caught,
// covers one eye of the oracle after the other, and wants the canary to sing: what
// is expected of it no longer holds. Each row names what stops holding at least;
// together they are all that the canary expects of the oracle.
func TestABlindOracleMissesTheCanary(t *testing.T) {
	t.Parallel()
	s := load(t, canaryFile)
	r, dir := rehearse(t, s)
	require.Equal(t, report.Pass, r.Verdict, r.Why)
	r, err := Judge(s, blinded(t, dir, seesAll))
	require.NoError(t, err)
	require.Equal(t, report.Pass, r.Verdict, r.Why)

	for name, c := range map[string]struct {
		blind blindness
		loses []string
	}{
		"takes what was read as sent":   {seesNoBodies, []string{"altered", "check I8"}},
		"forgets what was acknowledged": {forgetsPromises, []string{"check D1", "lost"}},
		"looks nowhere after the cut":   {looksAway, []string{"available", "check D1", "check I4", "lost"}},
		"cannot tell messages apart":    {seesNoNames, []string{"check I2"}},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := Judge(s, blinded(t, dir, c.blind))
			require.NoError(t, err)
			require.NotEqual(t, report.Pass, r.Verdict)
			require.Subset(t, broken(r), c.loses, r.Why)
		})
	}
}

// broken names the expectations that do not hold, or cannot be told.
func broken(r *report.Run) (names []string) {
	for _, x := range r.Expectations {
		if x.Verdict != report.Pass {
			names = append(names, x.Name)
		}
	}
	slices.Sort(names)
	return names
}

func seesAll() func(*hist.Op) bool { return func(*hist.Op) bool { return true } }

// seesNoBodies puts the digest of what was sent in the place of what was read.
func seesNoBodies() func(*hist.Op) bool {
	sent := map[string]string{}
	return func(op *hist.Op) bool {
		if op.Message != "" && op.Digest != "" {
			sent[op.Message] = op.Digest
		}
		for m := range messages(op) {
			m.Digest, m.Damage = sent[m.Message], ""
		}
		return true
	}
}

// forgetsPromises takes every answer to a delivery as lost on the way.
func forgetsPromises() func(*hist.Op) bool {
	return func(op *hist.Op) bool {
		if op.Kind == hist.Deliver && op.Outcome == hist.OK {
			op.Outcome = hist.Unknown
		}
		return true
	}
}

// looksAway misses every view from the cut on.
func looksAway() func(*hist.Op) bool {
	return func(op *hist.Op) bool {
		return op.AnsweredUS < afterTheCut || op.View == nil && op.Kind != hist.Audit
	}
}

// seesNoNames knows of what is in a mailbox by its number alone.
func seesNoNames() func(*hist.Op) bool {
	return func(op *hist.Op) bool {
		for m := range messages(op) {
			*m = hist.Seen{Seq: m.Seq, UID: m.UID, Flags: m.Flags, ModSeq: m.ModSeq}
		}
		return true
	}
}

// messages are those of an operation's view, if it has one.
func messages(op *hist.Op) iter.Seq[*hist.Seen] {
	return func(yield func(*hist.Seen) bool) {
		for i := 0; op.View != nil && i < len(op.View.Messages); i++ {
			if !yield(&op.View.Messages[i]) {
				return
			}
		}
	}
}

// blinded copies a run directory, with the history as the oracle is to see it.
func blinded(t *testing.T, dir string, blind blindness) string {
	to := t.TempDir()
	f, err := os.Create(filepath.Join(to, historyFile))
	require.NoError(t, err)
	out, see := hist.NewWriter(f), blind()
	require.NoError(t, readHistory(dir, func(op *hist.Op) error {
		if !see(op) {
			return nil
		}
		return out.Write(op)
	}))
	require.NoError(t, out.Close())
	ev, err := loadEvidence(dir)
	require.NoError(t, err)
	ev.Operations = out.Count()
	require.NoError(t, ev.save(to))
	return to
}

// TestAPairThatIsSilentAboutDamageFails takes the damage of the canary as that of
// a pair whose author expected an outage and nothing else. What was altered, lost
// or given twice is not passed over for that: one by one, whatever such a pair
// leaves out makes it fail.
func TestAPairThatIsSilentAboutDamageFails(t *testing.T) {
	t.Parallel()
	s := load(t, canaryFile)
	_, dir := rehearse(t, s)
	honest := s.Expect
	for name, expect := range map[string]scenario.Expect{
		"nothing but the service": {Available: honest.Available},
		"no altered mail":         without(honest, "altered", "I2", "I8"),
		"no lost mail":            without(honest, "lost", "D1"),
		"no number given twice":   without(honest, "", "I4"),
	} {
		wrong := *s
		wrong.Expect = expect
		r, err := Judge(&wrong, dir)
		require.NoError(t, err)
		require.Equal(t, report.Fail, r.Verdict, name)
		require.Equal(t, []string{"other checks"}, broken(r), name)
	}
}

// without takes a count and checks out of an expectation.
func without(e scenario.Expect, count string, checks ...string) scenario.Expect {
	e.Counts = slices.DeleteFunc(slices.Clone(e.Counts), func(c scenario.Count) bool { return c.Name == count })
	e.Checks = slices.DeleteFunc(slices.Clone(e.Checks), func(c scenario.CheckWant) bool { return slices.Contains(checks, c.Check) })
	return e
}
