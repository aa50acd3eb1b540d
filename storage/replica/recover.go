package replica

import (
	"errors"
	"fmt"

	"github.com/hashicorp/raft"
)

// A recovery makes a new cluster of what one volume of an old one still holds.
// It is an operator's decision: what the volume lacks is lost from then on.
//
// Everything is prepared beside what is there, and one commit switches. Before
// it the volume is that of the old node as ever, after it that of the new one,
// and the same start goes on from wherever it was. The promise record follows
// after the commit: until it has, the volume says so (see unsettled).

// Recovered says what a recovery made this cluster of, and what it lacks.
type Recovered struct {
	From    string `json:"from"`     // the old cluster
	Node    string `json:"node"`     // whose volume it was, "" if it does not say
	HeldLog uint64 `json:"held_log"` // the last log entry that was still there

	// Lost counts the entries that were promised to be kept, here or by who else
	// answered, and are not there. At least so many of them were certainly
	// committed; AtMost is nil if nobody can tell, because not enough promise
	// records could be asked.
	Lost    uint64  `json:"entries_lost"`
	AtLeast uint64  `json:"entries_lost_at_least"`
	AtMost  *uint64 `json:"entries_lost_at_most"`

	Damaged uint64   `json:"records_damaged"`        // found altered, and marked as lost
	Keys    []string `json:"damaged_keys,omitempty"` // the first of them, quoted
	Missing uint64   `json:"records_missing"`        // gone without a trace, at least
}

// Complete tells whether it is certain that nothing is lost.
func (d *Recovered) Complete() bool {
	return d.AtMost != nil && *d.AtMost == 0 && d.Damaged == 0 && d.Missing == 0
}

// Recoverer is a Machine that has to do something before anybody is served by a
// recovered cluster: the command is the first that is applied there, nil for
// none.
type Recoverer interface {
	Recovered(d *Recovered) (cmd []byte)
}

// listedKeys bounds Recovered.Keys (picked).
const listedKeys = 100

const unsettledName = "unsettled" // meta: the promise that a recovery found, until a new one is written

// recover is idempotent. It returns the store to go on with; a *Refusal is
// final.
func (r *Replica) recover(s *store) (*store, error) {
	if s.recovered != nil && s.owner != nil && s.owner.ID == r.cfg.ID {
		return s, nil // done before
	}
	w := &recovery{Replica: r, store: s, lack: &Recovered{}}
	err := w.prepare()
	if err == nil {
		err = w.commit()
	}
	s.close()
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(r.cfg.Log, "replica %s: recovered: cluster %s begins with what was left of %s\n", r.cfg.ID, w.cluster, w.lack.From)
	return openStore(r)
}

// recovery is one at work.
type recovery struct {
	*Replica
	store   *store
	cluster string
	lack    *Recovered

	config  raft.Configuration // the old one
	now     standpoint         // as it will be
	promise *promised          // of this node, nil if nothing is known of it
}

func no(format string, args ...any) error { return refusal("recover: "+format, args...) }

func (d *Recovered) encode() []byte {
	var p pack
	p.bytes([]byte(d.From))
	p.bytes([]byte(d.Node))
	for _, n := range []uint64{d.HeldLog, d.Lost, d.AtLeast, d.Damaged, d.Missing} {
		p.number(n)
	}
	most := uint64(0)
	if d.AtMost != nil {
		most = *d.AtMost + 1
	}
	p.number(most)
	for _, key := range d.Keys {
		p.bytes([]byte(key))
	}
	return p
}

func decodeRecovered(b []byte) (*Recovered, error) {
	u := unpack{rest: b}
	d := &Recovered{From: string(u.bytes()), Node: string(u.bytes()), HeldLog: u.number(),
		Lost: u.number(), AtLeast: u.number(), Damaged: u.number(), Missing: u.number()}
	if most := u.number(); most > 0 {
		most--
		d.AtMost = &most
	}
	for len(u.rest) > 0 && !u.bad {
		d.Keys = append(d.Keys, string(u.bytes()))
	}
	return d, u.err("recovered")
}

// loadRecovered reads whether a recovery made this cluster of the volume, and
// whether its promise has yet to be written.
func (s *store) loadRecovered() error {
	b, err := s.meta("recovered")
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if s.recovered, err = decodeRecovered(b); err != nil {
		return err
	}
	switch b, err = s.meta(unsettledName); {
	case errors.Is(err, ErrNotFound):
		return nil
	case err != nil:
		return err
	}
	s.before, err = decodePromised(b)
	return err
}
