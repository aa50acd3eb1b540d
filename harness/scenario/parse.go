package scenario

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"fourdays/storage/bug"
	"fourdays/storage/catalog"
)

// The limits on a file. All picked: far above any scenario a person writes, far
// below what hurts.
const (
	MaxSize  = 1 << 20 // bytes
	maxDepth = 32      // levels of nesting
	maxNodes = 50_000
)

// Load reads and parses a file that arms bugs of its own, of others, or of the
// shipped catalogue. It returns the file's bytes too, for the run directory. A
// file above MaxSize is refused before it is read.
func Load(path string, others ...bug.Bug) (*Scenario, []byte, error) {
	src, err := readFile(path)
	if err != nil {
		return nil, nil, err
	}
	s, err := Parse(path, src, others...)
	return s, src, err
}

func readFile(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open scenario: %w", err)
	}
	defer file.Close()
	src, err := io.ReadAll(io.LimitReader(file, MaxSize+1))
	if err != nil {
		return nil, fmt.Errorf("read scenario: %w", err)
	}
	return src, nil
}

// Parse reads a scenario that arms bugs of its own, of others, or of the shipped
// catalogue; what is in two of them is meant in that order. name is what errors
// call the file. An error is always an *Error that lists everything that is
// wrong.
func Parse(name string, src []byte, others ...bug.Bug) (*Scenario, error) {
	s, _, err := parse(name, src, nil, others...)
	return s, err
}

// CheckOthers refuses a user's bugs that have the ID of a shipped one and are
// not the same: nobody could tell which of the two a scenario means.
func CheckOthers(others []bug.Bug) error {
	var errs []error
	for _, b := range others {
		if shipped, taken := catalog.Get(b.ID); taken && !bytes.Equal(bug.Print(shipped), bug.Print(b)) {
			errs = append(errs, fmt.Errorf("bug %s: the catalogue has another one of that ID; give it an ID of its own", b.ID))
		}
	}
	return errors.Join(errs...)
}

func parse(name string, src []byte, seen func(string, []string), others ...bug.Bug) (*Scenario, *decoder, error) {
	root, issue := tree(src)
	if issue != nil {
		return nil, nil, newError(name, []Issue{*issue})
	}
	d := &decoder{seen: seen, others: others}
	if d.bounded(root, 1, new(int)); len(d.issues) > 0 {
		return nil, nil, newError(name, d.issues)
	}
	s := d.whole(root)
	if len(d.issues) > 0 {
		return nil, d, newError(name, d.issues)
	}
	return s, d, nil
}

// tree parses one YAML document and returns its root node.
func tree(src []byte) (*yaml.Node, *Issue) {
	if len(src) > MaxSize {
		return nil, &Issue{1, 1, "the file is larger than 1 MiB", "a scenario is a short script; split it"}
	}
	if issue := readable(src); issue != nil {
		return nil, issue
	}
	dec := yaml.NewDecoder(bytes.NewReader(src))
	var doc, next yaml.Node
	if err := dec.Decode(&doc); errors.Is(err, io.EOF) || err == nil && len(doc.Content) == 0 {
		return nil, &Issue{1, 1, "the file is empty", "want a scenario; `fourdays schema` says what is in one"}
	} else if err != nil {
		return nil, syntax(err)
	}
	if err := dec.Decode(&next); err == nil {
		return nil, &Issue{max(next.Line, 1), 1, "a second document starts here", "want one scenario to a file"}
	} else if !errors.Is(err, io.EOF) {
		return nil, syntax(err)
	}
	return doc.Content[0], nil
}

// readable finds the first character that no scenario may have.
func readable(src []byte) *Issue {
	line, column := 1, 1
	for i := 0; i < len(src); {
		r, size := utf8.DecodeRune(src[i:])
		if r == utf8.RuneError && size == 1 || r < ' ' && r != '\n' && r != '\r' && r != '\t' {
			return &Issue{line, column, fmt.Sprintf("byte 0x%02x is not text", src[i]), "want UTF-8"}
		}
		if column++; r == '\n' {
			line, column = line+1, 1
		}
		i += size
	}
	return nil
}

var yamlLine = regexp.MustCompile(`^line (\d+): `)

func syntax(err error) *Issue {
	what := strings.TrimPrefix(err.Error(), "yaml: ")
	line := 1
	if m := yamlLine.FindStringSubmatch(what); m != nil {
		line, _ = strconv.Atoi(m[1])
		what = strings.TrimPrefix(what, m[0])
	}
	return &Issue{line, 1, "not YAML: " + what, "look for a missing quote, bracket or space, or a tab"}
}

// bounded refuses what could make a small file large, or deep.
func (d *decoder) bounded(n *yaml.Node, depth int, nodes *int) {
	*nodes++
	switch {
	case len(d.issues) > 20:
	case *nodes > maxNodes:
		if *nodes == maxNodes+1 {
			d.wrong(n, fmt.Sprintf("want at most %d values", maxNodes), "too many values")
		}
	case depth > maxDepth:
		d.wrong(n, fmt.Sprintf("want at most %d levels", maxDepth), "nested too deeply")
	case n.Kind == yaml.AliasNode:
		d.wrong(n, "write the value out", "alias *%s", n.Value)
	case n.Anchor != "":
		d.wrong(n, "scenarios have no anchors", "anchor &%s", n.Anchor)
	case n.Style&yaml.TaggedStyle != 0:
		d.wrong(n, "scenarios have no tags", "tag %s", n.Tag)
	default:
		for _, child := range n.Content {
			d.bounded(child, depth+1, nodes)
		}
	}
}

var (
	nameForm   = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,79}$`)
	nodeForm   = regexp.MustCompile(`^n[1-9][0-9]?$`)
	domainForm = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+$`)
)

const (
	wantName   = "want a name of small letters, digits and hyphens"
	wantNode   = "want a node's name, n1 to n99"
	wantDomain = "want a domain such as libero.example"
)

// scenario reads the whole file. The defaults of this function and of those it
// calls are picked.
func (d *decoder) scenario(n *yaml.Node) *Scenario {
	s := &Scenario{
		Seed:     1,
		Storage:  Storage{Profile: Ordered, Promise: true},
		Workload: Workload{Deliver: Rate{0, time.Second}, Read: Rate{0, time.Second}, Change: Rate{0, time.Second}, Senders: "consumer-2023", MaxSize: 64_000, Until: -1},
		Raft:     Raft{Timeout: 2 * time.Second},
		Watchdog: 10 * time.Second,
		Network:  Network{Latency: time.Millisecond},
		Settle:   time.Minute,
		Others:   d.others,
	}
	target, external := d.targets(s)
	d.mapping(n, "the scenario",
		must("name", d.matching(&s.Name, nameForm, wantName)),
		must("title", d.text(&s.Title)),
		may("description", d.text(&s.Description)),
		may("seed", d.seed(&s.Seed)),
		must("storage", func(n *yaml.Node) { d.storage(n, s) }),
		must("mail", func(n *yaml.Node) { d.mail(n, &s.Mail) }),
		must("workload", func(n *yaml.Node) { d.workload(n, s) }),
		target,
		external,
		may("raft", func(n *yaml.Node) { d.raft(n, &s.Raft) }),
		may("watchdog", d.duration(&s.Watchdog, 100*time.Millisecond)),
		may("network", func(n *yaml.Node) { d.network(n, &s.Network) }),
		may("unsafe", d.names(&s.Unsafe, "deliberate defects", d.unsafe)),
		may("proves", func(n *yaml.Node) { d.proves(n, s) }),
		may("bugs", func(n *yaml.Node) { d.bugs(n, s) }),
		may("background", func(n *yaml.Node) { d.background(n, s) }),
		may("timeline", func(n *yaml.Node) { d.timeline(n, s) }),
		may("playbook", func(n *yaml.Node) { d.playbook(n, s) }),
		may("stop", func(n *yaml.Node) { d.halts(n, s) }),
		must("duration", d.duration(&s.Duration, time.Second)),
		may("settle", d.duration(&s.Settle, 0)),
		must("expect", func(n *yaml.Node) { d.expect(n, s) }),
		may("numbers", func(n *yaml.Node) { d.numbers(n, s) }),
		may(variantsKey, d.variants),
	)
	if s.Workload.Until < 0 {
		s.Workload.Until = s.Duration
	}
	if s.Mail.Population == 0 {
		s.Mail.Population = s.Mail.Mailboxes
	}
	return s
}

// proves reads the bug that the file is to prove; it has to be armed.
func (d *decoder) proves(n *yaml.Node, s *Scenario) {
	before := len(d.issues)
	d.matching(&s.Proves, nameForm, "want the ID of a bug; `fourdays bugs` lists them")(n)
	named := len(d.issues) == before
	d.later(func() {
		armed := slices.ContainsFunc(s.Timeline, func(t Step) bool { a, ok := t.Action.(Arm); return ok && a.Bug == s.Proves })
		if named && !armed {
			d.wrong(n, "add a step: arm: "+s.Proves, "no step arms %q, which the scenario is to prove", s.Proves)
		}
	})
}

// ScenarioName is the name a file gives itself, or its file name when it cannot
// be read: what a report calls a run that never started.
func ScenarioName(path string) string {
	base := filepath.Base(path)
	return strings.TrimSuffix(base, filepath.Ext(base))
}
