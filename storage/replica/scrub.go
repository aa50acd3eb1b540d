package replica

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Scrubbed is what one scrub came to.
type Scrubbed struct {
	Records    uint64 `json:"records"`    // looked at, those that are missing included
	Bytes      uint64 `json:"bytes"`      // read, of keys and values
	Damaged    uint64 `json:"damaged"`    // found bad, and bad at a second look
	Repaired   uint64 `json:"repaired"`   // by copies of other nodes
	Unrepaired uint64 `json:"unrepaired"` // no node that answered has a good copy
}

// ScrubStatus is what scrubs, reads and commands found and did since the node
// was started.
type ScrubStatus struct {
	Passes     uint64 `json:"passes"`     // complete ones
	Records    uint64 `json:"records"`    // looked at by scrubs
	Bytes      uint64 `json:"bytes"`      // read by scrubs
	Damaged    uint64 `json:"damaged"`    // by whomever found
	Repaired   uint64 `json:"repaired"`   // by whomever found
	Unrepaired uint64 `json:"unrepaired"` // known to be bad now
	LastAt     string `json:"last_at"`    // when the last complete pass ended, RFC 3339; "" for never
}

// What a scrub reads between two pauses, at most; both picked: little enough to
// be no burst, much enough not to be all pauses.
const (
	chunkBytes   = 1 << 20
	chunkRecords = 8192
)

// scrubber counts, and lets one pass run at a time.
type scrubber struct {
	turn chan struct{}

	mu     sync.Mutex
	status ScrubStatus
}

func newScrubber() *scrubber { return &scrubber{turn: make(chan struct{}, 1)} }

func (s *scrubber) add(f func(*ScrubStatus)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(&s.status)
}

// scrubStatus is the part of Status. It never blocks.
func (r *Replica) scrubStatus() ScrubStatus {
	r.scrub.mu.Lock()
	s := r.scrub.status
	r.scrub.mu.Unlock()
	r.heal.mu.Lock()
	defer r.heal.mu.Unlock()
	s.Damaged, s.Repaired, s.Unrepaired = r.heal.tally.damaged, r.heal.tally.repaired, uint64(len(r.heal.bad))
	return s
}

// Scrub reads everything that this node keeps, at Config.ScrubRate: the state,
// against its census, the applied part of the log, and what the node knows of
// itself. What is bad is repaired from other nodes; what no other node has stays
// as it is, and is counted.
//
// One pass runs at a time; a caller waits for its turn. An error is
// ErrUnavailable: this node does not serve, its storage does not answer, or ctx
// ended. The pass then ends too, when it next pauses.
func (r *Replica) Scrub(ctx context.Context) (Scrubbed, error) {
	if err := r.whenFree(ctx, r.scrub.turn); err != nil {
		return Scrubbed{}, err
	}
	p, err := r.newPass(ctx)
	if err != nil {
		<-r.scrub.turn
		return Scrubbed{}, err
	}
	over := make(chan struct{}, 1)
	go func() {
		p.err = p.run()
		r.heal.leave()
		<-r.scrub.turn
		close(over)
	}()
	if err := r.whenOver(ctx, over); err != nil {
		return Scrubbed{}, err
	}
	return p.Scrubbed, p.err
}

func (r *Replica) whenFree(ctx context.Context, turn chan<- struct{}) error {
	return r.await(ctx, func(changed <-chan struct{}) (bool, error) {
		select {
		case turn <- struct{}{}:
			return true, nil
		case <-changed:
			return false, nil
		case <-ctx.Done():
			return false, ctx.Err()
		case <-r.closing:
			return false, errors.New("closed")
		}
	})
}

func (r *Replica) whenOver(ctx context.Context, over <-chan struct{}) error {
	return r.await(ctx, func(changed <-chan struct{}) (bool, error) {
		select {
		case <-over:
			return true, nil
		case <-changed:
			return false, nil
		case <-ctx.Done():
			return false, ctx.Err()
		case <-r.closing:
			return false, errors.New("closed")
		}
	})
}

// await asks wait until it is done, or until the storage is known to hang.
func (r *Replica) await(ctx context.Context, wait func(changed <-chan struct{}) (done bool, err error)) error {
	for {
		changed := r.change.wait()
		if d := r.watch.silent(); d > 0 {
			return fmt.Errorf("scrub: %w: storage has not answered for %v", ErrUnavailable, d)
		}
		switch done, err := wait(changed); {
		case done:
			return nil
		case err != nil:
			return fmt.Errorf("scrub: %w: %w", ErrUnavailable, err)
		}
	}
}

// scrubRegularly runs a pass each time that ScrubEvery has gone by since the
// last one ended.
func (r *Replica) scrubRegularly() {
	for {
		timer := time.NewTimer(r.cfg.ScrubEvery)
		select {
		case <-timer.C:
			_, _ = r.Scrub(context.Background()) // a node that does not serve says why in its status
		case <-r.closing:
			timer.Stop()
			return
		}
	}
}

// pass is one scrub under way.
type pass struct {
	Scrubbed
	err     error
	ctx     context.Context
	replica *Replica
	store   *store
	rate    int64
	hurry   bool // the others do not answer: do not wait for them again
}

func (r *Replica) newPass(ctx context.Context) (*pass, error) {
	s := r.store.Load()
	if now := r.phase.Load(); now.name != running || s == nil {
		return nil, fmt.Errorf("scrub: %w: %s", ErrUnavailable, now.reason)
	}
	if s.state.trust {
		return nil, fmt.Errorf("scrub: %w: digests are switched off", ErrUnavailable)
	}
	if !r.heal.enter() {
		return nil, fmt.Errorf("scrub: %w: closed", ErrUnavailable)
	}
	return &pass{ctx: ctx, replica: r, store: s, rate: r.cfg.ScrubRate}, nil
}

func (p *pass) run() error {
	for _, part := range []func() error{p.metas, p.state, p.log} {
		if err := part(); err != nil {
			return err
		}
	}
	p.replica.scrub.add(func(s *ScrubStatus) {
		s.Passes++
		s.LastAt = time.Now().UTC().Format(time.RFC3339)
	})
	return nil
}

// state goes through the state, chunk by chunk, each in a view of its own:
// commands are never kept waiting.
func (p *pass) state() error {
	for at, more := "", true; more; {
		var bad []string
		err := p.chunk(func() (err error) {
			at, bad, more, err = p.look(at)
			return err
		})
		if err != nil {
			return err
		}
		for _, sub := range bad {
			p.repair(sub)
		}
	}
	return nil
}

// look reads the records from at on, until a chunk is full, and says how far it
// came and which of them are bad.
func (p *pass) look(at string) (next string, bad []string, more bool, err error) {
	v, _ := p.store.state.view()
	defer v.txn.Discard()
	records, bytes := 0, 0
	err = v.walk("", at, func(sub string, sealed []byte, wrong error) bool {
		next = sub + "\x00"
		records, bytes = records+1, bytes+len(sub)+len(sealed)
		if wrong != nil {
			_ = v.damage(wrong)
			bad = append(bad, sub)
		}
		more = records >= chunkRecords || bytes >= chunkBytes
		return !more
	})
	if errors.Is(err, errOutdated) {
		err = nil // what was deleted meanwhile needs no look
	}
	p.count(records, bytes)
	return next, bad, more, err
}

func (p *pass) count(records, bytes int) {
	p.Records, p.Bytes = p.Records+uint64(records), p.Bytes+uint64(bytes)
	p.replica.scrub.add(func(s *ScrubStatus) {
		s.Records, s.Bytes = s.Records+uint64(records), s.Bytes+uint64(bytes)
	})
}

// repair has a record put right, and waits for others that do not answer only
// once in a pass.
func (p *pass) repair(key string) {
	patience := p.replica.heal.patience
	if p.hurry {
		patience = min(patience, p.replica.cfg.Timeout)
	}
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	p.note(p.replica.heal.repair(ctx, key))
	p.hurry = p.hurry || ctx.Err() != nil
}

func (p *pass) note(f finding) {
	switch f {
	case repaired:
		p.Damaged, p.Repaired = p.Damaged+1, p.Repaired+1
	case unrepaired:
		p.Damaged, p.Unrepaired = p.Damaged+1, p.Unrepaired+1
	}
}

// chunk runs one read under the watchdog, and then rests for as long as the
// rate asks.
func (p *pass) chunk(read func() error) error {
	began, before := time.Now(), p.Bytes
	if err := p.replica.watch.do("scrub", read); err != nil {
		return fmt.Errorf("scrub: %w", err)
	}
	rest := time.Duration(0)
	if p.rate > 0 {
		rest = time.Duration(float64(p.Bytes-before) / float64(p.rate) * float64(time.Second))
	}
	return p.pause(rest - time.Since(began))
}

// pause rests, and says whether the pass must end.
func (p *pass) pause(d time.Duration) error {
	if d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-p.ctx.Done():
		case <-p.replica.closing:
		}
	}
	if err := p.ctx.Err(); err != nil {
		return fmt.Errorf("scrub: %w: %w", ErrUnavailable, err)
	}
	if now := p.replica.phase.Load(); now.name != running {
		return fmt.Errorf("scrub: %w: %s", ErrUnavailable, now.reason)
	}
	return nil
}
