// Package margin says how far every counter of an array is from a limit, and what
// would happen if there were one where the counter is now.
//
// It owns the list of limits (those that the catalogue documents, and the widths
// of numbers), the sweep's plan (one run for each counter, with a hidden limit
// inside the run's range), what its runs mean, and the table of both. It assumes
// that run.json has the counters of the arrays, and that somebody else plays the
// plan. It never imports a world or what plays a scenario.
package margin

import (
	"slices"

	"fourdays/harness/report"
	"fourdays/harness/scenario"
	"fourdays/storage/bug"
)

// Schema is the version of the JSON that Encode writes.
const Schema = "fourdays/margin/1"

// Counters are the names of all counters.
func Counters() (names []string) {
	for _, c := range bug.Counters() {
		names = append(names, string(c))
	}
	return names
}

// Table is the margin of one scenario.
type Table struct {
	Schema   string `json:"schema"`
	Scenario string `json:"scenario"`
	Title    string `json:"title"`
	Seed     uint64 `json:"seed"`
	Again    string `json:"again"`  // the command that makes the table again
	Digest   string `json:"digest"` // of the run without a hidden limit
	// SpanMS is for how long the arrays were watched, LeaptMS how much of that was
	// leapt over, and Stands for how many mailboxes each of the simulated ones does.
	SpanMS  int64   `json:"span_ms"`
	LeaptMS int64   `json:"leapt_ms"`
	Stands  float64 `json:"stands_for"`
	Rows    []Row   `json:"rows"`
	// Sweep is empty if it was not played.
	Sweep []Outcome `json:"sweep"`
	// Cannot says what the table cannot tell.
	Cannot []string        `json:"cannot"`
	Answer report.Question `json:"answer"`
}

// Row is one counter of one array.
type Row struct {
	Array   string      `json:"array"`
	OS      string      `json:"os"`
	Counter bug.Counter `json:"counter"`
	Now     int64       `json:"now"` // at the end of the run
	// PerDay is how fast it grew in the run.
	PerDay float64 `json:"per_day"`
	// Documented and Widths are the limits ahead, the nearest first.
	Documented []Limit `json:"documented"`
	Widths     []Limit `json:"widths"`
}

// Of makes the table of a run of a scenario, without its sweep. It is nil if the
// run does not say what its arrays counted.
func Of(s *scenario.Scenario, r *report.Run, bugs []bug.Bug) *Table {
	t := &Table{Schema: Schema, Scenario: r.Scenario, Title: r.Title, Seed: r.Seed, Digest: r.Digest, LeaptMS: r.LeaptMS,
		Stands: float64(r.Population.Mailboxes) / float64(max(1, r.Population.Simulated)), Sweep: []Outcome{}}
	for i := range r.Arrays {
		a := &r.Arrays[i]
		if a.EndMS <= 0 {
			return nil
		}
		t.SpanMS = a.EndMS
		for _, c := range bug.Counters() {
			t.Rows = append(t.Rows, row(a, c, older(s, a.Name), bugs))
		}
	}
	if len(t.Rows) == 0 {
		return nil
	}
	return t
}

const dayMS = 24 * 3600_000

// row is one counter; older is how many hours longer than the array its oldest
// drive was powered.
func row(a *report.Array, c bug.Counter, older int64, bugs []bug.Bug) Row {
	did, _ := a.Did(string(c))
	r := Row{Array: a.Name, OS: a.OS, Counter: c, Now: a.End[string(c)], PerDay: float64(did) / float64(a.EndMS) * dayMS}
	switch c {
	case bug.PowerOnHours:
		r.Now, r.PerDay = r.Now+older, 24
	case bug.Uptime:
		r.PerDay = dayMS / 1000
	}
	r.Documented, r.Widths = Documented(bugs, c, r.Now), Widths(c, r.Now)
	for _, limits := range [][]Limit{r.Documented, r.Widths} {
		for i := range limits {
			if r.PerDay > 0 {
				days := float64(limits[i].At-r.Now) / r.PerDay
				limits[i].Days = &days
			}
		}
	}
	if r.Documented == nil {
		r.Documented = []Limit{}
	}
	return r
}

// older is how many hours longer than its array the oldest drive was in service.
func older(s *scenario.Scenario, name string) int64 {
	i := slices.IndexFunc(s.Storage.Arrays, func(a scenario.Array) bool { return a.Name == name })
	if i < 0 {
		return 0
	}
	return int64(s.Storage.Arrays[i].Skew.Hours())
}
