package bug

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

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

// argument is the number in the brackets of a call: a whole number without a sign, or 0.
func argument(arg string) int64 {
	n, err := strconv.ParseInt(arg, 10, 64)
	if err != nil || arg[0] == '+' {
		return 0
	}
	return n
}

func pattern(p string) object { return object{"type": "string", "pattern": "^(" + p + ")$"} }

const inBrackets = `\([1-9][0-9]*\)`

func reply(to *Reply) scalar {
	names := append([]string{"ok", "never"}, errnoNames()...)
	return scalar{want: "can be ok, never, or an error: " + among(errnoNames()), near: names,
		form: object{"enum": names}, show: to.print,
		set: func(s string) bool {
			errno, known := errnoByName(s)
			*to = Reply{Errno: errno, Never: s == "never"}
			return known || to.Never || s == "ok"
		}}
}

func (r Reply) print() string {
	if r.Never {
		return "never"
	}
	return errnoName(r.Errno)
}

func change(to *Change) scalar {
	return scalar{want: "can be same, zero, other, old(versions), flip(bits) or cut(bytes), with whole numbers from 1 on",
		near: []string{"same", "zero", "other"}, form: pattern(`same|zero|other|(old|flip|cut)` + inBrackets), show: to.print,
		set: func(s string) bool {
			w, arg := call(s)
			*to = Change{Kind: Corruption(w)}
			if s == "same" {
				*to = Change{}
			} else if arg != "" {
				to.N = argument(arg)
			}
			return s != "" && to.fits() && (arg == "") == (to.N == 0)
		}}
}

// fits reports whether a change has the number that its kind needs, and no other.
func (c Change) fits() bool {
	switch c.Kind {
	case Same, Zero, Other:
		return c.N == 0
	case Old, Flip, Cut:
		return c.N >= 1 && c.N <= maxN
	}
	return false
}

func (c Change) print() string {
	if c.N == 0 {
		return string(c.Kind)
	}
	return fmt.Sprintf("%s(%d)", c.Kind, c.N)
}

func persist(to *Persist) scalar {
	return scalar{want: "can be yes, no, elsewhere, behind, partial(bytes) or late(time)",
		near: []string{"yes", "no", "elsewhere", "behind"}, show: to.print,
		form: pattern(`yes|no|elsewhere|behind|partial` + inBrackets + `|late\(` + durationForm + `\)`),
		set: func(s string) bool {
			w, arg := call(s)
			*to = Persist{Kind: Durability(w)}
			switch {
			case s == "yes":
				*to = Persist{}
			case to.Kind == Partial:
				to.Unit = argument(arg)
			case to.Kind == Late:
				to.Late, _ = parseDuration(arg)
			case arg != "":
				return false
			}
			return s != "" && to.fits()
		}}
}

// fits reports whether what becomes of a write has the number that it needs.
func (p Persist) fits() bool {
	switch p.Kind {
	case Yes, No, Elsewhere, Behind:
		return p.Unit == 0 && p.Late == 0
	case Partial:
		return p.Unit >= 1 && p.Unit <= maxUnit && p.Late == 0
	case Late:
		return p.Unit == 0 && p.Late > 0 && p.Late <= maxDuration
	}
	return false
}

func (p Persist) print() string {
	switch p.Kind {
	case No:
		return `"no"` // to other readers of YAML, plain no is false
	case Partial:
		return fmt.Sprintf("%s(%d)", p.Kind, p.Unit)
	case Late:
		return fmt.Sprintf("%s(%s)", p.Kind, printDuration(p.Late))
	}
	return string(p.Kind)
}

// persistence is the persistence with what may stand in its brackets.
func persistence(to *Persistence, retry *float64, returns *time.Duration) scalar {
	want := among(persistences) + ", transient(chance that the next try is right) or until_reboot(time after which it is back)"
	return scalar{want: "can be " + want, near: texts(persistences),
		form: pattern(strings.Join(texts(persistences), "|") + `|transient\((0?\.[0-9]+|1)(e-[0-9]+)?\)|until_reboot\(` + durationForm + `\)`),
		set: func(s string) (ok bool) {
			w, arg := call(s)
			*to, *retry, *returns, ok = Persistence(w), 0, 0, true
			switch {
			case arg == "":
			case *to == Transient:
				*retry, ok = parseShare(arg)
			case *to == UntilReboot:
				*returns, ok = parseDuration(arg)
				ok = ok && *returns > 0
			default:
				ok = false
			}
			return ok && slices.Contains(persistences, *to)
		},
		show: func() string {
			switch {
			case *retry != 0:
				return fmt.Sprintf("%s(%s)", *to, float(*retry))
			case *returns != 0:
				return fmt.Sprintf("%s(%s)", *to, printDuration(*returns))
			}
			return string(*to)
		}}
}

func parseShare(s string) (float64, bool) {
	f, err := strconv.ParseFloat(s, 64)
	return f, err == nil && isShare(f)
}
