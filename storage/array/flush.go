package array

import (
	"slices"
	"syscall"

	"fourdays/storage/bug"
	"fourdays/storage/vol"
)

// flushing is how a flush is carried out that does not do what it should; nil is
// an honest one.
type flushing struct {
	lie    *lie
	parts  []part // of the file, that it does not make durable; nil is all
	failed bool   // and the caller is told, so nothing is promised
}

// on reports whether a block is one that the flush does not make durable.
func (f *flushing) on(idx int) bool {
	block := part{int64(idx) * BlockSize, int64(idx+1) * BlockSize}
	return f.parts == nil || slices.ContainsFunc(f.parts, func(p part) bool { return !p.and(block).empty() })
}

// names is where metadata goes that the flush should make durable: a lie about
// parts of a file, or about pages of the node, is not one about names.
func (f *flushing) names() *lie {
	if f == nil || f.parts != nil || f.lie.stuck {
		return nil
	}
	return f.lie
}

// doSync carries out an fsync, or pretends to.
func (v *Volume) doSync(h *handle, dec *decision) vol.Result {
	if h == nil {
		return failed(syscall.EBADF)
	}
	op := vol.Op{Kind: vol.Sync, Path: h.path}
	return v.flush(&op, h, dec, func(f *flushing) vol.Result { return v.sync(h.node, f) })
}

func (v *Volume) doSyncDir(op *vol.Op, dec *decision) vol.Result {
	at, errno := v.existing(op.Path)
	if errno != 0 {
		return failed(errno)
	}
	if !at.node.isDir() {
		return failed(syscall.ENOTDIR)
	}
	return v.flush(op, nil, dec, func(f *flushing) vol.Result { return v.syncDir(at.node, f) })
}

func (v *Volume) flush(op *vol.Op, h *handle, dec *decision, do func(*flushing) vol.Result) vol.Result {
	for _, x := range dec.hits {
		if p := x.g.rule.bug.Effect.Persist; p.Kind != bug.Yes {
			return v.pretend(x, op, h, do)
		}
	}
	return do(nil)
}

// pretend acknowledges a flush and leaves what it should have made durable in
// the array's volatile cache. Or it says once that it failed: then what is in the
// node's cache counts as clean, and nobody will try again.
func (v *Volume) pretend(x hit, op *vol.Op, h *handle, do func(*flushing) vol.Result) vol.Result {
	g, e := x.g, &x.g.rule.bug.Effect
	f := &flushing{lie: v.lieOf(g), parts: x.parts, failed: e.Reply.Errno != 0}
	entries, files := len(f.lie.entries), f.lie.taken
	res := do(f)
	if f.failed && res.Errno == 0 {
		res = failed(e.Reply.Errno)
	}
	if len(f.lie.entries) == entries && f.lie.taken == files && !f.failed {
		x.masked(nodeOf(h), op.Path)
	} else {
		g.note(op, h, f.failed)
	}
	switch e.Persist.Kind {
	case bug.Partial:
		f.lie.leak(func() bool { return g.rng.IntN(2) == 0 })
	case bug.Late:
		v.fleet.later(e.Persist.Late, func() { v.settleLate(f.lie) })
	}
	return res
}

func nodeOf(h *handle) *inode {
	if h == nil {
		return nil
	}
	return h.node
}

// lieOf is the lie that a flush adds to: the last one, if it is of the same rule
// and all of it has the same fate.
func (v *Volume) lieOf(g *gate) *lie {
	e := &g.rule.bug.Effect
	stuck := e.Reply.Errno != 0 || g.rule.lostAt&lostAtEviction != 0
	if n := len(v.lies); n > 0 && v.lies[n-1].rule == g.rule && v.lies[n-1].stuck == stuck && e.Persist.Kind == bug.No {
		return v.lies[n-1]
	}
	l := newLie(g.rule, stuck)
	v.lies = append(v.lies, l)
	return l
}

// settleLate makes a lie true, and those before it.
func (v *Volume) settleLate(l *lie) {
	if i := slices.Index(v.lies, l); i >= 0 {
		l.stuck = false
		v.destage(i + 1)
	}
}

// syncData promises the dirty blocks and the size of a file.
func (v *Volume) syncData(n *inode, f *flushing) {
	if n.dirty.empty() && n.owed.empty() && n.truth.acked.size == n.truth.seen.size {
		return
	}
	if f != nil {
		v.fork(n, f.lie.rule)
		f.lie.take(n, f.on)
	}
	var was map[int]*block
	if f == nil && v.linkBugs() {
		was = v.mirroredBlocks(n)
	}
	v.promise(n, f)
	if n.actual != nil {
		v.writeOut(n, f)
	}
	if was != nil {
		v.mirror(n, was)
	}
	v.clean(n)
	v.epoch++
}

// promise makes the dirty blocks durable in the truth. Those of a flush that
// failed are owed: a correct array would write them at the next one.
func (v *Volume) promise(n *inode, f *flushing) {
	if f != nil && f.failed {
		n.dirty.each(func(idx int) { n.owed.add(idx, idx+1) })
		return
	}
	v.keepOld(n)
	n.truth.promise(&n.dirty)
	n.truth.promise(&n.owed)
	n.owed.reset()
}

// writeOut makes durable in the array what the flush writes there.
func (v *Volume) writeOut(n *inode, f *flushing) {
	if f != nil && f.parts == nil {
		return
	}
	written := n.dirty
	if f != nil {
		written = bitmap{}
		n.dirty.each(func(idx int) {
			if !f.on(idx) {
				written.add(idx, idx+1)
			}
		})
	}
	n.actual.promise(&written)
	for _, l := range v.lies { // what is written now is in the node's cache no more
		if h := l.held[n]; h != nil && l.stuck {
			written.each(func(idx int) { delete(h.blocks, idx) })
		}
	}
}

// evict lets the node's cache forget a file that nobody has open: what only that
// cache had is gone.
func (v *Volume) evict(n *inode) {
	if n.opens > 0 || !v.forget(n) {
		return
	}
	before := n.room()
	v.reread(n)
	for _, l := range v.lies {
		l.showFile(n)
	}
	v.charge(n.room() - before)
	v.epoch++
}

// forget takes a file out of those lies that an eviction ends.
func (v *Volume) forget(n *inode) bool {
	lost := false
	for _, l := range v.lies {
		if l.lostAt&lostAtEviction != 0 && l.held[n] != nil {
			lost = true
			delete(l.held, n)
			l.files = slices.DeleteFunc(l.files, func(h *heldFile) bool { return h.node == n })
		}
	}
	v.lies = slices.DeleteFunc(v.lies, func(l *lie) bool { return l.stuck && len(l.files) == 0 })
	return lost
}

// loseNode forgets what only the node's cache had.
func (v *Volume) loseNode() {
	v.lies = slices.DeleteFunc(v.lies, func(l *lie) bool { return l.stuck })
}
