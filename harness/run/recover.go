package run

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"fourdays/harness/hist"
	"fourdays/harness/report"
	"fourdays/harness/scenario"
)

// raftAnswer is the part of a node's /raft that a recovery reads.
type raftAnswer struct {
	Unavailable string `json:"unavailable"`
	Applied     uint64 `json:"applied"`
	LastLog     uint64 `json:"last_log"`
	LastLogTerm uint64 `json:"last_log_term"`
	Recovered   *struct {
		From        string `json:"from"`
		EntriesLost uint64 `json:"entries_lost"`
	} `json:"recovered"`
}

// copyOf is what one node holds.
type copyOf struct {
	n  *node
	at raftAnswer
}

// salvage is a recovery that is under way.
type salvage struct {
	st     *stage
	a      scenario.Recover
	spares []scenario.Spare
	done   func(error)
	n      *node // whose copy it is
	old    identity
	asks   int
}

// recover makes the copy of one node the beginning of a new group. While a quorum
// lives nothing is touched.
func (st *stage) recover(a scenario.Recover, spares []scenario.Spare, done func(error)) {
	if st.replacing != "" {
		done(refuse("%s is being replaced", st.replacing))
		return
	}
	r := &salvage{st: st, a: a, spares: spares, done: done}
	st.probe(func() {
		for _, n := range st.nodes {
			if n.last.Role == leader && n.state() == report.Serving {
				done(refuse("a quorum lives, and %s leads it: what it holds is more than any copy", n.name))
				return
			}
		}
		r.choose()
	})
}

// choose asks the nodes what they hold, and takes the most recent copy.
func (r *salvage) choose() {
	st := r.st
	var found []copyOf
	left := len(st.nodes)
	for _, n := range st.nodes {
		st.admin(n.name, "GET", "/raft", "", func(op *hist.Op) {
			c := copyOf{n: n}
			if op != nil && op.Outcome == hist.OK && json.Unmarshal([]byte(op.Text), &c.at) == nil && c.at.LastLog+c.at.Applied > 0 {
				found = append(found, c)
			}
			if left--; left == 0 {
				r.chosen(found)
			}
		})
	}
}

func (r *salvage) chosen(found []copyOf) {
	st := r.st
	slices.SortStableFunc(found, func(a, b copyOf) int {
		return cmp.Or(cmp.Compare(b.at.LastLogTerm, a.at.LastLogTerm), cmp.Compare(b.at.LastLog, a.at.LastLog),
			cmp.Compare(b.at.Applied, a.at.Applied), cmp.Compare(a.n.name, b.n.name))
	})
	for _, c := range found {
		st.tell("operator", "%s holds the log up to entry %d of term %d", c.n.name, c.at.LastLog, c.at.LastLogTerm)
	}
	i := slices.IndexFunc(found, func(c copyOf) bool { return r.a.From == scenario.Best || c.n.name == r.a.From })
	if i < 0 && r.a.From == scenario.Best {
		r.done(refuse("no node says what it holds"))
		return
	} else if i < 0 {
		r.done(refuse("%s does not say what it holds", r.a.From))
		return
	}
	r.n = found[i].n
	r.begin()
}

// begin starts the node's program on its old volume as the first of a new group.
func (r *salvage) begin() {
	st, n := r.st, r.n
	r.old = n.identity
	i := n.next()
	i.recover, i.group = true, st.group+1
	i.members = []string{i.id + "=" + st.peerAt(n, i)}
	st.tell("operator", "the copy of %s becomes the beginning of a new group, as %s", r.old.id, i.id)
	n.refuses = func(code uint32) { r.refusedBy(code) }
	st.group++
	if err := st.become(n, i, n.array); err != nil {
		st.fail(err)
		return
	}
	st.dueAt(st.Now()+askSoon, r.look)
}

// refusedBy is the end when the program will not begin: it has found that its old
// group lives. The old program comes back.
func (r *salvage) refusedBy(code uint32) {
	st, n := r.st, r.n
	st.group--
	n.refuses = nil
	if err := st.become(n, r.old, n.array); err != nil {
		st.fail(err)
		return
	}
	r.n = nil
	r.done(refuse("the program of %s would not begin a new group, and ended with code %d; log/programs.log has its words", n.name, code))
}

// look waits until the new group serves.
func (r *salvage) look() {
	st, n := r.st, r.n
	if n == nil || st.book.closed || st.ev.Stopped != nil {
		return
	}
	st.probe(func() {
		if r.n == nil {
			return
		}
		if n.last.Role != leader || n.state() != report.Serving {
			r.asks++
			wait := min(askSoon<<max(0, min(r.asks-askInVain, 12)), askSeldom)
			st.dueAt(st.Now()+wait, r.look)
			return
		}
		n.refuses = nil
		st.admin(n.name, "GET", "/raft", "", r.serves)
	})
}

// serves notes what the recovery cost, and has the others follow.
func (r *salvage) serves(op *hist.Op) {
	st := r.st
	var at raftAnswer
	lost := ""
	if op != nil && json.Unmarshal([]byte(op.Text), &at) == nil && at.Recovered != nil && at.Recovered.EntriesLost > 0 {
		lost = fmt.Sprintf("; %d promised entries of the log are lost", at.Recovered.EntriesLost)
	}
	st.tell("operator", "%s leads the new group%s", r.n.id, lost)
	r.follow(0)
}

// follow replaces the other nodes into the new group, one after the other.
func (r *salvage) follow(i int) {
	st := r.st
	for ; i < len(r.spares); i++ {
		if s := r.spares[i]; s.Node != r.n.name {
			st.replace(s.Node, s, func(err error) {
				if err != nil {
					r.done(err)
					return
				}
				r.follow(i + 1)
			})
			return
		}
	}
	r.done(nil)
}

// scrubTimeout is how long a node may take to read all that it has. Picked.
const scrubTimeout = time.Hour

// scrubNodes has nodes check every record against its digest, one after the other.
func (st *stage) scrubNodes(names []string, done func(error)) {
	if len(names) == 0 {
		done(nil)
		return
	}
	st.adminFor(names[0], "POST", "/scrub", "", scrubTimeout, func(op *hist.Op) {
		var found struct {
			Records, Damaged, Repaired, Unrepaired int64
			Error                                  string
		}
		if op == nil || op.Outcome != hist.OK || json.Unmarshal([]byte(op.Text), &found) != nil {
			why := "it does not answer"
			if op != nil {
				_ = json.Unmarshal([]byte(op.Text), &found) // what is no JSON says nothing
				why = firstOf(found.Error, op.Reply, why)
			}
			done(refuse("%s: %s", names[0], why))
			return
		}
		s := report.Scrub{AtMS: st.Now().Milliseconds(), Node: names[0], Array: st.node(names[0]).array, Findings: found.Damaged, Repaired: found.Repaired, First: []string{}}
		st.ev.Scrubs = append(st.ev.Scrubs, s)
		kind := "operator"
		if found.Damaged > 0 {
			kind = "detected"
		}
		st.tell(kind, "scrub of %s: %d records, %d damaged, %d repaired", names[0], found.Records, found.Damaged, found.Repaired)
		st.scrubNodes(names[1:], done)
	})
}
