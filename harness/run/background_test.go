package run

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fourdays/harness/report"
	"fourdays/harness/scenario"
	"fourdays/storage/array"
)

func receiptOf(t *testing.T, r *report.Run, bug string) report.Fault {
	t.Helper()
	for _, f := range r.Faults {
		if f.Bug == bug {
			return f
		}
	}
	t.Fatal("no receipt of " + bug)
	return report.Fault{}
}

// TestABackgroundOfNothingIsSaidAndIsNoFailure: what may or may not come does not
// have to.
func TestABackgroundOfNothingIsSaidAndIsNoFailure(t *testing.T) {
	t.Parallel()
	s := load(t, "testdata/quiet.yaml")
	s.Background = &scenario.Background{Profile: "nearline-field", Drives: 36, Accelerate: 1}
	r, _ := rehearse(t, s)
	require.Equal(t, report.Pass, r.Verdict, r.Why)
	require.Equal(t, &report.Background{Profile: "nearline-field", Accelerate: 1}, r.Background)
	require.Len(t, r.Faults, 7, "one receipt for each phenomenon")
	require.Equal(t, "0 drawn", receiptOf(t, r, "drive-failure").Observed)
}

// TestTheBackgroundStrikes: the tour's two months, as one place to look at what
// was drawn and what became of it. What the drives of an array can hide from the
// store they do, and what they cannot is felt.
func TestTheBackgroundStrikes(t *testing.T) {
	t.Parallel()
	s := load(t, "../../scenarios/tour/background-noise.yaml")
	s.Background.Accelerate, s.Seed = 300, 1
	for i := range s.Storage.Arrays {
		s.Storage.Arrays[i].Tolerance = 4
	}
	s.Timeline[0].Action = scenario.Leap{Until: 96 * time.Hour}
	for i, node := range s.Nodes() { // who starts reads all that it holds
		s.Timeline = append(s.Timeline, scenario.Step{At: 96*time.Hour + time.Duration(10+20*i)*time.Second, Action: scenario.Restart{Nodes: []string{node}}})
	}
	s.Duration = 96*time.Hour + 2*time.Minute
	s.Workload.Until = s.Duration
	r, dir := rehearse(t, s)
	ev, err := loadEvidence(dir)
	require.NoError(t, err)
	require.EqualValues(t, 300, r.Background.Accelerate)

	drawn := int64(0)
	for _, f := range ev.Noise.Faults {
		drawn += f.Drawn
		require.Equal(t, f.Drawn > 0, f.ArmedAtMS != nil, f.Bug)
		require.Len(t, f.Rules, int(f.Drawn))
	}
	require.Equal(t, r.Background.Drawn, drawn)
	require.Greater(t, drawn, int64(20))
	drives := receiptOf(t, r, "drive-failure")
	require.Equal(t, array.MaskedByRAID, drives.MaskedBy)
	require.Positive(t, drives.Masked)
	sectors := receiptOf(t, r, "latent-sector-error")
	require.Equal(t, array.MaskedByRAID, sectors.MaskedBy)
	require.Positive(t, sectors.Masked)
	require.Contains(t, receiptOf(t, r, "drive-slow").Observed, "reached the application")
}

// TestReceiptsOfAPhenomenonAddUp to one: the first, the last, and all that fired.
func TestReceiptsOfAPhenomenonAddUp(t *testing.T) {
	n := &noiseFault{Drawn: 3, Blocks: 9, Empty: 2}
	at := func(s int) time.Duration { return lead + time.Duration(s)*time.Second }
	n.add(array.Receipt{Fired: 2, FirstAt: at(30), LastAt: at(40), Where: "late"})
	n.add(array.Receipt{Masked: 4, MaskedBy: array.MaskedByRAID})
	n.add(array.Receipt{Fired: 1, FirstAt: at(10), LastAt: at(20), Where: "early", Observed: true, ObservedAt: at(15)})
	require.EqualValues(t, 3, n.Fired)
	require.EqualValues(t, 4, n.Masked)
	require.Equal(t, "raid", n.MaskedBy)
	require.Equal(t, "early", n.Where)
	require.Equal(t, []int64{10_000, 40_000, 15_000}, []int64{*n.FirstAtMS, *n.LastAtMS, *n.ObservedAtMS})
	require.Equal(t, "3 drawn with 9 blocks, 2 of them found nothing stored, reached the application", n.words())
}
