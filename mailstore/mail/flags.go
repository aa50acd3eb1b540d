package mail

import (
	"slices"
	"strings"
)

// The permanent system flags, as bits of Flags.System.
const (
	Seen byte = 1 << iota
	Answered
	Flagged
	Deleted
	Draft

	systemMask = Seen | Answered | Flagged | Deleted | Draft
)

// systemNames are the names of the bits, in their order.
var systemNames = [...]string{"\\Seen", "\\Answered", "\\Flagged", "\\Deleted", "\\Draft"}

// Flags are the flags of one message. Keywords are sorted without regard to
// case and unique in the same sense, so that equal sets have equal bytes.
type Flags struct {
	System   byte
	Keywords []string
}

// ParseFlags reads flags as IMAP spells them.
func ParseFlags(names []string) (Flags, error) {
	var f Flags
	for _, name := range names {
		bit, err := systemBit(name)
		if err != nil {
			return Flags{}, err
		}
		if f.System |= bit; bit != 0 {
			continue
		}
		if !goodKeyword(name) {
			return Flags{}, ErrBadFlag
		}
		f.Keywords = addKeyword(f.Keywords, name)
	}
	if len(f.Keywords) > MaxKeywords {
		return Flags{}, ErrBadFlag
	}
	return f, nil
}

// systemBit returns the bit of a system flag, or 0 for what may be a keyword.
func systemBit(name string) (byte, error) {
	if name == "" || name[0] != '\\' {
		return 0, nil
	}
	for i, system := range systemNames {
		if strings.EqualFold(name, system) {
			return 1 << i, nil
		}
	}
	return 0, ErrBadFlag
}

func goodKeyword(s string) bool {
	if s == "" || len(s) > MaxKeyword {
		return false
	}
	for i := 0; i < len(s); i++ {
		if c := s[i]; c <= ' ' || c >= 0x7f || strings.IndexByte("(){%*\"\\]", c) >= 0 {
			return false
		}
	}
	return true
}

// Names lists the flags as IMAP spells them: system flags first.
func (f Flags) Names() []string {
	names := make([]string, 0, len(f.Keywords)+2)
	for i, name := range systemNames {
		if f.System&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return append(names, f.Keywords...)
}

// Equal says whether both are the same set.
func (f Flags) Equal(g Flags) bool {
	return f.System == g.System && slices.Equal(f.Keywords, g.Keywords)
}

// Has says whether a flag, as IMAP spells it, is set.
func (f Flags) Has(name string) bool {
	bit, err := systemBit(name)
	if err != nil {
		return false
	}
	if bit != 0 {
		return f.System&bit != 0
	}
	_, found := slices.BinarySearchFunc(f.Keywords, name, compareFold)
	return found
}

// FlagsOp says how STORE changes flags.
type FlagsOp byte

// The ways of STORE.
const (
	SetFlags FlagsOp = iota
	AddFlags
	RemoveFlags
)

// Apply returns the flags after an operation. Adding more keywords than a
// message may have leaves the surplus out: ok is false.
func (f Flags) Apply(op FlagsOp, change Flags) (result Flags, ok bool) {
	switch op {
	case SetFlags:
		return change, true
	case AddFlags:
		keywords := slices.Clone(f.Keywords)
		for _, keyword := range change.Keywords {
			keywords = addKeyword(keywords, keyword)
		}
		if len(keywords) > MaxKeywords {
			return f, false
		}
		return Flags{System: f.System | change.System, Keywords: keywords}, true
	default:
		var keywords []string
		for _, keyword := range f.Keywords {
			if !change.Has(keyword) {
				keywords = append(keywords, keyword)
			}
		}
		return Flags{System: f.System &^ change.System, Keywords: keywords}, true
	}
}

func addKeyword(keywords []string, keyword string) []string {
	at, found := slices.BinarySearchFunc(keywords, keyword, compareFold)
	if found {
		return keywords
	}
	return slices.Insert(keywords, at, keyword)
}

// compareFold orders ASCII without regard to case.
func compareFold(a, b string) int {
	for i := 0; i < len(a) && i < len(b); i++ {
		if x, y := lower(a[i]), lower(b[i]); x != y {
			return int(x) - int(y)
		}
	}
	return len(a) - len(b)
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
