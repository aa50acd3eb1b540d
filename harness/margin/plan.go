package margin

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"fourdays/harness/report"
	"fourdays/harness/scenario"
	"fourdays/storage/bug"
)

// Hidden is the name under which a sweep arms its limit.
const Hidden = "hidden-limit"

// The settling of a swept run, at least: users come back and every mailbox is
// read. Picked.
const settle = time.Minute

// Case is one run of the sweep: a hidden limit of one counter, on one array or on
// all that run one OS.
type Case struct {
	Counter bug.Counter `json:"counter"`
	// Array or OS says who has the limit; the other is empty.
	Array string `json:"array,omitempty"`
	OS    string `json:"os,omitempty"`
	At    int64  `json:"at"`
	// Still says why the counter cannot be swept in this scenario; the rest is not
	// filled in then.
	Still    string             `json:"still,omitempty"`
	Scenario *scenario.Scenario `json:"-"`
}

// On says who has the limit, in words.
func (c *Case) On() string {
	if c.Array != "" {
		return "array " + c.Array
	}
	return "all of " + c.OS
}

// Name is that of its run.
func (c *Case) Name() string {
	who := "array-" + c.Array
	if c.OS != "" {
		who = "os-" + strings.Map(func(r rune) rune {
			if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
				return r
			}
			return '-'
		}, strings.ToLower(c.OS))
	}
	return who + "-" + strings.ReplaceAll(string(c.Counter), "_", "-")
}

// Plan is the sweep over every counter: on each array alone, and on all arrays of
// each OS that several have. A limit is put a third of the way that the counter
// went in the run r of s, so that it is met under load, and taken away when the
// script ends: what is there is read then.
func Plan(s *scenario.Scenario, r *report.Run) (all []Case) {
	var oses []string
	for _, a := range r.Arrays {
		all = append(all, cases(s, []report.Array{a}, Case{Array: a.Name})...)
		if !slices.Contains(oses, a.OS) {
			oses = append(oses, a.OS)
		}
	}
	for _, os := range oses {
		if with := running(r.Arrays, os); len(with) > 1 {
			all = append(all, cases(s, with, Case{OS: os})...)
		}
	}
	return all
}

func running(arrays []report.Array, os string) (with []report.Array) {
	for _, a := range arrays {
		if a.OS == os {
			with = append(with, a)
		}
	}
	return with
}

// cases are those of every counter for some arrays.
func cases(s *scenario.Scenario, arrays []report.Array, of Case) (all []Case) {
	for _, counter := range bug.Counters() {
		c := of
		c.Counter = counter
		switch from, to := reach(arrays, counter); {
		case counter == bug.PowerOnHours:
			c.hours(s, arrays)
		case to <= from:
			c.Still = still(counter)
		default:
			c.At = from + max(1, (to-from)/3)
			c.Scenario = c.with(s)
		}
		all = append(all, c)
	}
	return all
}

// reach is from where to where a counter went on all of some arrays.
func reach(arrays []report.Array, c bug.Counter) (from, to int64) {
	for i, a := range arrays {
		if i == 0 || a.Start[string(c)] > from {
			from = a.Start[string(c)]
		}
		if i == 0 || a.End[string(c)] < to {
			to = a.End[string(c)]
		}
	}
	return from, to
}

func still(c bug.Counter) string {
	switch c {
	case bug.PowerCycles, bug.PowerLosses:
		return "no power is lost in this scenario"
	}
	return "it does not move in this scenario"
}

// hours dates the arrays so that an hour is full a third into the script: a run is
// too short for it to be met otherwise.
func (c *Case) hours(s *scenario.Scenario, arrays []report.Array) {
	third := (s.Duration / 3).Round(time.Second)
	of := func(a scenario.Array) bool {
		return slices.ContainsFunc(arrays, func(r report.Array) bool { return r.Name == a.Name })
	}
	for _, a := range s.Storage.Arrays {
		if of(a) {
			c.At = max(c.At, int64((max(a.PowerOn, scenario.Lead)+third)/time.Hour)+1)
		}
	}
	dated := *s
	dated.Storage.Arrays = slices.Clone(s.Storage.Arrays)
	for i, a := range dated.Storage.Arrays {
		if of(a) {
			dated.Storage.Arrays[i].PowerOn = time.Duration(c.At)*time.Hour - third
		}
	}
	c.Scenario = c.with(&dated)
}

// with is a scenario with the limit in it, and nothing expected of it.
func (c *Case) with(s *scenario.Scenario) *scenario.Scenario {
	d := *s
	d.Name, d.Variant = c.Name(), scenario.Variant{}
	d.Title = fmt.Sprintf("%s, with a hidden limit of %s at %d on %s", s.Title, c.Counter, c.At, c.On())
	d.Proves, d.Expect = "", scenario.Expect{AnyOthers: true}
	d.Bugs = append(slices.Clone(s.Bugs), c.bug())
	on := scenario.Scope{Array: c.Array, OS: c.OS}
	d.Timeline = append([]scenario.Step{{Action: scenario.Arm{Bug: Hidden, As: Hidden, On: on}}}, s.Timeline...)
	d.Timeline = append(d.Timeline, scenario.Step{At: s.Duration, Action: scenario.Fix{Name: Hidden}})
	d.Settle = max(s.Settle, settle)
	return &d
}

// bug is the hidden limit: from a value of a counter on nothing is answered any
// more, as in January 2023.
func (c *Case) bug() bug.Bug {
	text := fmt.Sprintf(`id: %s
title: Nothing is answered any more once %s is at %d
class: hidden-limit
evidence:
  label: generic
  note: Put here by a sweep; nobody has documented it.
  picked: [trigger, ops, reply, extent, persistence, shows]
trigger: {count: %s, at: %d}
effect:
  ops: [open, read, write, truncate, fsync, fsyncdir, close, stat, readdir, mkdir, rmdir, unlink, rename, statfs]
  reply: never
scope: {extent: array}
persistence: until_fix
shows: {to: [caller, user], reboot: stays, correlated: os}
`, Hidden, c.Counter, c.At, c.Counter, c.At)
	b, err := bug.Parse(Hidden, []byte(text))
	if err != nil {
		panic("margin: the hidden limit is no bug: " + err.Error())
	}
	return b
}
