package background

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"

	"fourdays/storage/bug"
)

//go:embed profiles/*.yaml
var shipped embed.FS

// Profiles are the profiles that ship with the program, by name.
var Profiles = sync.OnceValue(func() []Profile {
	files, err := shipped.ReadDir("profiles")
	if err != nil {
		panic(err)
	}
	var all []Profile
	for _, f := range files {
		text, err := shipped.ReadFile("profiles/" + f.Name())
		if err != nil {
			panic(err)
		}
		p, err := Parse(f.Name(), text)
		if err != nil {
			panic("background: a shipped profile is wrong: " + err.Error())
		}
		all = append(all, p)
	}
	return all
})

// Names are the names of the shipped profiles.
func Names() (all []string) {
	for _, p := range Profiles() {
		all = append(all, p.Name)
	}
	return all
}

// Get is the shipped profile of that name.
func Get(name string) (Profile, bool) {
	i := slices.IndexFunc(Profiles(), func(p Profile) bool { return p.Name == name })
	if i < 0 {
		return Profile{}, false
	}
	return Profiles()[i], true
}

// Parse reads a profile. All that is wrong is reported at once, each as a
// *bug.Error, joined; what it returns then is of no use.
func Parse(name string, text []byte) (Profile, error) {
	r := &reader{file: name}
	var doc yaml.Node
	if len(text) > bug.MaxFile {
		return Profile{}, &bug.Error{File: name, Line: 1, Col: 1, Msg: "the file is too large for a profile"}
	}
	if err := yaml.NewDecoder(bytes.NewReader(text)).Decode(&doc); err != nil {
		return Profile{}, &bug.Error{File: name, Line: 1, Col: 1, Msg: "not a YAML document: " + err.Error()}
	}
	var p Profile
	r.profile(doc.Content[0], &p)
	return p, errors.Join(r.errs...)
}

type reader struct {
	file string
	errs []error
}

func (r *reader) wrong(n *yaml.Node, format string, args ...any) {
	r.errs = append(r.errs, &bug.Error{File: r.file, Line: n.Line, Col: n.Column, Msg: fmt.Sprintf(format, args...)})
}

// fields are what reads the value of each key, in the order of printing.
type fields []struct {
	key  string
	read func(*yaml.Node)
}

func (r *reader) mapping(n *yaml.Node, what string, fs fields) {
	var keys []string
	for _, f := range fs {
		keys = append(keys, f.key)
	}
	if n.Kind != yaml.MappingNode {
		r.wrong(n, "%s has to be a mapping with the keys %s", what, strings.Join(keys, ", "))
		return
	}
	met := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		at := slices.Index(keys, key.Value)
		switch {
		case at < 0:
			r.wrong(key, "unknown key %q in %s; its keys are %s", key.Value, what, strings.Join(keys, ", "))
		case met[key.Value]:
			r.wrong(key, "%s is there twice", key.Value)
		case value.Kind == yaml.AliasNode || value.Anchor != "":
			r.wrong(value, "anchors and aliases are not allowed: write the value out")
		default:
			met[key.Value] = true
			fs[at].read(value)
		}
	}
}

func (r *reader) profile(n *yaml.Node, p *Profile) {
	r.mapping(n, "a profile", fields{
		{"name", func(n *yaml.Node) { p.Name = n.Value }},
		{"title", func(n *yaml.Node) { p.Title = n.Value }},
		{"drive_tb", r.number("drive_tb", &p.DriveTB)},
		{"phenomena", func(n *yaml.Node) { r.phenomena(n, p) }},
	})
	switch {
	case p.Name == "":
		r.wrong(n, "a profile needs a name")
	case p.DriveTB < 0.001 || p.DriveTB > 1000:
		r.wrong(n, "drive_tb has to be from 0.001 to 1000")
	case len(p.Phenomena) == 0:
		r.wrong(n, "a profile needs phenomena")
	}
}

func (r *reader) phenomena(n *yaml.Node, p *Profile) {
	if n.Kind != yaml.SequenceNode {
		r.wrong(n, "phenomena has to be a list")
		return
	}
	for _, item := range n.Content {
		var ph Phenomenon
		before := len(r.errs)
		r.phenomenon(item, &ph)
		if len(r.errs) > before {
			continue
		}
		for _, msg := range ph.problems() {
			r.wrong(item, "%s: %s", ph.ID(), msg)
		}
		if slices.ContainsFunc(p.Phenomena, func(o Phenomenon) bool { return o.ID() == ph.ID() }) {
			r.wrong(item, "%s is there twice", ph.ID())
		}
		p.Phenomena = append(p.Phenomena, ph)
	}
}

func (r *reader) phenomenon(n *yaml.Node, ph *Phenomenon) {
	var fs fields
	sections := map[string]fields{}
	for _, x := range ph.numbers() {
		if x.section == "" {
			fs = append(fs, fields{{x.key, r.number(x.key, x.value)}}...)
		}
		sections[x.section] = append(sections[x.section], fields{{x.key, r.number(x.key, x.value)}}...)
	}
	sections["burst"] = append(sections["burst"], fields{{"across", func(n *yaml.Node) {
		if ph.Burst.Across = n.Value == "true"; !ph.Burst.Across {
			r.wrong(n, "across is true or left out")
		}
	}}}...)
	for _, name := range []string{"burst", "lasts"} {
		fs = append(fs, fields{{name, func(n *yaml.Node) { r.mapping(n, name, sections[name]) }}}...)
	}
	fs = append(fs, fields{{"bug", func(n *yaml.Node) {
		var err error
		if ph.Bug, err = bug.ParseNode(r.file, n); err != nil {
			r.errs = append(r.errs, err)
		}
	}}}...)
	r.mapping(n, "a phenomenon", fs)
}

func (r *reader) number(key string, to *float64) func(*yaml.Node) {
	return func(n *yaml.Node) {
		v, err := strconv.ParseFloat(n.Value, 64)
		if n.Kind != yaml.ScalarNode || err != nil || !(v > 0 && v <= 1e12) {
			r.wrong(n, "%s has to be a number above 0, not %q", key, n.Value)
			return
		}
		*to = v
	}
}
