package run

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"fourdays/harness/hist"
	"fourdays/harness/scenario"
)

// identity is what a node's program is in its group. It changes when the node's
// replica is replaced, or its copy begins a new group; the node's name and faces
// do not.
type identity struct {
	id     string // n2, and then n2.2
	life   int    // from 1
	volume string
	// members is what the program is told of its group when the identity is new,
	// as name=address.
	members       []string
	join, recover bool
	group         int // 0, and one more with each recovery of the script
}

func (i identity) port() int { return peerPort + i.life - 1 }

// next is an identity of the node that no group has had.
func (n *node) next() identity {
	life := n.born + 1
	return identity{id: fmt.Sprintf("%s.%d", n.name, life), life: life, volume: n.volume, group: n.group}
}

// peerAt is where a node's program is reached by the others under an identity.
func (st *stage) peerAt(n *node, i identity) string { return st.at(n.ip, i.port()) }

// How often the operator asks for a replacement to go on: soon while it does, and
// less and less often while it does not. A leap must not pass what goes on. The
// old program is ended when the group has begun, when all that the group lacks is
// the new one, or after so many asks in vain: then it is part of why nobody
// answers, or it makes no difference. All picked.
const (
	askSoon    = 4 * time.Second
	askSeldom  = 10 * time.Minute
	askInVain  = 5
	askTimeout = 30 * time.Second
)

// replacement is one that is under way.
type replacement struct {
	st      *stage
	n       *node
	old     identity
	new     identity
	array   string
	started bool // the new program runs
	agreed  bool // the group has begun
	phase   string
	why     string // it does not go on
	behind  int64
	asks    int // since something went on
	turn    int // which member is asked
	done    func(error)
}

// replace takes a node's replica out of its group and puts a new one in its place.
// The group is asked first, while the old program still runs: what it refuses
// changes nothing.
func (st *stage) replace(name string, spare scenario.Spare, done func(error)) {
	if st.replacing != "" {
		done(refuse("%s is being replaced, and a group takes one change at a time", st.replacing))
		return
	}
	n := st.node(name)
	r := &replacement{st: st, n: n, old: n.identity, new: n.next(), array: spare.Array, done: done}
	r.new.volume, r.new.join, r.new.group = spare.Name, true, st.group
	r.new.members = []string{r.new.id + "=" + st.peerAt(n, r.new)}
	for _, m := range st.members(n) {
		r.new.members = append(r.new.members, m.id+"="+st.peerAt(m, m.identity))
	}
	if len(r.new.members) == 1 {
		done(refuse("%s is the only one of its group: nobody could give the new replica what it holds", name))
		return
	}
	st.replacing = name
	st.tell("operator", "%s is to be replaced by %s on %s", r.old.id, r.new.id, spare.Array)
	r.ask()
}

// members are the nodes of the newest group but one.
func (st *stage) members(but *node) (all []*node) {
	for _, n := range st.nodes {
		if n != but && n.group == st.group {
			all = append(all, n)
		}
	}
	return all
}

// ask wants the replacement to go on as far as it can now.
func (r *replacement) ask() {
	st := r.st
	if st.book.closed || st.ev.Stopped != nil {
		return
	}
	body, err := json.Marshal(map[string]string{"remove": r.old.id, "add": r.new.id, "address": st.peerAt(r.n, r.new)})
	if err != nil {
		st.fail(err)
		return
	}
	all := st.members(r.n)
	st.adminFor(all[r.turn%len(all)].name, "POST", "/replace", string(body), askTimeout, r.answered)
}

// answered takes what a member says. No answer is none: it is asked again, and
// another one.
func (r *replacement) answered(op *hist.Op) {
	var now struct {
		Phase  string `json:"phase"`
		Behind int64  `json:"behind"`
		Error  string `json:"error"`
	}
	if op != nil {
		_ = json.Unmarshal([]byte(op.Text), &now) // what is no JSON says nothing
	}
	switch {
	case op != nil && op.Outcome == hist.OK && now.Phase != "":
		r.goOn(now.Phase, now.Behind)
	case op != nil && op.Outcome == hist.No && (strings.HasPrefix(op.Reply, "409") || strings.HasPrefix(op.Reply, "404")):
		r.end(refuse("%s", firstOf(now.Error, op.Reply)))
	default:
		r.unanswered(op, now.Error)
		r.turn++
		if r.asks++; !r.started && (r.asks >= askInVain || strings.Contains(r.why, r.new.id)) {
			r.swap()
		}
		r.again()
	}
}

// unanswered says once, and when it changes, why it does not go on.
func (r *replacement) unanswered(op *hist.Op, said string) {
	why := "nobody answers"
	if op != nil {
		why = firstOf(said, op.Reply, why)
	}
	if why != r.why {
		r.st.tell("operator", "replacement of %s by %s does not go on: %s", r.old.id, r.new.id, why)
	}
	r.why = why
}

func firstOf(words ...string) string {
	return words[slices.IndexFunc(words, func(w string) bool { return w != "" })]
}

// goOn notes how far it is.
func (r *replacement) goOn(phase string, behind int64) {
	if phase != r.phase {
		r.st.tell("operator", "replacement of %s by %s: %s", r.old.id, r.new.id, phase)
	}
	if phase != r.phase || behind < r.behind {
		r.asks = 0
	} else {
		r.asks++
	}
	r.phase, r.behind, r.agreed = phase, behind, true
	if !r.started {
		r.swap()
	}
	if phase == "promoted" {
		r.end(nil)
		return
	}
	r.again()
}

func (r *replacement) again() {
	wait := min(askSoon<<max(0, min(r.asks-askInVain, 12)), askSeldom)
	r.st.dueAt(r.st.Now()+wait, r.ask)
}

// swap ends the old program and starts the new one.
func (r *replacement) swap() {
	r.started = true
	if err := r.st.become(r.n, r.new, r.array); err != nil {
		r.st.fail(err)
		return
	}
	if err := r.st.fleet.Event(r.array, scenario.NodeReplaced); err != nil {
		r.st.fail(err)
	}
}

// end is the end of it. What was refused before anybody agreed leaves the old
// program in its place.
func (r *replacement) end(err error) {
	st := r.st
	st.replacing = ""
	if err != nil && r.started && !r.agreed {
		if berr := st.become(r.n, r.old, st.fleet.Volume(r.old.volume).Array()); berr != nil {
			st.fail(berr)
			return
		}
	}
	if err == nil {
		st.tell("operator", "%s votes in the place of %s", r.new.id, r.old.id)
	}
	st.watch()
	r.done(err)
}

// become ends a node's program and starts it with another identity.
func (st *stage) become(n *node, i identity, array string) error {
	n.wanted = false
	if st.w.Running(n.name) {
		if err := st.w.Kill(n.name); err != nil {
			return err
		}
	}
	if !slices.Contains(n.lives, n.volume) {
		n.lives = append(n.lives, n.volume)
	}
	n.identity, n.born, n.array, n.restarts, n.last = i, max(n.born, i.life), array, 0, healthAnswer{}
	st.start(n)
	return nil
}

// volumes are the names of all volumes that a node has had.
func (n *node) volumes() []string {
	if slices.Contains(n.lives, n.volume) {
		return n.lives
	}
	return append(slices.Clone(n.lives), n.volume)
}

// known is the node's identity in its group, "" while that is its name.
func (n *node) known() string {
	if n.id == n.name {
		return ""
	}
	return n.id
}
