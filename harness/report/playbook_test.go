package report

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"fourdays/harness/scenario"
)

func acted(outcomes ...string) (acts []Act) {
	for i, o := range outcomes {
		acts = append(acts, Act{Step: i + 1, Verb: "restart", What: "restart: [n1]", FromMS: ms(1000), ToMS: ms(6000), Outcome: o})
		if o == StepRefused || o == StepStuck {
			acts[i].Why = "because of " + o
		}
	}
	return acts
}

// TestAPlaybookIsJudgedByHowItEnds has a row for each end, and for what was
// expected of it.
func TestAPlaybookIsJudgedByHowItEnds(t *testing.T) {
	one, none := &scenario.Cond{Op: "=", N: 1}, &scenario.Cond{Op: "="}
	for name, c := range map[string]struct {
		book, steps []Act
		e           scenario.Expect
		want        map[string]string // expectation to verdict
	}{
		"none":                      {nil, nil, scenario.Expect{}, nil},
		"done":                      {acted(StepDone, StepDone), nil, scenario.Expect{}, map[string]string{"playbook": Pass}},
		"stuck":                     {acted(StepDone, StepStuck, StepSkipped), nil, scenario.Expect{}, map[string]string{"playbook": Fail}},
		"never begun":               {acted(StepSkipped), nil, scenario.Expect{}, map[string]string{"playbook": Fail}},
		"stuck, as expected":        {acted(StepStuck), nil, scenario.Expect{Playbook: scenario.Stuck}, map[string]string{"playbook": Pass}},
		"done, though not expected": {acted(StepDone), nil, scenario.Expect{Playbook: scenario.Stuck}, map[string]string{"playbook": Fail}},
		"refused":                   {acted(StepRefused, StepDone), nil, scenario.Expect{}, map[string]string{"playbook": Fail}},
		"refused, as expected":      {acted(StepRefused), nil, scenario.Expect{Playbook: scenario.RefusedOne, Refused: one}, map[string]string{"playbook": Pass, "refused": Pass}},
		"a refused step":            {nil, acted(StepRefused), scenario.Expect{}, map[string]string{"steps": Fail}},
		"a refused step, counted":   {nil, acted(StepRefused), scenario.Expect{Refused: one}, map[string]string{"refused": Pass, "steps": Pass}},
		"counted in both":           {acted(StepRefused), acted(StepRefused), scenario.Expect{Playbook: scenario.RefusedOne, Refused: one}, map[string]string{"playbook": Pass, "refused": Fail, "steps": Pass}},
		"unfinished and counted":    {nil, acted(StepStuck), scenario.Expect{Refused: none}, map[string]string{"refused": Pass, "steps": Fail}},
	} {
		got := map[string]string{}
		for _, x := range played(&Run{Playbook: c.book, Steps: c.steps}, &c.e) {
			got[x.Name] = x.Verdict
			if x.Verdict == Fail && x.Got != scenario.Done {
				require.Contains(t, x.Why, "step ", "%s: %+v", name, x)
			}
		}
		if c.want == nil {
			c.want = map[string]string{}
		}
		require.Equal(t, c.want, got, name)
	}
}

// TestAStoppedRunSaysAtWhat: the condition, its value and its moment are on the
// terminal and in junit.xml, and the run is no failure of the harness.
func TestAStoppedRunSaysAtWhat(t *testing.T) {
	r := outage()
	r.Verdict, r.Why = Aborted, "stopped at +5 s: the script says to stop when lost > 0, and it was 3"
	r.Stopped = &Stopped{When: "lost > 0", Note: "the rest only counts", Value: "3", AtMS: 5000}
	r.Playbook, r.Steps = acted(StepDone, StepStuck, StepSkipped), acted(StepRefused)
	Complete(r, expecting(nothingLost()))
	require.Equal(t, Aborted, r.Verdict)
	var b bytes.Buffer
	require.NoError(t, Text(&b, r, ""))
	require.Contains(t, b.String(), "\nStopped\n  +5 s: lost > 0, and it was 3\n  the rest only counts\n")
	require.Contains(t, b.String(), "\nPlaybook\n  1  +1 s  done     restart: [n1]  took 5 s\n")
	require.Contains(t, b.String(), "  step 2: because of stuck\n")
	require.Contains(t, b.String(), "\nSteps of the script that may be refused\n  1  +1 s  refused  restart: [n1]  took 5 s\n")
	junit, err := JUnit(r)
	require.NoError(t, err)
	require.Contains(t, string(junit), `<error message="stopped: stopped at +5 s: the script says to stop when lost &gt; 0, and it was 3">`)
	for _, x := range r.Expectations {
		require.NotEqual(t, Pass, x.Verdict, x.Name)
	}
}
