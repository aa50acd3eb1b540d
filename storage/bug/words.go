package bug

import (
	"strings"
	"syscall"
	"time"
)

// errnos are the errors that a bug can answer with.
var errnos = []struct {
	name  string
	errno syscall.Errno
}{
	{"EIO", syscall.EIO}, {"EROFS", syscall.EROFS}, {"ENOSPC", syscall.ENOSPC}, {"ENXIO", syscall.ENXIO},
	{"ENODEV", syscall.ENODEV}, {"ESTALE", syscall.ESTALE}, {"ETIMEDOUT", syscall.ETIMEDOUT},
	{"EDQUOT", syscall.EDQUOT}, {"EACCES", syscall.EACCES}, {"ENOENT", syscall.ENOENT}, {"EBUSY", syscall.EBUSY},
}

func errnoByName(name string) (syscall.Errno, bool) {
	for _, e := range errnos {
		if e.name == name {
			return e.errno, true
		}
	}
	return 0, false
}

func errnoName(errno syscall.Errno) string {
	for _, e := range errnos {
		if e.errno == errno {
			return e.name
		}
	}
	return ""
}

func errnoNames() string {
	var all []string
	for _, e := range errnos {
		all = append(all, e.name)
	}
	return among(all)
}

// call takes "word(argument)" apart; without brackets the argument is empty.
func call(s string) (word, arg string) {
	word, rest, ok := strings.Cut(s, "(")
	if !ok {
		return s, ""
	}
	arg, ok = strings.CutSuffix(rest, ")")
	if !ok || arg == "" {
		return s, ""
	}
	return word, arg
}

// parseRange reads "20ms" or "20ms..2s".
func parseRange(s string) (low, high time.Duration, ok bool) {
	from, to, isRange := strings.Cut(s, "..")
	if !isRange {
		to = from
	}
	low, okLow := parseDuration(from)
	high, okHigh := parseDuration(to)
	return low, high, okLow && okHigh && low <= high && high > 0
}

// printDuration is d without the zero parts that time.Duration adds: "72h".
func printDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
