package report

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Span is a length of time for people, two units at most: 340 ms, 4.2 s, 3m20s,
// 72h, 88h12m.
func Span(ms int64) string {
	d := time.Duration(ms) * time.Millisecond
	switch {
	case d < 0:
		return "-" + Span(-ms)
	case d == 0:
		return "0 s"
	case d < time.Second:
		return fmt.Sprintf("%d ms", ms)
	case d < time.Minute:
		return strings.TrimSuffix(fmt.Sprintf("%.1f", d.Seconds()), ".0") + " s"
	case d < time.Hour:
		return trimZero(d.Round(time.Second), "m", "s", time.Minute, time.Second)
	default:
		return trimZero(d.Round(time.Minute), "h", "m", time.Hour, time.Minute)
	}
}

func trimZero(d time.Duration, big, small string, bigUnit, smallUnit time.Duration) string {
	out := fmt.Sprintf("%d%s", d/bigUnit, big)
	if rest := d % bigUnit / smallUnit; rest > 0 {
		out += fmt.Sprintf("%d%s", rest, small)
	}
	return out
}

// At is a moment of the run for people.
func At(ms int64) string { return "+" + Span(ms) }

// Count is a whole number for people: 9,000,000.
func Count(n int64) string {
	if n < 0 {
		return "-" + Count(-n)
	}
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// plural is a count with its noun.
func plural(n int64, noun string) string {
	switch {
	case n == 1:
	case strings.HasSuffix(noun, "x"):
		noun += "es"
	default:
		noun += "s"
	}
	return Count(n) + " " + noun
}

// Hours is a large amount of time, such as mailbox-hours.
func Hours(h float64) string {
	if h < 100 {
		return strconv.FormatFloat(h, 'f', 1, 64)
	}
	return Count(int64(h + 0.5))
}

// span prints a length that may not be known: "> 96h" when it was watched that
// long, "never" when that is all that can be said.
func (r *Run) span(ms *int64, name, none string) string {
	if ms != nil {
		return Span(*ms)
	}
	if over := overOf(r, name); over != nil {
		return "> " + Span(*over)
	}
	return none
}

func moment(ms *int64, none string) string {
	if ms == nil {
		return none
	}
	return At(*ms)
}
