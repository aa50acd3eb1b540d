package run

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"fourdays/harness/report"
)

// TestTheTourGivesItsVerdicts plays every scenario of the tour, and every variant:
// each says itself what must come out.
func TestTheTourGivesItsVerdicts(t *testing.T) {
	files, err := filepath.Glob("../../scenarios/tour/*.yaml")
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(files), 9)
	for _, file := range files {
		for _, s := range loadAll(t, file) {
			t.Run(s.Name, func(t *testing.T) {
				t.Parallel()
				r, _ := rehearse(t, s)
				require.Equal(t, report.Pass, r.Verdict, r.Why)
			})
		}
	}
}

// TestTheFourDays plays the flagship twice, side by side: it holds what it
// expects, one seed is one digest, and the marks of the story are there.
func TestTheFourDays(t *testing.T) {
	runs := make([]*report.Run, 2)
	t.Run("twice", func(t *testing.T) {
		for i := range runs {
			t.Run("", func(t *testing.T) {
				t.Parallel()
				runs[i], _ = rehearse(t, load(t, "../../scenarios/libero-2023.yaml"))
			})
		}
	})
	r := runs[0]
	require.Equal(t, report.Pass, r.Verdict, r.Why)
	require.Equal(t, r.Digest, runs[1].Digest)
	require.NotNil(t, r.Recovery.RTAMS)
	hours := func(ms int64) float64 { return float64(ms) / 3_600_000 }
	require.InDelta(t, 143, hours(*r.Recovery.RTAMS), 2, "the last mailbox was back 143 h after the onset")
	require.InDelta(t, 90, hours(*r.Milestones.FirstReopenMS), 0.1)
	require.Positive(t, r.Mail.Bounced)
	require.Positive(t, r.Mail.Delayed)
	require.Zero(t, r.Mail.Lost)
	answered := map[int]bool{}
	for _, q := range r.Questions {
		answered[q.N] = q.Rehearsed
	}
	require.Equal(t, map[int]bool{1: true, 2: true, 3: true, 4: true, 5: true, 6: false, 7: true, 8: false, 9: false, 10: false, 11: true, 12: true}, answered)
}
