package replica

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// Status is what a node says about itself.
type Status struct {
	ID          string   `json:"id"`
	Role        string   `json:"role"` // leader, follower, candidate, opening, joining, fenced, removed, failed or closed
	Leader      string   `json:"leader"`
	Fenced      bool     `json:"fenced"`
	Reason      string   `json:"reason,omitempty"`
	Unavailable string   `json:"unavailable,omitempty"`
	Term        uint64   `json:"term"`
	Commit      uint64   `json:"commit"`
	Applied     uint64   `json:"applied"`
	LastLog     uint64   `json:"last_log"`
	LastLogTerm uint64   `json:"last_log_term"`
	Records     uint64   `json:"records"`   // in the state, replies included
	StateSum    string   `json:"state_sum"` // equal on replicas with equal applied and equal state
	Detected    []string `json:"detected"`

	Cluster       string     `json:"cluster"`             // its identity, "" as long as it is not known
	Configuration []Member   `json:"configuration"`       // as this node knows it
	Promised      *Promised  `json:"promised,omitempty"`  // nil without a promise record
	Recovered     *Recovered `json:"recovered,omitempty"` // nil unless the volume began this cluster in a recovery

	Scrub ScrubStatus `json:"scrub"`
}

// Member is a server of raft's configuration.
type Member struct {
	ID      string `json:"id"`
	Address string `json:"address"`
	Voter   bool   `json:"voter"`
}

// Promised is what the promise record says that the volume holds.
type Promised struct {
	Term     uint64 `json:"term"`
	Last     uint64 `json:"last"` // log entry
	LastTerm uint64 `json:"last_term"`
	Applied  uint64 `json:"applied"`
}

// Status never blocks, whatever the storage does.
func (r *Replica) Status() Status {
	p := r.phase.Load()
	s := Status{ID: r.cfg.ID, Role: p.name, Fenced: p.name == fenced, Detected: r.detected.list(),
		Cluster: r.identity(), Configuration: r.members(), Scrub: r.scrubStatus()}
	if p.name != running {
		s.Reason, s.Unavailable = p.reason, p.reason
	}
	if st := r.store.Load(); st != nil {
		at := st.state.at.Load()
		s.Applied, s.Records, s.StateSum = at.applied, at.count, fmt.Sprintf("%016x", at.sum)
		held := st.standing()
		s.LastLog, s.LastLogTerm = held.last, held.lastTerm
		s.Recovered = st.recovered
		if k := st.kept(); k != nil {
			s.Promised = &Promised{k.term, k.last, k.lastTerm, k.applied}
		}
	}
	if n := r.node.Load(); n != nil && r.partakes() && p.name == running {
		_, id := n.raft.LeaderWithID()
		s.Leader, s.Role = string(id), strings.ToLower(n.raft.State().String())
		s.Term, s.Commit = n.raft.CurrentTerm(), n.raft.CommitIndex()
	}
	if d := r.watch.silent(); d > 0 {
		s.Unavailable = fmt.Sprintf("storage has not answered for %d s", int(d/time.Second))
	} else if s.Unavailable == "" && s.Leader == "" {
		s.Unavailable = "no leader"
	}
	return s
}

// leads tells whether raft says that this node leads and its storage answers.
func (r *Replica) leads() bool {
	n := r.node.Load()
	return n != nil && r.phase.Load().name == running && n.raft.State() == raft.Leader && r.watch.silent() == 0
}

// Detect records something that was found to be wrong, by this package or by
// the layers above; Status lists it.
func (r *Replica) Detect(what string) { r.detected.add(what) }

// maxDetections bounds the list (picked); later findings are only counted.
const maxDetections = 1000

type detections struct {
	mu    sync.Mutex
	found []string
	seen  map[string]bool
	more  int
}

func (d *detections) add(what string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.seen == nil {
		d.seen = map[string]bool{}
	}
	switch {
	case d.seen[what]:
	case len(d.found) < maxDetections:
		d.seen[what] = true
		d.found = append(d.found, what)
	default:
		d.more++
	}
}

func (d *detections) list() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	list := append([]string{}, d.found...)
	if d.more > 0 {
		list = append(list, fmt.Sprintf("and %d more", d.more))
	}
	return list
}

// logger is Badger's view of the log. What Badger calls an error is a
// detection; the rest is dropped.
type logger struct {
	w      io.Writer
	detect func(string)
}

func newLogger(w io.Writer, detect func(string)) *logger { return &logger{w: w, detect: detect} }

// Errorf records a detection and logs it.
func (l *logger) Errorf(format string, args ...any) {
	what := "badger: " + strings.TrimSpace(fmt.Sprintf(format, args...))
	l.detect(what)
	fmt.Fprintln(l.w, what)
}

// Warningf logs.
func (l *logger) Warningf(format string, args ...any) {
	fmt.Fprintln(l.w, "badger: "+strings.TrimSpace(fmt.Sprintf(format, args...)))
}

// Infof drops what Badger says about its normal work.
func (l *logger) Infof(string, ...any) {}

// Debugf drops it too.
func (l *logger) Debugf(string, ...any) {}
