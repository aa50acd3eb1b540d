package prove

import (
	"fmt"
	"path"
	"strconv"
	"strings"
	"unicode"

	"fourdays/storage/bug"
)

// everyone is the OS of the population of a bug that names none. A bug is then
// armed on it, as a scenario would, so that there always is an outside.
const everyone = "acme/*"

// seats places volumes so that a population is told from the rest: one volume
// on the first array inside it, on request a second one there, one on another
// array inside, and one on an array outside, if there is an outside.
func seats(p bug.Population, second bool) ([]seat, error) {
	in, out, bounded := tags(p.OS)
	var all []seat
	add := func(arr, volume, tag string, inside bool) {
		all = append(all, seat{volume: volume, array: arr, os: tag, inside: inside})
	}
	add(sample(p.Array, "east", 0), sample(p.Volume, "n1", 0), in, true)
	if second {
		add(all[0].array, sample(p.Volume, "n2", 1), in, true)
	}
	add(sample(p.Array, "west", 1), sample(p.Volume, "n3", 2), in, true)
	switch {
	case bounded:
		add(sample(p.Array, "north", 2), sample(p.Volume, "n4", 3), out, false)
	case p.Array != "":
		add("outside-array", sample(p.Volume, "n4", 3), in, false)
	case p.Volume != "":
		add(sample(p.Array, "north", 2), "outside-volume", in, false)
	case p.Store != "":
		add(sample(p.Array, "north", 2), sample(p.Volume, "n4", 3), in, false)
	}
	for i := range all {
		if all[i].store = sample(p.Store, "main", 0); !all[i].inside && p.Store != "" {
			all[i].store = "outside-store"
		}
	}
	return distinct(all), inPopulation(all, p)
}

// distinct leaves out a volume whose name a population without a wildcard has
// already given away.
func distinct(all []seat) []seat {
	var out []seat
	seen := map[string]bool{}
	for _, s := range all {
		if !seen[s.volume] {
			out = append(out, s)
		}
		seen[s.volume] = true
	}
	return out
}

func inPopulation(all []seat, p bug.Population) error {
	for _, s := range all {
		if p.Has(bug.Host{OS: s.os, Array: s.array, Volume: s.volume, Store: s.store}) != s.inside {
			return fmt.Errorf("no rig for the population: volume %s on array %s with OS %s in store %s should have been inside: %v",
				s.volume, s.array, s.os, s.store, s.inside)
		}
	}
	return nil
}

// tags are an OS tag that a pattern means and one that it does not, if there is
// such a one.
func tags(pattern string) (in, out string, bounded bool) {
	for _, tag := range candidates(pattern) {
		if bug.MatchOS(pattern, tag) {
			if in == "" {
				in = tag
			}
		} else if out == "" {
			out = tag
		}
	}
	return in, out, out != ""
}

// candidates are versions around the one that a pattern names, and strangers.
func candidates(pattern string) []string {
	product, version, ok := strings.Cut(pattern, "/")
	prefix := sample(product, "", 0) + "/"
	if !ok {
		prefix, version = "", pattern
	}
	version = strings.TrimLeft(version, "<>=")
	near := []string{sample(version, "1.0", 0), before(version), version + "1"}
	all := make([]string, 0, len(near)+2)
	for _, v := range near {
		all = append(all, prefix+v)
	}
	return append(all, "other/9.4", "stranger/0.1")
}

// before is a version with its last number that is not 0 one less.
func before(version string) string {
	end := strings.LastIndexFunc(version, func(r rune) bool { return unicode.IsDigit(r) && r != '0' })
	if end < 0 {
		return version + "-"
	}
	n, _ := strconv.Atoi(version[end : end+1])
	return version[:end] + strconv.Itoa(n-1) + version[end+1:]
}

// sample is the i-th name that a glob means; the given one if there is no glob.
func sample(glob, otherwise string, i int) string {
	if glob == "" {
		return otherwise
	}
	var out strings.Builder
	for at := 0; at < len(glob); at++ {
		switch c := glob[at]; c {
		case '*':
			fmt.Fprintf(&out, "x%d", i)
		case '?':
			out.WriteByte('0' + byte(i%10))
		case '[':
			end := at + strings.IndexByte(glob[at:], ']')
			out.WriteByte(oneOf(glob[at+1:end], i))
			at = end
		case '\\':
			at++
			out.WriteByte(glob[at])
		default:
			out.WriteByte(c)
		}
	}
	return out.String()
}

// oneOf is the i-th character of a class; of a negated one, of those letters and
// digits that are not in it.
func oneOf(class string, i int) byte {
	within, negated := strings.CutPrefix(class, "^")
	var all []byte
	for c := byte(' ' + 1); c < 0x7f; c++ {
		ok, err := path.Match("["+within+"]", string(rune(c)))
		if letter := unicode.IsLetter(rune(c)) || unicode.IsDigit(rune(c)); err == nil && ok != negated && (letter || !negated) && c != '/' {
			all = append(all, c)
		}
	}
	if len(all) == 0 {
		return '_'
	}
	return all[i%len(all)]
}
