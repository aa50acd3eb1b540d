package replica

import "fmt"

// walker goes through a view in order and tells what is there, and what should
// be there and is not.
type walker struct {
	*view
	prefix string
	at     string // what comes before was visited
	more   bool
	visit  func(sub string, sealed []byte, bad error) (more bool)
	ahead  []member // what the census said comes next, since the view was opened
	buf    []member
}

// lookahead is how many members are asked for at a time (picked).
const lookahead = 256

// walk visits the records under prefix from key from on, in order, until visit
// ends it: each that is there, with what is wrong with it, and each that is
// missing, as nil. The bytes are valid only during the call. An error says that
// not all could be visited; what could be, was.
func (v *view) walk(prefix, from string, visit func(sub string, sealed []byte, bad error) (more bool)) error {
	w := &walker{view: v, prefix: prefix, at: max(from, prefix), more: true, visit: visit}
	err := scanRaw(v.txn, stateKey(v.gen, []byte(prefix)), stateKey(v.gen, []byte(w.at)), w.found)
	switch {
	case err == nil:
		w.missed("")
	case v.watches():
		_ = v.damage(err)
		err = w.oneByOne()
	}
	return err
}

// found takes in what the storage shows next. A damaged table may show keys out
// of order: those that were passed have been told as missing.
func (w *walker) found(key, sealed []byte) (more bool, err error) {
	if sub, next := w.next(key[generationSize:], sealed); next {
		w.step(sub, sealed, w.inspect(key[generationSize:], sealed))
		return w.more, nil
	}
	w.ahead = w.ahead[:0]
	sub := string(key[generationSize:])
	if sub < w.at {
		return true, nil
	}
	if w.missed(sub); w.more {
		w.step(sub, sealed, w.judge(sub, sealed, nil))
	}
	return w.more, nil
}

// next says whether this is just what the census said comes next. A view never
// knows more than a census that is asked later, so that needs no second look.
func (w *walker) next(sub, sealed []byte) (string, bool) {
	if !w.watches() {
		return "", false
	}
	if len(w.ahead) == 0 {
		if w.buf == nil {
			w.buf = make([]member, 0, lookahead)
		}
		w.ahead = w.census.some(w.buf, w.at, w.prefix)
	}
	if len(w.ahead) == 0 || len(sealed) < sealSize {
		return "", false
	}
	m := w.ahead[0]
	if m.sub != string(sub) || m.seal != sealOf(sealed) || int(m.size) != len(sealed) {
		return "", false
	}
	w.ahead = w.ahead[1:]
	return m.sub, true
}

func (w *walker) step(sub string, sealed []byte, bad error) {
	w.more = w.visit(sub, sealed, bad)
	w.at = sub + "\x00"
}

// missed visits the members of the census that were passed over on the way to a
// key, "" for the end.
func (w *walker) missed(to string) {
	for w.more && w.watches() {
		m, ok := w.census.next(w.at, w.prefix)
		if !ok || to != "" && m.sub >= to {
			return
		}
		if bad := w.differs(m, "the record is missing"); bad != nil {
			w.step(m.sub, nil, bad)
		}
		w.at = m.sub + "\x00"
	}
}

// oneByOne goes on where the storage cannot be scanned: the census says what to
// look up.
func (w *walker) oneByOne() error {
	for w.more {
		m, ok := w.census.next(w.at, w.prefix)
		if !ok {
			break
		}
		w.at = m.sub + "\x00"
		sealed, err := getRaw(w.txn, stateKey(w.gen, []byte(m.sub)))
		bad := w.judge(m.sub, sealed, err)
		if bad != nil || sealed != nil {
			w.step(m.sub, sealed, bad)
		}
	}
	if w.census.left(w.prefix, w.applied) {
		return fmt.Errorf("scan %q: %w", w.prefix, errOutdated)
	}
	return nil
}

// errOutdated is for what an older view cannot find out any more: the same
// question to a new view may be answered.
var errOutdated = fmt.Errorf("changed since the view was opened: %w", ErrDamaged)
