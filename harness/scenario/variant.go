package scenario

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"fourdays/storage/bug"
)

// Variant says which variant of its file a scenario is. It is zero for a file
// without variants.
type Variant struct {
	Name  string // its key below variants
	Of    string // the file's own name; the scenario's is that, a hyphen, and Name
	Title string // the file's own title; the scenario's is the variant's
}

// The limits on variants. Both picked: one is nothing to compare with, and a
// table of more than twenty is not read.
const (
	fewestVariants = 2
	mostVariants   = 20
)

// LoadAll reads a file as Load does, variants included.
func LoadAll(path string, others ...bug.Bug) ([]*Scenario, []byte, error) {
	src, err := readFile(path)
	if err != nil {
		return nil, nil, err
	}
	all, err := ParseAll(path, src, others...)
	return all, src, err
}

// ParseAll reads a file that may have variants: one scenario for each, in the
// file's order, or the one that the file is. A variant is the file with what
// stands below its name merged over it, key by key; lists and values are
// replaced. Positions in an error are those of the file. others are bugs that
// the scenarios can arm beside those of the catalogue and of the file.
func ParseAll(name string, src []byte, others ...bug.Bug) ([]*Scenario, error) {
	root, issue := tree(src)
	if issue != nil {
		return nil, newError(name, []Issue{*issue})
	}
	d := &decoder{others: others}
	if d.bounded(root, 1, new(int)); len(d.issues) > 0 {
		return nil, newError(name, d.issues)
	}
	base, variants := split(root)
	if variants == nil {
		s := d.whole(root)
		return one(name, s, d.issues)
	}
	return d.all(name, base, variants)
}

func one(name string, s *Scenario, issues []Issue) ([]*Scenario, error) {
	if len(issues) > 0 {
		return nil, newError(name, issues)
	}
	return []*Scenario{s}, nil
}

// whole reads a scenario and makes the checks that look at several of its parts.
func (d *decoder) whole(root *yaml.Node) *Scenario {
	s := d.scenario(root)
	for _, check := range d.checks {
		check()
	}
	return s
}

// split takes the variants out of a file.
func split(root *yaml.Node) (base, variants *yaml.Node) {
	if root.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(root.Content); i += 2 {
			if root.Content[i].Value == variantsKey {
				rest := *root
				rest.Content = slices.Delete(slices.Clone(root.Content), i, i+2)
				return &rest, root.Content[i+1]
			}
		}
	}
	return root, nil
}

const variantsKey = "variants"

// variants refuses them where one scenario is wanted.
func (d *decoder) variants(n *yaml.Node) {
	if d.within == "" {
		d.wrong(n, "want one scenario: name one of its variants", "the file has variants")
	} else {
		d.wrong(n, "want them once, at the file's own level", "variants of a variant")
	}
}

// all reads each variant with a decoder of its own, and gathers what is wrong.
func (d *decoder) all(name string, base, variants *yaml.Node) ([]*Scenario, error) {
	var all []*Scenario
	found := &findings{}
	count := len(variants.Content) / 2
	read := d.pairs(variants, variantsKey, func(key, over *yaml.Node) {
		if count > mostVariants {
			return
		}
		v := &decoder{others: d.others, within: key.Value}
		all = append(all, v.variant(base, key, over))
		found.add(key.Value, v.issues)
	})
	if read && (count < fewestVariants || count > mostVariants) {
		d.wrong(variants, fmt.Sprintf("want %d to %d", fewestVariants, mostVariants), "the file has %d of them", count)
	}
	if issues := append(d.issues, found.issues(count)...); len(issues) > 0 {
		return nil, newError(name, issues)
	}
	return all, nil
}

func (d *decoder) variant(base, key, over *yaml.Node) *Scenario {
	if !nameForm.MatchString(key.Value) {
		d.wrong(key, wantName, "%q cannot name a variant", key.Value)
	}
	if over.Kind != yaml.MappingNode {
		d.wrong(over, "want what is different in it, such as {title: …, storage: …}", "the variant is %s", kindOf(over))
		return nil
	}
	if own := lookup(over, "name"); own != nil {
		d.wrong(own, "leave it out: its key is its name", "the variant has a name")
	}
	if lookup(over, "title") == nil {
		d.wrong(over, "add title: …", "the variant has no title")
	}
	d.newArrays(base, over)
	d.newStores(base, over)
	root := merge(base, over)
	root.Line, root.Column = base.Line, base.Column
	s := d.whole(root)
	s.Variant = Variant{Name: key.Value, Of: s.Name, Title: valueOf(base, "title")}
	if s.Name += "-" + key.Value; len(s.Name) > 80 {
		d.wrong(key, "shorten one of the two", "%q is longer than 80 characters", s.Name)
	}
	return s
}

// newStores refuses a store that only the variant has and that is spelt almost as
// one of the file: it would stand beside the one that was to be changed.
func (d *decoder) newStores(base, over *yaml.Node) {
	old := keysOf(at(base, "storage", "stores"))
	for _, key := range keyNodes(at(over, "storage", "stores")) {
		if !slices.Contains(old, key.Value) && closest(key.Value, old) != "" {
			d.wrong(key, oneOf(key.Value, old), "there is no store %q to change", key.Value)
		}
	}
}

// newArrays refuses an array that only the variant has and nothing in it uses: it
// is the misspelt name of one that was to be changed.
func (d *decoder) newArrays(base, over *yaml.Node) {
	arrays := at(over, "storage", "arrays")
	old := keysOf(at(base, "storage", "arrays"))
	if arrays == nil || len(old) == 0 {
		return
	}
	all := merge(base, over)
	for _, key := range keyNodes(arrays) {
		used := mentions(at(all, "storage", "stores"), key.Value) || mentions(at(all, "timeline"), key.Value) || mentions(at(all, "playbook"), key.Value)
		if !slices.Contains(old, key.Value) && !used {
			d.wrong(key, oneOf(key.Value, old), "there is no array %q to change, and nothing is on it", key.Value)
		}
	}
}

// merge lays one mapping over another, key by key. Where both have a mapping
// the two are merged, and a mistake in it is the upper one's; else the upper
// value stands. A key that comes twice in either still does.
func merge(base, over *yaml.Node) *yaml.Node {
	out := *base
	out.Line, out.Column = over.Line, over.Column
	out.Content = slices.Clone(base.Content)
	done := map[string]bool{}
	for i := 0; i+1 < len(over.Content); i += 2 {
		key, value := over.Content[i], over.Content[i+1]
		j := indexOf(&out, key)
		if j < 0 || done[key.Value] {
			out.Content = append(out.Content, key, value)
			continue
		}
		done[key.Value] = true
		if old := out.Content[j+1]; old.Kind == yaml.MappingNode && value.Kind == yaml.MappingNode {
			value = merge(old, value)
		}
		out.Content[j], out.Content[j+1] = key, value
	}
	return &out
}

func indexOf(n, key *yaml.Node) int {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if k := n.Content[i]; k.Kind == yaml.ScalarNode && key.Kind == yaml.ScalarNode && k.Value == key.Value {
			return i
		}
	}
	return -1
}

func keyNodes(n *yaml.Node) (keys []*yaml.Node) {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		keys = append(keys, n.Content[i])
	}
	return keys
}

func keysOf(n *yaml.Node) (keys []string) {
	for _, k := range keyNodes(n) {
		keys = append(keys, k.Value)
	}
	return keys
}

// at follows keys down; nil when one is not there.
func at(n *yaml.Node, path ...string) *yaml.Node {
	for _, key := range path {
		if n = lookup(n, key); n == nil {
			return nil
		}
	}
	return n
}

func lookup(n *yaml.Node, key string) *yaml.Node {
	for i, k := range keyNodes(n) {
		if k.Value == key {
			return n.Content[2*i+1]
		}
	}
	return nil
}

func valueOf(n *yaml.Node, key string) string {
	if v := lookup(n, key); v != nil {
		return v.Value
	}
	return ""
}

// mentions says whether a value stands anywhere below n.
func mentions(n *yaml.Node, value string) bool {
	if n == nil {
		return false
	}
	return n.Kind == yaml.ScalarNode && n.Value == value ||
		slices.ContainsFunc(n.Content, func(c *yaml.Node) bool { return mentions(c, value) })
}

// findings are what is wrong, each once, with the variants in which it is.
type findings struct {
	list []Issue
	in   [][]string
}

func (f *findings) add(variant string, issues []Issue) {
	for _, issue := range issues {
		i := slices.Index(f.list, issue)
		if i < 0 {
			i = len(f.list)
			f.list, f.in = append(f.list, issue), append(f.in, nil)
		}
		if !slices.Contains(f.in[i], variant) {
			f.in[i] = append(f.in[i], variant)
		}
	}
}

// issues names the variants of what is not wrong in all.
func (f *findings) issues(count int) []Issue {
	for i, variants := range f.in {
		if len(variants) < count {
			f.list[i].What = "in variant " + strings.Join(variants, ", ") + ": " + f.list[i].What
		}
	}
	return f.list
}

// WarningsOf are the Warnings of all scenarios of a file; what is not said of all
// names the variants that it is said of.
func WarningsOf(all []*Scenario) []Issue {
	found := &findings{}
	for _, s := range all {
		found.add(s.Variant.Name, Warnings(s))
	}
	return newError("", found.issues(len(all))).Issues
}
