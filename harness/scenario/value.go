package scenario

import (
	"cmp"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Bytes is an amount of data, or a bandwidth per second.
type Bytes int64

// Percent is a share of a hundred.
type Percent float64

// Fraction is the share of one.
func (p Percent) Fraction() float64 { return float64(p) / 100 }

// String is the share as a file spells it.
func (p Percent) String() string { return strconv.FormatFloat(float64(p), 'f', -1, 64) + "%" }

// Rate is a count per unit of time.
type Rate struct {
	Count float64
	Per   time.Duration // a second, minute, hour or day
}

// PerSecond is the rate in Hz.
func (r Rate) PerSecond() float64 {
	if r.Per == 0 {
		return 0
	}
	return r.Count / r.Per.Seconds()
}

// String is the rate as a file spells it.
func (r Rate) String() string {
	for _, u := range rateUnits {
		if u.per == r.Per {
			return strconv.FormatFloat(r.Count, 'f', -1, 64) + "/" + u.name
		}
	}
	return "0/s"
}

const day = 24 * time.Hour

var rateUnits = []struct {
	name string
	per  time.Duration
}{{"s", time.Second}, {"m", time.Minute}, {"h", time.Hour}, {"d", day}}

// byteUnits is in the order of printing: the first that divides evenly wins.
var byteUnits = []struct {
	name string
	size int64
}{
	{"TB", 1e12}, {"TiB", 1 << 40}, {"GB", 1e9}, {"GiB", 1 << 30},
	{"MB", 1e6}, {"MiB", 1 << 20}, {"KB", 1e3}, {"KiB", 1 << 10}, {"B", 1},
}

// String is the amount as a file spells it.
func (b Bytes) String() string {
	for _, u := range byteUnits {
		if b != 0 && int64(b)%u.size == 0 {
			return strconv.FormatInt(int64(b)/u.size, 10) + u.name
		}
	}
	return "0B"
}

// Duration renders d as a file spells it: 72h rather than 72h0m0s.
func Duration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// ParseDuration reads a Go duration with days: 90s, 1h30m, 4d, 1d12h. It accepts
// negative ones, so that the caller can say what is wrong with them.
func ParseDuration(s string) (time.Duration, error) {
	rest, negative := strings.CutPrefix(s, "-")
	total := time.Duration(0)
	if count, after, found := strings.Cut(rest, "d"); found {
		days, err := strconv.ParseFloat(count, 64)
		if err != nil || !plainNumber(count) || days > 100_000 {
			return 0, fmt.Errorf("%q is not a duration", s)
		}
		total, rest = time.Duration(days*float64(day)), after
	}
	if rest != "" {
		d, err := time.ParseDuration(rest)
		if err != nil || d < 0 || total > math.MaxInt64-d {
			return 0, fmt.Errorf("%q is not a duration", s)
		}
		total += d
	} else if total == 0 && !strings.Contains(s, "d") {
		return 0, fmt.Errorf("%q is not a duration", s)
	}
	if negative {
		total = -total
	}
	return total, nil
}

func parseBytes(s string) (Bytes, error) {
	for _, u := range byteUnits {
		digits, found := strings.CutSuffix(s, u.name)
		if !found || !plainNumber(digits) {
			continue
		}
		n, err := strconv.ParseFloat(digits, 64)
		if err != nil || n*float64(u.size) >= 1<<62 {
			break
		}
		if whole, err := strconv.ParseInt(digits, 10, 64); err == nil {
			return Bytes(whole * u.size), nil
		}
		return Bytes(n * float64(u.size)), nil
	}
	return 0, fmt.Errorf("%q is not an amount of data", s)
}

func parseRate(s string) (Rate, error) {
	count, unit, _ := strings.Cut(s, "/")
	for _, u := range rateUnits {
		if u.name != unit || !plainNumber(count) {
			continue
		}
		n, err := strconv.ParseFloat(count, 64)
		if err == nil && n <= 1e6 {
			if r := (Rate{n, u.per}); r.PerSecond() <= mostPerSecond {
				return r, nil
			}
			return Rate{}, fmt.Errorf("%q is more than a sample can play", s)
		}
	}
	return Rate{}, fmt.Errorf("%q is not a rate", s)
}

// mostPerSecond bounds a rate: a simulated cluster plays some tens of operations
// a second. Picked, far above that.
const mostPerSecond = 1000

func parsePercent(s string) (Percent, error) {
	digits, found := strings.CutSuffix(s, "%")
	n, err := strconv.ParseFloat(digits, 64)
	if err != nil || !plainNumber(digits) || n > 100 || !found && n != 0 {
		return 0, fmt.Errorf("%q is not a share", s)
	}
	return Percent(n), nil
}

func parseCond(s string) (Cond, error) {
	op, digits := comparison(s)
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || !plainNumber(digits) {
		return Cond{}, fmt.Errorf("%q is not a comparison", s)
	}
	return Cond{cmp.Or(op, "="), n}, nil
}

func parseLength(s string) (Length, error) {
	op, rest := comparison(s)
	d, err := ParseDuration(rest)
	if op == "" || err != nil || d < 0 || d > maxTime {
		return Length{}, fmt.Errorf("%q is not a comparison", s)
	}
	return Length{op, d}, nil
}

func comparison(s string) (op, rest string) {
	for _, op := range []string{">=", "<=", ">", "<"} {
		if after, found := strings.CutPrefix(s, op); found {
			return op, strings.TrimSpace(after)
		}
	}
	return "", s
}

// plainNumber refuses what strconv accepts and nobody means: signs, exponents,
// hexadecimals, underscores, Inf.
func plainNumber(s string) bool {
	return s != "" && strings.Trim(s, "0123456789.") == "" && s[0] != '.'
}
