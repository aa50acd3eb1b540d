package prove

import (
	"fmt"
	"slices"
	"syscall"
	"time"

	"fourdays/storage/bug"
	"fourdays/storage/vol"
)

// What the caller takes for no answer, for a late one, and for a side that does
// not answer at all. All picked.
const (
	patience = 60 * time.Second // an operation that takes longer is not waited for
	late     = 2                // times what the healthy twin needs
	stuck    = 3                // operations in a row without an answer
)

// outcome is what came of an operation on one side.
type outcome uint8

const (
	skipped outcome = iota // not asked: the side is stuck, or the file not open there
	done
	failed
	hung
)

// answer is what one side said to an operation.
type answer struct {
	how  outcome
	res  vol.Result
	data []byte // of a read
	took time.Duration
}

// file is an open file on both sides; 0 where it could not be opened.
type file struct {
	path string
	flag int
	ids  [sides]vol.FileID
}

// do asks both sides the same and waits for both, until patience ends. What
// only the sick side says or fails to say is noticed by the caller.
func (r *rig) do(h *host, op vol.Op, f *file) [sides]answer {
	all := r.submit(h, op, f)
	r.wait(all[:])
	r.compare(h, op, f, all[0], all[1])
	return [sides]answer{all[0].answer, all[1].answer}
}

// asked is an operation that a side may not have answered yet.
type asked struct {
	answer
	at time.Duration
}

// submit asks both sides without waiting. A read is of so many bytes as the
// operation's size says.
func (r *rig) submit(h *host, op vol.Op, f *file) [sides]*asked {
	var all [sides]*asked
	for i := range all {
		a := &asked{at: r.clock.now}
		all[i] = a
		s := &h.sides[i]
		if s.hangs >= stuck || f != nil && f.ids[i] == 0 {
			continue
		}
		o := op
		if f != nil {
			o.File = f.ids[i]
		}
		if o.Kind == vol.Read {
			o.Data = s.buffer(op.Size)
			a.data = o.Data
		}
		s.count(&o)
		a.how = hung
		s.v.Do(&o, func(res vol.Result) { a.answered(res, r.clock.now) })
	}
	return all
}

// buffer is where a read puts its bytes. It serves again for the next one; that of
// a read which was not answered is left to it.
func (s *side) buffer(n int64) []byte {
	if int64(len(s.scratch)) < n {
		s.scratch = make([]byte, max(n, readSize*blockSize))
	}
	return s.scratch[:n]
}

func (a *asked) answered(res vol.Result, now time.Duration) {
	a.res, a.took = res, now-a.at
	if a.how = done; res.Errno != 0 {
		a.how = failed
	}
}

// wait moves the clock until all is answered, or patience ends.
func (r *rig) wait(all []*asked) {
	end := r.clock.now + patience
	open := func(a *asked) bool { return a.how == hung }
	for slices.ContainsFunc(all, open) && r.clock.step(end) {
	}
}

// count keeps what hidden counters will have counted.
func (s *side) count(op *vol.Op) {
	s.counted.Ops++
	switch op.Kind {
	case vol.Write:
		s.counted.Writes++
		s.counted.Bytes += int64(len(op.Data))
	case vol.Sync, vol.SyncDir:
		s.counted.Flushes++
	}
}

// compare holds what the sick side answered against the healthy one.
func (r *rig) compare(h *host, op vol.Op, f *file, a, twin *asked) {
	h.hung = h.hung || a.how == hung
	h.sides[sick].note(a.how)
	h.sides[well].note(twin.how)
	place := op.Path
	if f != nil {
		place = f.path
	}
	what := op.Kind.String() + " " + place
	r.contrast(h, what, a, twin)
	switch {
	case twin.how == hung:
		r.doubt(h, "the healthy twin never answered "+what)
	case a.how == hung:
		r.notice(h, bug.Caller, "no answer to "+what)
	case a.how == failed && a.res.Errno != twin.res.Errno && !aboutNames(a.res.Errno):
		r.notice(h, bug.Caller, what+": "+a.res.Errno.Error())
	case a.how != skipped && twin.how != skipped && a.took >= late*twin.took && a.took-twin.took >= service:
		r.notice(h, bug.Caller, fmt.Sprintf("late: %v for %s, the twin took %v", a.took, what, twin.took))
	}
}

// note counts operations that were not answered.
func (s *side) note(how outcome) {
	switch how {
	case hung:
		s.hangs++
		s.scratch = nil
	case done, failed:
		s.hangs = 0
	}
}

// aboutNames reports whether an error only says what is there and what is not.
// If that is false, it is the user who notices, not the caller.
func aboutNames(errno syscall.Errno) bool {
	switch errno {
	case syscall.ENOENT, syscall.EEXIST, syscall.ENOTEMPTY, syscall.ENOTDIR, syscall.EISDIR:
		return true
	}
	return false
}
