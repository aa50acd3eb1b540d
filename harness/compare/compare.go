// Package compare lays the outcomes of runs that differ in one thing side by
// side.
//
// It owns the table: its rows, its columns, how it is printed, and the sentence
// that may stand below it. It assumes that each run was judged already and that
// run.json says all there is to know; a figure that is not in there is not in
// the table. It never imports a world, the storage, or what plays a scenario.
package compare

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"fourdays/harness/report"
)

// Schema is the version of the JSON that Encode writes.
const Schema = "fourdays/compare/1"

// Table is runs side by side.
type Table struct {
	Schema   string `json:"schema"`
	Scenario string `json:"scenario"` // what the runs are variants of, "" of nothing
	Title    string `json:"title"`
	Path     string `json:"path"`  // the file, as it was named on the command line
	Again    string `json:"again"` // the command that runs all of it again
	Rows     []Row  `json:"rows"`
	// Conclusion follows from the rows; it is empty when nothing does.
	Conclusion string `json:"conclusion"`
	// Answers are to those questions of the public that need several variants.
	Answers []report.Question `json:"answers"`
}

// Row is the outcome of one run. Times are in milliseconds; nil is unknown, or
// more than the Over beside it.
type Row struct {
	Variant string `json:"variant"`
	Title   string `json:"title"`
	Seed    uint64 `json:"seed"`
	Verdict string `json:"verdict"`
	Why     string `json:"why"`
	// Background says what noise the run was under, "" for none.
	Background string `json:"background,omitempty"`
	Mail       Mail   `json:"mail"`
	// Replicas are in the order of the scenario.
	Replicas []Replica `json:"replicas"`
	// Asked are the accounts that were asked for through IMAP at the end, and
	// Answered those of which some node showed something.
	Asked    int64 `json:"asked"`
	Answered int64 `json:"answered"`
	// WithoutMS is the longest time in which somebody asked and nobody was
	// served; nil when nobody asked. With WithoutOver set it is more, for that was
	// still so at the end.
	WithoutMS   *int64 `json:"without_service_ms"`
	WithoutOver bool   `json:"without_service_over"`
	RTAMS       *int64 `json:"rta_ms"`
	RTAOverMS   *int64 `json:"rta_over_ms"`
	Impact      bool   `json:"impact"` // something failed at all
	Digest      string `json:"digest"`
	Dir         string `json:"dir"`   // the run directory
	Again       string `json:"again"` // the command that runs it again
}

// Mail counts messages, as run.json does.
type Mail struct {
	Acknowledged int `json:"acknowledged"`
	Lost         int `json:"lost"`
	Altered      int `json:"altered"`
	Delayed      int `json:"delayed"`
	Bounced      int `json:"bounced"`
	Unread       int `json:"unread"` // acknowledged, and never looked for afterwards
}

// Replica is what became of one node.
type Replica struct {
	Node  string `json:"node"`
	Array string `json:"array"`
	OS    string `json:"os"`
	State string `json:"state"`
}

// Of makes the table of some runs, in their order. dirs are their run
// directories.
func Of(runs []*report.Run, dirs []string) *Table {
	t := &Table{Schema: Schema}
	for i, r := range runs {
		t.Rows = append(t.Rows, row(r, dirs[i]))
	}
	if len(runs) > 0 && runs[0].Variant != nil {
		t.Scenario, t.Title, t.Path = runs[0].Variant.Of, runs[0].Variant.Title, runs[0].File()
	}
	t.Again = again(runs)
	t.Conclusion = t.conclude()
	t.Answers = Over(runs).Answers
	return t
}

// again is the command that makes the table once more.
func again(runs []*report.Run) string {
	text := command(runs)
	if len(runs) > 0 && !slices.ContainsFunc(runs, func(r *report.Run) bool { return r.Seed != runs[0].Seed }) {
		text += fmt.Sprintf(" --seed %d", runs[0].Seed)
	}
	return text
}

// command compares the files of some runs, with what was given to all of them.
func command(runs []*report.Run) string {
	words := []string{"fourdays compare"}
	for i, r := range runs {
		if i == 0 || r.File() != runs[i-1].File() {
			words = append(words, r.File())
		}
	}
	for i := 0; len(runs) > 0 && i < len(runs[0].Args); i++ {
		if runs[0].Args[i] == "--variant" {
			i++ // the table has all of them
			continue
		}
		words = append(words, runs[0].Args[i])
	}
	return strings.Join(words, " ")
}

func row(r *report.Run, dir string) Row {
	m, rec := r.Mail, r.Recovery
	out := Row{
		Variant: r.Scenario, Title: r.Title, Seed: r.Seed, Verdict: r.Verdict, Why: r.Why,
		Mail:  Mail{m.Acknowledged, m.Lost, m.Altered, m.Delayed, m.Bounced, m.Unread},
		Asked: r.Audit.Asked, Answered: r.Audit.Answered, Replicas: []Replica{},
		WithoutMS: r.UnavailableMS, WithoutOver: r.Available != nil && !*r.Available,
		RTAMS: rec.RTAMS, Impact: rec.ImpactMS != nil, Digest: r.Digest, Dir: dir, Again: r.Again(),
	}
	if r.Background != nil {
		out.Background = r.Background.String()
	}
	if r.Variant != nil {
		out.Variant = r.Variant.Name
	}
	for _, n := range r.Nodes {
		out.Replicas = append(out.Replicas, Replica{n.ID, n.Array, n.OS, n.State})
	}
	for _, c := range rec.Censored {
		if c.Name == "rta_ms" {
			out.RTAOverMS = &c.OverMS
		}
	}
	return out
}

// Encode renders tables as JSON: the same bytes for the same runs.
func Encode(tables []*Table) ([]byte, error) {
	data, err := json.MarshalIndent(tables, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode table: %w", err)
	}
	return append(data, '\n'), nil
}

// nodes are those of all rows, in the order in which they first come.
func (t *Table) nodes() (all []string) {
	for _, r := range t.Rows {
		for _, p := range r.Replicas {
			if !slices.Contains(all, p.Node) {
				all = append(all, p.Node)
			}
		}
	}
	return all
}
