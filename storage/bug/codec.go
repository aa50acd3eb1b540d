package bug

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// A codec is one place in a bug. It is the single description of that place:
// how it is read, how it is printed, and what an editor is told of it.
type codec interface {
	read(r *reader, n *yaml.Node, path string)
	print() string // empty if it is left out
	schema() object
	hint() string // what can stand there, as the end of an error; may be empty
}

// object is a JSON object of the schema.
type object map[string]any

// reader turns YAML nodes into a bug and remembers where each key stood.
type reader struct {
	file  string
	errs  []error
	at    map[string]*yaml.Node
	depth int // of triggers
}

func (r *reader) fail(n *yaml.Node, format string, args ...any) {
	r.errs = append(r.errs, &Error{r.file, max(1, n.Line), max(1, n.Column), fmt.Sprintf(format, args...)})
}

// failed reports whether something is wrong with a node already.
func (r *reader) failed(n *yaml.Node) bool {
	return slices.ContainsFunc(r.errs, func(err error) bool {
		e := err.(*Error)
		return e.Line == n.Line && e.Col == n.Column
	})
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

// plain refuses what would make a short file long or say something twice:
// anchors, aliases and explicit types.
func (r *reader) plain(n *yaml.Node) bool {
	switch {
	case n.Kind == yaml.AliasNode || n.Anchor != "":
		r.fail(n, "anchors and aliases are not allowed: write the value out")
	case n.Style&yaml.TaggedStyle != 0:
		r.fail(n, "the type %s is not allowed here: write the value alone", n.Tag)
	default:
		return true
	}
	return false
}

// field is a key with what stands there.
type field struct {
	key  string
	doc  string // for those who write one
	must bool
	codec
}

func may(key, doc string, c codec) field  { return field{key, doc, false, c} }
func must(key, doc string, c codec) field { return field{key, doc, true, c} }

// mapping is keys and values; what is what they describe.
type mapping struct {
	what   string
	fields []field
}

func (m mapping) keys() []string {
	var all []string
	for _, f := range m.fields {
		all = append(all, f.key)
	}
	return all
}

func (m mapping) read(r *reader, n *yaml.Node, path string) {
	if !r.plain(n) {
		return
	}
	if n.Kind != yaml.MappingNode {
		r.fail(n, "%s has to be a mapping with the keys %s", m.what, among(m.keys()))
		return
	}
	met, before := map[string]bool{}, len(r.errs)
	for i := 0; i+1 < len(n.Content); i += 2 {
		m.readKey(r, n.Content[i], n.Content[i+1], path, met)
	}
	for _, f := range m.fields {
		if f.must && !met[f.key] && len(r.errs) == before {
			r.fail(n, "%s needs %s%s", m.what, f.key, f.hint())
		}
	}
}

func (m mapping) hint() string { return ": a mapping with the keys " + among(m.keys()) }

func (m mapping) readKey(r *reader, k, v *yaml.Node, path string, met map[string]bool) {
	i := slices.Index(m.keys(), k.Value)
	switch {
	case !r.plain(k):
	case k.Kind != yaml.ScalarNode:
		r.fail(k, "a key of %s has to be plain text; its keys are %s", m.what, among(m.keys()))
	case i < 0:
		r.fail(k, "unknown key %q in %s; its keys are %s%s", k.Value, m.what, among(m.keys()), near(k.Value, m.keys()))
	case met[k.Value]:
		r.fail(k, "%s is there twice", k.Value)
	default:
		met[k.Value] = true
		at := strings.TrimPrefix(path+"."+k.Value, ".")
		r.at[at] = v
		m.fields[i].read(r, v, at)
	}
}

// print is the mapping on one line, without the keys that have nothing to say.
func (m mapping) print() string {
	var parts []string
	for _, f := range m.fields {
		if s := f.print(); s != "" {
			parts = append(parts, f.key+": "+s)
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

func (m mapping) schema() object {
	properties := object{}
	var required []string
	for _, f := range m.fields {
		s := f.schema()
		if _, isRef := s["$ref"]; f.doc != "" && !isRef {
			s["description"] = f.doc
		}
		properties[f.key] = s
		if f.must {
			required = append(required, f.key)
		}
	}
	out := object{"type": "object", "additionalProperties": false, "properties": properties}
	if required != nil {
		out["required"] = required
	}
	return out
}

// list is several of one kind, each made and shown by each.
type list[T any] struct {
	to     *[]T
	want   string // the end of an error
	each   func(*T) codec
	filled bool // one at least
	unique bool // no two alike; Check sees to it
}

func (l list[T]) read(r *reader, n *yaml.Node, path string) {
	if !r.plain(n) {
		return
	}
	if n.Kind != yaml.SequenceNode {
		r.fail(n, "%s has to be a list in brackets%s", last(path), l.want)
		return
	}
	if l.filled && len(n.Content) == 0 {
		r.fail(n, "%s is empty: it needs one at least%s", last(path), l.hint())
	}
	for i, item := range n.Content {
		var v T
		at := fmt.Sprintf("%s.%d", path, i)
		r.at[at] = item
		l.each(&v).read(r, item, at)
		*l.to = append(*l.to, v)
	}
}

func (l list[T]) print() string {
	var parts []string
	for i := range *l.to {
		parts = append(parts, l.each(&(*l.to)[i]).print())
	}
	if parts == nil {
		return ""
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

func (l list[T]) schema() object {
	var v T
	s := object{"type": "array", "items": l.each(&v).schema()}
	if l.filled {
		s["minItems"] = 1
	}
	if l.unique {
		s["uniqueItems"] = true
	}
	return s
}

func (l list[T]) hint() string {
	var v T
	return "; each" + strings.TrimPrefix(l.each(&v).hint(), "; it")
}

// last is the key at the end of a path, for an error: items of a list go by the
// name of the list.
func last(path string) string {
	keys := strings.Split(path, ".")
	for len(keys) > 1 && keys[len(keys)-1][0] <= '9' {
		keys = keys[:len(keys)-1]
	}
	return keys[len(keys)-1]
}
