package bug

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
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
	r.bug(n, &b)
	if len(r.errs) == 0 {
		for _, p := range b.problems() {
			r.fail(r.where(p.key), "%s", p.msg)
		}
	}
	return b, errors.Join(r.errs...)
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

// reader turns YAML nodes into a bug and remembers where each key stood.
type reader struct {
	file string
	errs []error
	at   map[string]*yaml.Node
}

func (r *reader) fail(n *yaml.Node, format string, args ...any) {
	r.errs = append(r.errs, &Error{r.file, max(1, n.Line), max(1, n.Column), fmt.Sprintf(format, args...)})
}

// where is the node of a key, or of the nearest one above it that is there.
func (r *reader) where(key string) *yaml.Node {
	for {
		if n := r.at[key]; n != nil {
			return n
		}
		key = key[:max(0, strings.LastIndexByte(key, '.'))]
	}
}

// field is a key and what reads its value.
type field struct {
	key  string
	read func(*yaml.Node)
}

// mapping reads the keys of a mapping; what is what the mapping describes.
func (r *reader) mapping(n *yaml.Node, path, what string, fields ...field) {
	if n.Kind != yaml.MappingNode {
		r.fail(n, "%s has to be a mapping with the keys %s", what, keys(fields))
		return
	}
	met := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		f := slices.IndexFunc(fields, func(f field) bool { return f.key == k.Value })
		switch {
		case f < 0:
			r.fail(k, "unknown key %q in %s; its keys are %s", k.Value, what, keys(fields))
		case met[k.Value]:
			r.fail(k, "%s is there twice", k.Value)
		case v.Kind == yaml.AliasNode || v.Anchor != "":
			r.fail(v, "anchors and aliases are not allowed: write the value out")
		default:
			met[k.Value] = true
			r.at[strings.TrimPrefix(path+"."+k.Value, ".")] = v
			fields[f].read(v)
		}
	}
}

func keys(fields []field) string {
	var all []string
	for _, f := range fields {
		all = append(all, f.key)
	}
	return strings.Join(all, ", ")
}

func (r *reader) text(n *yaml.Node, what string) (string, bool) {
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		r.fail(n, "%s has to be text", what)
		return "", false
	}
	return n.Value, true
}

func (r *reader) string(what string, to *string) func(*yaml.Node) {
	return func(n *yaml.Node) { *to, _ = r.text(n, what) }
}

func (r *reader) bool(what string, to *bool) func(*yaml.Node) {
	return func(n *yaml.Node) {
		if n.Value != "true" && n.Value != "false" {
			r.fail(n, "%s has to be true or false", what)
			return
		}
		*to = n.Value == "true"
	}
}

func (r *reader) int(what string, to *int64) func(*yaml.Node) {
	return func(n *yaml.Node) {
		v, err := strconv.ParseInt(n.Value, 10, 64)
		if n.Kind != yaml.ScalarNode || err != nil {
			r.fail(n, "%s has to be a whole number, not %q", what, n.Value)
			return
		}
		*to = v
	}
}

func (r *reader) share(what string, to *float64) func(*yaml.Node) {
	return func(n *yaml.Node) {
		v, err := strconv.ParseFloat(n.Value, 64)
		if n.Kind != yaml.ScalarNode || err != nil || !(v > 0 && v <= 1) {
			r.fail(n, "%s has to be a number above 0 and at most 1, not %q", what, n.Value)
			return
		}
		*to = v
	}
}

func (r *reader) list(n *yaml.Node, what string, each func(*yaml.Node)) {
	if n.Kind != yaml.SequenceNode {
		r.fail(n, "%s has to be a list in brackets", what)
		return
	}
	for _, item := range n.Content {
		if item.Kind == yaml.AliasNode || item.Anchor != "" {
			r.fail(item, "anchors and aliases are not allowed: write the value out")
			continue
		}
		each(item)
	}
}

func (r *reader) words(what string, to *[]string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		r.list(n, what, func(item *yaml.Node) {
			if s, ok := r.text(item, "an item of "+what); ok {
				*to = append(*to, s)
			}
		})
	}
}

// one reads a word that has to be one of a few.
func one[T ~string](r *reader, what string, to *T, allowed []T) func(*yaml.Node) {
	return func(n *yaml.Node) {
		if s, ok := r.text(n, what); ok && !slices.Contains(allowed, T(s)) {
			r.fail(n, "%s is %q; it can be %s", what, s, among(allowed))
		} else {
			*to = T(s)
		}
	}
}

func among[T ~string](words []T) string {
	var all []string
	for _, w := range words {
		all = append(all, string(w))
	}
	return strings.Join(all, ", ")
}
