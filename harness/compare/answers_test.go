package compare

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"fourdays/harness/report"
)

// onOSes gives the arrays of a run so many operating systems; at the end all
// nodes are on one of them, and that has the vendor's fix. Another array holds no
// copy.
func onOSes(r *report.Run, n int) {
	r.Arrays = []report.Array{{Name: "spool", OS: "another"}}
	for i, node := range r.Nodes {
		r.Arrays = append(r.Arrays, report.Array{Name: node.Array, OS: string(rune('a' + i%n)), StartUsed: 4096})
		r.Nodes[i].Array, r.Nodes[i].OS = "an1", "fixed/2.2"
	}
}

// TestWhetherThereWasASecondCopyNeedsAnotherOS: variants that differ in it answer
// the eighth question, and others do not.
func TestWhetherThereWasASecondCopyNeedsAnotherOS(t *testing.T) {
	runs := tenSeeds()
	for _, r := range runs {
		onOSes(r, map[string]int{"one-os": 1, "two-oses": 2, "three-oses": 3}[r.Variant.Name])
	}
	got := Over(runs).Answers
	require.Len(t, got, 1)
	require.Equal(t, 8, got[0].N)
	require.Equal(t, "There were 3 copies. In one-os they stood on 1 OS; in three-oses on 3 OSes. Nobody was served for > 55 s there, and for 3.1 s here.", got[0].Answer)
	require.Equal(t, "3 copies on 3 arrays and 1 OS; nobody served for > 55 s", got[0].Figures[0].Value)
	require.Contains(t, Over(runs[:3]).Answers[0].Answer, "of so few runs that may be chance.")
	require.NotEmpty(t, table(runs[:3]...).Answers, "single runs side by side answer it as well")

	broken := slices.Clone(runs)
	for i, r := range runs {
		if r.Variant.Name == "two-oses" {
			one := *r
			one.Verdict = report.Aborted
			broken[i] = &one
		}
	}
	require.Len(t, Over(broken).Answers[0].Figures, 2, "a variant without an outcome is left out")

	for _, r := range runs {
		onOSes(r, 1)
	}
	require.Empty(t, Over(runs).Answers, "all variants stand on one OS")
	for _, r := range runs {
		r.Nodes = r.Nodes[:1]
	}
	require.Empty(t, Over(runs).Answers, "there was one copy only")
}

// TestWhatIntegrityFirstCostNeedsBothPolicies: they are told by when the script
// verified and when it opened.
func TestWhatIntegrityFirstCostNeedsBothPolicies(t *testing.T) {
	runs := tenSeeds()
	for _, r := range runs {
		switch r.Variant.Name {
		case "two-oses":
			r.Milestones = report.Milestones{VerifyFromMS: ms(10), VerifiedMS: ms(20), FirstReopenMS: ms(30), LastReopenMS: ms(90)}
		case "three-oses":
			r.Milestones = report.Milestones{FirstReopenMS: ms(5), LastReopenMS: ms(5)}
		}
	}
	got := Over(runs).Answers
	require.Len(t, got, 1)
	require.Equal(t, 9, got[0].N)
	require.Equal(t, "two-oses verified before anything was opened: 0.55 [0.51 … 0.58] mailbox-hours, mail lost in 0 of 10 (≤ 3/10), altered in 0 of 10 (≤ 3/10). "+
		"three-oses opened without having verified: 0.055 [0.051 … 0.058] mailbox-hours, mail lost in 0 of 10 (≤ 3/10), altered in 0 of 10 (≤ 3/10).", got[0].Answer)
	require.Len(t, got[0].Figures, 2, "one-os opened nothing")

	for _, r := range runs {
		if r.Variant.Name == "three-oses" {
			r.Milestones.VerifyFromMS, r.Milestones.VerifiedMS, r.Milestones.LastReopenMS = ms(6), ms(8), ms(9)
		}
	}
	require.Contains(t, Over(runs).Answers[0].Figures[1].Value, mixed)
	for _, r := range runs {
		if r.Variant.Name == "one-os" {
			r.Steps = []report.Act{{Verb: "recover", Outcome: report.StepDone}}
		}
	}
	require.Equal(t, wentOn, Over(runs).Answers[0].Figures[0].Value)
	require.Contains(t, Over(runs).Answers[0].Answer, "one-os went on with the copy that was left: 0.55 [0.51 … 0.58] mailbox-hours, mail lost in 10 of 10")
	for _, r := range runs {
		r.Steps = nil
	}
	for _, r := range runs {
		r.Milestones = report.Milestones{VerifyFromMS: ms(10), VerifiedMS: ms(20), FirstReopenMS: ms(30), LastReopenMS: ms(90)}
	}
	require.Empty(t, Over(runs).Answers, "all verified first: there is nothing to set it against")
}

// TestAStoppedRunCountsForWhatHadHappened: who stops at the first loss has lost,
// and who stops for another reason has not shown that nothing would be.
func TestAStoppedRunCountsForWhatHadHappened(t *testing.T) {
	runs := tenSeeds()
	for i, r := range runs {
		if r.Variant.Name != "three-oses" && i < 12 {
			r.Verdict, r.Stopped = report.Aborted, &report.Stopped{When: "lost > 0"}
		}
	}
	s := Over(runs)
	require.Equal(t, "10 of 10", s.Variants[0].figure("loses").value())
	require.Equal(t, "0 of 6 (≤ 3/6)", s.Variants[1].figure("loses").value())
	require.Equal(t, 6, s.Variants[0].figure("lost").Known, "how much it would have been is not known")
	require.Contains(t, s.Notes[0], "4 of 10 runs have no outcome (6 pass, 4 aborted)")
	require.Contains(t, s.Notes[0], "the 4 stopped by a condition")
	require.Empty(t, s.Conclusion)
}
