package bug

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Print writes a bug so that Parse reads the same bug back. What is not a bug,
// as Check has it, prints as something that does not parse.
func Print(b Bug) []byte {
	var out bytes.Buffer
	ops := opsWords(&b)
	for _, f := range bugForm(&b, &ops).fields {
		if s := f.print(); s != "" {
			fmt.Fprintf(&out, "%s: %s\n", f.key, s)
		}
	}
	return out.Bytes()
}

var (
	plain    = regexp.MustCompile(`^[A-Za-z_/][A-Za-z0-9_/.*+-]*$`)
	reserved = []string{"null", "true", "false", "yes", "no", "on", "off", "y", "n"} // for one reader of YAML or another
)

// quote is a text as YAML reads it back, with quotes if it needs them.
func quote(s string) string {
	if plain.MatchString(s) && !slices.Contains(reserved, strings.ToLower(s)) {
		return s
	}
	return strconv.Quote(s)
}

func quoted(s string) string {
	if s == "" {
		return ""
	}
	return quote(s)
}

// String is the scope in one line, as receipts show it.
func (s Scope) String() string {
	p := s.Population
	pairs := [][2]string{{"os", p.OS}, {"array", p.Array}, {"volume", p.Volume}, {"store", p.Store},
		{"path", s.Path}, {"extent", string(s.Extent)}}
	if p.Controller != nil {
		pairs = append(pairs, [2]string{"controller", strconv.Itoa(*p.Controller)})
	}
	if p.SameAddress {
		pairs = append(pairs, [2]string{"same_address", "true"})
	}
	var parts []string
	for _, pair := range pairs {
		if pair[1] != "" {
			parts = append(parts, pair[0]+"="+pair[1])
		}
	}
	return strings.Join(parts, " ")
}
