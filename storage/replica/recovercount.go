package replica

import "fmt"

// count works out what is lost: what was promised, here and by the others that
// answered, against what is here. Every committed entry was promised by a
// majority, so once that many are known, none can be beyond the farthest.
func (w *recovery) count(answers []*standing, need int) {
	at, end := w.store.state.at.Load(), *w.store.log.end.Load()
	if at.applied > end.index {
		end = position{at.applied, at.appliedTerm}
	}
	var far position // the farthest that was promised
	var done uint64  // applied somewhere, so certainly committed
	known := 0
	note := func(p position, applied uint64) {
		known++
		if far.below(p) {
			far = p
		}
		far.index, done = max(far.index, p.index), max(done, applied)
	}
	if w.promise != nil {
		note(position{w.promise.last, w.promise.lastTerm}, w.promise.applied)
	}
	for _, s := range answers {
		switch {
		case s == nil:
		case s.promise:
			note(s.kept, s.done)
		case s.last.index > 0:
			far.index, done = max(far.index, s.last.index), max(done, s.applied)
		}
	}
	far.index = max(far.index, w.store.log.beyond)
	from := end.index
	if end.term < far.term {
		from = at.applied // what lies above may never have been committed
	}
	w.lack.HeldLog = end.index
	w.lack.Lost = max(far.index, from) - from
	w.lack.AtLeast = max(done, end.index) - end.index
	if known >= need {
		most := w.lack.Lost
		w.lack.AtMost = &most
	}
}

// survey reads all of the state. What is damaged is marked as lost in a copy
// beside it, which takes its place with the commit.
func (w *recovery) survey() error {
	st := w.store.state
	w.now = *st.at.Load()
	have := standpoint{}
	look := func(sub, sealed []byte) error {
		if intact(sub, sealed) != nil {
			w.lack.Damaged++
			if len(w.lack.Keys) < listedKeys {
				w.lack.Keys = append(w.lack.Keys, fmt.Sprintf("%q", sub))
			}
			sealed = lostAt(sub)
		}
		have.account(string(sub), sealed, true)
		return nil
	}
	if err := w.watch.do("survey", func() error { return st.eachRaw(look) }); err != nil {
		return no("the state of this volume cannot be read to its end: %v", err)
	}
	if w.now.count > have.count {
		w.lack.Missing = w.now.count - have.count
	} else if w.lack.Damaged == 0 && (w.now.sum != have.sum || w.now.count != have.count) {
		w.lack.Missing = 1 // at least: another record stands where one was
	}
	w.now.count, w.now.bytes, w.now.sum = have.count, have.bytes, have.sum
	if w.lack.Damaged > 0 {
		return w.copy()
	}
	return nil
}

// eachRaw visits the records of the active generation as they are.
func (st *state) eachRaw(fn func(sub, sealed []byte) error) error {
	v, at := st.view()
	defer v.txn.Discard()
	return scanRaw(v.txn, generationPrefix(at.gen), nil, func(key, sealed []byte) (bool, error) {
		return true, fn(key[generationSize:], sealed)
	})
}

// copy writes the state anew, in the next generation.
func (w *recovery) copy() error {
	if err := w.store.state.removeLeftovers(); err != nil && !w.store.frozen.Load() {
		return fmt.Errorf("recover: %w", err)
	}
	w.now.gen++
	out := &sink{store: w.store}
	err := w.store.state.eachRaw(func(sub, sealed []byte) error {
		if intact(sub, sealed) != nil {
			sealed = lostAt(sub)
		}
		out.add(record{stateKey(w.now.gen, sub), append([]byte(nil), sealed...)})
		return nil
	})
	if err != nil {
		return no("the state of this volume cannot be read to its end: %v", err)
	}
	if len(out.batch) > 0 {
		w.store.put("recover copy", out.batch)
	}
	return nil
}
