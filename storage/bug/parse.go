package bug

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"

	"go.yaml.in/yaml/v3"

	"fourdays/storage/vol"
)

// MaxFile is the largest bug file that is read (picked), and maxDepth how deep
// triggers may nest (picked).
const (
	MaxFile  = 1 << 20
	maxDepth = 16
)

// Error is one thing wrong in a bug file, and where.
type Error struct {
	File      string
	Line, Col int
	Msg       string
}

// Error is file:line:column and what is wrong.
func (e *Error) Error() string { return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Col, e.Msg) }

// Parse reads one bug. All that is wrong is reported at once, each as an
// *Error, joined; what it returns then is of no use.
func Parse(file string, text []byte) (Bug, error) {
	if len(text) > MaxFile {
		return Bug{}, &Error{file, 1, 1, fmt.Sprintf("%d bytes are too many for a bug; %d are allowed", len(text), MaxFile)}
	}
	dec := yaml.NewDecoder(bytes.NewReader(text))
	var doc, more yaml.Node
	if err := dec.Decode(&doc); err != nil {
		return Bug{}, syntaxError(file, err)
	}
	if err := dec.Decode(&more); !errors.Is(err, io.EOF) {
		return Bug{}, &Error{file, max(1, more.Line), max(1, more.Column), "one bug to a file: remove what follows ---"}
	}
	return ParseNode(file, doc.Content[0])
}

// ParseNode reads a bug that stands inside another file.
func ParseNode(file string, n *yaml.Node) (Bug, error) {
	r := &reader{file: file, at: map[string]*yaml.Node{"": n}}
	var b Bug
	var ops []string
	bugForm(&b, &ops).read(r, n, "")
	r.ops(&b, ops)
	if len(r.errs) == 0 {
		for _, p := range b.problems() {
			r.fail(r.where(p.key), "%s", p.msg)
		}
	}
	return b.Defaults(), errors.Join(r.errs...)
}

// ops makes operations or acts of the words of the effect, as the plane has it:
// the keys of a bug may come in any order.
func (r *reader) ops(b *Bug, words []string) {
	plane := b.Defaults().Plane
	if !slices.Contains(planes, plane) {
		return
	}
	for i, w := range words {
		n := r.where("effect.ops." + strconv.Itoa(i))
		if r.failed(n) {
			continue
		}
		k, isKind := vol.ParseKind(w)
		isAct := slices.Contains(acts, Act(w)) && Act(w).Plane() == plane
		switch {
		case plane == Data && isKind:
			b.Effect.Ops = append(b.Effect.Ops, k)
		case plane != Data && isAct:
			b.Effect.Acts = append(b.Effect.Acts, Act(w))
		default:
			r.fail(n, "%s", wrongOp(plane, w))
		}
	}
}

// wrongOp says what is wrong with an operation or act on a plane.
func wrongOp(p Plane, word string) string {
	right := opsOf(p)
	what := "operations are"
	if p != Data {
		what = "in the plane " + string(p) + " ops are"
	}
	msg := fmt.Sprintf("unknown operation %q", word)
	if _, isKind := vol.ParseKind(word); isKind {
		msg = fmt.Sprintf("%q is an operation of the plane data", word)
	} else if slices.Contains(acts, Act(word)) {
		msg = fmt.Sprintf("%q is an act of the plane %s", word, Act(word).Plane())
	}
	return fmt.Sprintf("%s; %s %s%s", msg, what, among(right), near(word, right))
}

// opsOf are the words that ops may have on a plane.
func opsOf(p Plane) []string {
	if p == Data {
		return kindNames(kinds)
	}
	return texts(actsOf(p))
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

func syntaxError(file string, err error) error {
	if errors.Is(err, io.EOF) {
		return &Error{file, 1, 1, "the file is empty; a bug starts with its id"}
	}
	line := 1
	m := yamlLine.FindStringSubmatch(err.Error())
	if m != nil && m[1] != "" {
		line, _ = strconv.Atoi(m[1])
	}
	return &Error{file, line, 1, "not YAML: " + yamlLine.ReplaceAllString(err.Error(), "")}
}
