package workload

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Schedule says when a sender tries again. It is written as one of
//
//	list 1m*4 5m*6 10m        these waits in turn; the last one repeats
//	double 20m..5h            a wait that doubles, up to a limit if one is given
//	age 5m..4000s             wait as long as the message is old, within bounds
//	square 400s               try at 400 s, 4·400 s, 9·400 s … after the first
//	exim F,2h,15m G,16h,1h,1.5 F,4d,6h    Exim's retry rules, as it writes them
//
// Durations are Go's, and d for days.
type Schedule struct {
	form      string
	steps     []step // list
	low, high time.Duration
	rules     []eximRule
}

type step struct {
	wait  time.Duration
	times int
}

// eximRule holds while the failure is younger than until: F waits each time for
// wait, G multiplies the wait before by factor and never waits less than wait.
type eximRule struct {
	geometric bool
	until     time.Duration
	wait      time.Duration
	factor    float64
}

// longest bounds a wait; no sender waits for years.
const longest = 1000 * 24 * time.Hour

// after is how long to wait after an attempt: the tries made so far, how long
// the thing has been failing or waiting, and how long the last wait was.
func (s *Schedule) after(tries int, age, gap time.Duration) time.Duration {
	switch s.form {
	case "list":
		return s.listed(tries)
	case "double":
		return s.doubled(tries)
	case "age":
		return min(max(age, s.low), s.high)
	case "square":
		n := math.Sqrt(float64(age)/float64(s.low)) + 1
		return max(time.Duration(n*n*float64(s.low))-age, s.low)
	}
	return s.exim(age, gap)
}

func (s *Schedule) listed(tries int) time.Duration {
	for _, st := range s.steps {
		if tries <= st.times {
			return st.wait
		}
		tries -= st.times
	}
	return s.steps[len(s.steps)-1].wait
}

func (s *Schedule) doubled(tries int) time.Duration {
	wait := s.low
	for range tries - 1 {
		if wait *= 2; wait >= s.high {
			return s.high
		}
	}
	return wait
}

func (s *Schedule) exim(age, gap time.Duration) time.Duration {
	rule := s.rules[len(s.rules)-1]
	for _, r := range s.rules {
		if age < r.until {
			rule = r
			break
		}
	}
	if !rule.geometric {
		return rule.wait
	}
	return max(rule.wait, time.Duration(min(float64(gap)*rule.factor, float64(longest))))
}

// ParseSchedule reads what String writes.
func ParseSchedule(text string) (Schedule, error) {
	words := strings.Fields(text)
	if len(words) < 2 {
		return Schedule{}, fmt.Errorf("parse schedule %q: a form and its numbers wanted, like \"double 20m\"", text)
	}
	s, err := Schedule{form: words[0]}, error(nil)
	switch s.form {
	case "list":
		err = s.parseList(words[1:])
	case "double", "age", "square":
		err = s.parseBounds(words[1:])
	case "exim":
		err = s.parseExim(words[1:])
	default:
		err = errors.New("the form is none of list, double, age, square, exim")
	}
	if err != nil {
		return Schedule{}, fmt.Errorf("parse schedule %q: %w", text, err)
	}
	return s, nil
}

func (s *Schedule) parseList(words []string) error {
	for _, w := range words {
		wait, times, counted := strings.Cut(w, "*")
		st := step{times: 1}
		var err error
		if st.wait, err = parseWait(wait); err != nil {
			return err
		}
		if counted {
			if st.times, err = strconv.Atoi(times); err != nil || st.times < 1 {
				return fmt.Errorf("%q is not a number of times", times)
			}
		}
		s.steps = append(s.steps, st)
	}
	return nil
}

func (s *Schedule) parseBounds(words []string) error {
	if len(words) != 1 {
		return errors.New("one duration or range wanted")
	}
	low, high, ranged := strings.Cut(words[0], "..")
	var err error
	if s.low, err = parseWait(low); err != nil {
		return err
	}
	s.high = longest
	if ranged {
		if s.high, err = parseWait(high); err != nil {
			return err
		}
	}
	switch {
	case ranged && s.form == "square":
		return errors.New("square takes one duration")
	case !ranged && s.form == "age":
		return errors.New("age takes a range")
	case s.high < s.low:
		return errors.New("the range ends before it starts")
	}
	return nil
}

func (s *Schedule) parseExim(words []string) error {
	for _, w := range words {
		r, err := parseEximRule(strings.Split(w, ","))
		if err != nil {
			return err
		}
		if n := len(s.rules); n > 0 && r.until <= s.rules[n-1].until {
			return fmt.Errorf("%q ends before the rule in front of it", w)
		}
		s.rules = append(s.rules, r)
	}
	return nil
}

func parseEximRule(fields []string) (eximRule, error) {
	var r eximRule
	r.geometric = fields[0] == "G"
	if fields[0] != "F" && fields[0] != "G" || len(fields) != 3 && !r.geometric || r.geometric && len(fields) != 4 {
		return r, fmt.Errorf("%q is neither F,until,wait nor G,until,wait,factor", strings.Join(fields, ","))
	}
	var err error
	if r.until, err = parseWait(fields[1]); err != nil {
		return r, err
	}
	if r.wait, err = parseWait(fields[2]); err != nil || !r.geometric {
		return r, err
	}
	r.factor, err = strconv.ParseFloat(fields[3], 64)
	if err != nil || !(r.factor >= 1 && r.factor <= 100) {
		return r, fmt.Errorf("%q is not a factor from 1 to 100", fields[3])
	}
	return r, nil
}

// String writes the schedule as ParseSchedule reads it.
func (s Schedule) String() string {
	words := []string{s.form}
	for _, st := range s.steps {
		w := formatWait(st.wait)
		if st.times > 1 {
			w += "*" + strconv.Itoa(st.times)
		}
		words = append(words, w)
	}
	for _, r := range s.rules {
		words = append(words, r.String())
	}
	if s.low > 0 {
		w := formatWait(s.low)
		if s.high < longest {
			w += ".." + formatWait(s.high)
		}
		words = append(words, w)
	}
	return strings.Join(words, " ")
}

// String writes the rule as Exim does.
func (r eximRule) String() string {
	if !r.geometric {
		return "F," + formatWait(r.until) + "," + formatWait(r.wait)
	}
	return "G," + formatWait(r.until) + "," + formatWait(r.wait) + "," + strconv.FormatFloat(r.factor, 'g', -1, 64)
}

func parseWait(text string) (time.Duration, error) {
	d, err := parseDuration(text)
	if err != nil || d < time.Second || d >= longest {
		return 0, fmt.Errorf("%q is not a duration from 1s to less than 1000d", text)
	}
	return d, nil
}

func parseDuration(text string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.ParseFloat(days, 64)
		if err != nil || !(n >= 0 && n < 1e4) {
			return 0, fmt.Errorf("%q is not a number of days", text)
		}
		return time.Duration(n * float64(24*time.Hour)), nil
	}
	return time.ParseDuration(text)
}

// formatWait writes whole days as days, and otherwise no units that are zero.
func formatWait(d time.Duration) string {
	const day = 24 * time.Hour
	if d%day == 0 {
		return strconv.FormatInt(int64(d/day), 10) + "d"
	}
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
