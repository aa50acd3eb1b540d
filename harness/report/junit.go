package report

import (
	"bytes"
	"encoding/xml"
	"fmt"

	"fourdays/harness/check"
)

type junitSuites struct {
	XMLName  xml.Name   `xml:"testsuites"`
	Tests    int        `xml:"tests,attr"`
	Failures int        `xml:"failures,attr"`
	Errors   int        `xml:"errors,attr"`
	Skipped  int        `xml:"skipped,attr"`
	Time     string     `xml:"time,attr"`
	Suite    junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name       string          `xml:"name,attr"`
	Tests      int             `xml:"tests,attr"`
	Failures   int             `xml:"failures,attr"`
	Errors     int             `xml:"errors,attr"`
	Skipped    int             `xml:"skipped,attr"`
	Time       string          `xml:"time,attr"`
	Properties []junitProperty `xml:"properties>property"`
	Cases      []junitCase     `xml:"testcase"`
	Out        string          `xml:"system-out"`
}

type junitProperty struct {
	Name  string `xml:"name,attr"`
	Value string `xml:"value,attr"`
}

type junitCase struct {
	Name      string       `xml:"name,attr"`
	Classname string       `xml:"classname,attr"`
	Failure   *junitResult `xml:"failure"`
	Error     *junitResult `xml:"error"`
	Skipped   *junitResult `xml:"skipped"`
}

type junitResult struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// JUnit renders a run for CI suites: a suite is a scenario, a case is an
// expectation, a check, or the run as a whole. A violated expectation is a
// failure, a fault of the harness an error, what cannot be told is skipped. A
// violated check is a failure only when the run failed: where loss is expected,
// the check that sees it must not turn the suite red.
func JUnit(r *Run) ([]byte, error) {
	s := junitSuite{Name: "fourdays." + r.Scenario, Time: fmt.Sprintf("%.3f", float64(r.WallMS)/1000), Out: replay(r)}
	for _, p := range [][2]string{{"seed", fmt.Sprint(r.Seed)}, {"world", r.World}, {"digest", r.Digest}, {"verdict", r.Verdict}} {
		s.Properties = append(s.Properties, junitProperty{p[0], p[1]})
	}
	if r.Background != nil {
		s.Properties = append(s.Properties, junitProperty{"background", r.Background.String()})
	}
	s.add("run", overall(r))
	for _, x := range r.Expectations {
		s.add("expect "+x.Name, outcome(x.Verdict, fmt.Sprintf("want %s, got %s", x.Want, x.Got), x.Why))
	}
	for _, c := range r.Checks {
		s.add("check "+c.Name+" "+c.Title, ofCheck(c, r.Verdict))
	}
	out := junitSuites{Tests: s.Tests, Failures: s.Failures, Errors: s.Errors, Skipped: s.Skipped, Time: s.Time, Suite: s}
	var b bytes.Buffer
	b.WriteString(xml.Header)
	enc := xml.NewEncoder(&b)
	enc.Indent("", "  ")
	if err := enc.Encode(out); err != nil {
		return nil, err
	}
	b.WriteByte('\n')
	return b.Bytes(), nil
}

// overall is the case of the run itself: it tells a harness that failed from one
// that was stopped.
func overall(r *Run) junitCase {
	switch r.Verdict {
	case Error:
		return junitCase{Error: &junitResult{Message: "the harness failed: " + r.Why, Text: replay(r)}}
	case Aborted:
		return junitCase{Error: &junitResult{Message: "stopped: " + r.Why, Text: replay(r)}}
	case Inconclusive:
		return junitCase{Skipped: &junitResult{Message: "inconclusive: " + r.Why}}
	default:
		return junitCase{}
	}
}

func ofCheck(c check.Check, run string) junitCase {
	switch {
	case c.Verdict == check.Pass:
		return junitCase{}
	case c.Verdict == check.Fail && run == Fail:
		return junitCase{Failure: &junitResult{Message: "violated", Text: c.Why}}
	default:
		return junitCase{Skipped: &junitResult{Message: string(c.Verdict) + ": " + c.Why}}
	}
}

func outcome(verdict, message, why string) junitCase {
	switch verdict {
	case Fail:
		return junitCase{Failure: &junitResult{Message: message, Text: why}}
	case Unknown:
		return junitCase{Skipped: &junitResult{Message: "unknown: " + why}}
	default:
		return junitCase{}
	}
}

func (s *junitSuite) add(name string, c junitCase) {
	c.Name, c.Classname = name, s.Name
	s.Cases = append(s.Cases, c)
	s.Tests++
	switch {
	case c.Failure != nil:
		s.Failures++
	case c.Error != nil:
		s.Errors++
	case c.Skipped != nil:
		s.Skipped++
	}
}

// replay is how to see the same run again.
func replay(r *Run) string {
	return fmt.Sprintf("seed %d, digest %s; again: %s", r.Seed, r.digest(), r.Again())
}
