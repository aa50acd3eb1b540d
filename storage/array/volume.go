package array

import (
	"maps"
	"math/rand/v2"
	"slices"
	"syscall"

	"fourdays/storage/bug"
	"fourdays/storage/vol"
)

// Volume is one volume of an array. It implements vol.Volume and vol.Machine.
type Volume struct {
	fleet  *Fleet
	array  *device
	name   string
	store  string
	of     string // the volume in whose place it came
	strict bool
	direct bool // every file is opened with O_DIRECT

	root   *inode
	inodes []*inode // in the order of their making
	gone   int      // of these, released

	goneBlocks int64 // that they had

	forked  []*inode // those whose image differs from the truth
	lastIno uint64
	epoch   uint64
	journal []entry
	dirty   []*inode
	lies    []*lie
	aliases []*alias
	limit   int64 // bytes, if a bug has shrunk the volume
	limited *rule // which

	discarded bool // room was given back, and nobody has been told yet
	history   int  // versions of a block that armed bugs may ask for

	copies map[string]*copied
	strays map[*inode]map[int]stray // what the other site has otherwise

	files    map[vol.FileID]*handle
	lastFile vol.FileID
	gen      uint64 // operations of an earlier generation are dropped

	usedBlocks, usedInodes int64
	dirtyBlocks            int64 // not flushed yet
	tally                  tally
	rng                    *rand.Rand

	gates  []*gate   // the rules in whose scope the volume is
	acts   []bug.Act // that any of them is about
	bound  int       // how often that changed
	state  int       // how often it changed what they have to see
	stale  bool      // it changed since it was last looked at
	awake  mask      // operations that any of them has to see
	hurts  mask      // operations that may meet a place that was hit
	scars  map[string]*[]wound
	sights map[string]*sight
}

// handle is one open of a file. Closed, it lives on while operations in flight
// use it.
type handle struct {
	node   *inode
	dir    *inode // that it was opened in
	path   string
	flag   int
	busy   int
	closed bool
	track  track // of the last read or write
	writes track // of the last write
	sight  *sight
}

// request is an operation between Do and its answer.
type request struct {
	v    *Volume
	op   vol.Op
	file *handle
	done func(vol.Result)
	dec  decision
	gen  uint64
	seq  uint64

	judged bool // dec holds

	asked    *vol.Op // whose copy op is
	canceled bool
}

func newVolume(f *Fleet, d *device, name string, cfg VolumeConfig) *Volume {
	v := &Volume{fleet: f, array: d, name: name, store: cfg.Store, of: cfg.Of, strict: cfg.Profile == Strict, direct: cfg.Direct,
		files: map[vol.FileID]*handle{}, copies: map[string]*copied{}, strays: map[*inode]map[int]stray{}, epoch: 1, rng: f.stream("volume/" + name)}
	v.root = v.newInode(dirMode)
	return v
}

// Name is the name under which the configuration declares the volume.
func (v *Volume) Name() string { return v.name }

// Array is the name of the array that the volume is on.
func (v *Volume) Array() string { return v.array.name }

// Do implements vol.Volume. It may be called concurrently.
func (v *Volume) Do(op *vol.Op, done func(vol.Result)) {
	v.fleet.mu.Lock()
	if !v.array.on {
		v.fleet.unlock()
		done(vol.Result{Errno: syscall.EIO})
		return
	}
	v.fleet.tick()
	var h *handle
	if op.File != 0 {
		if h = v.files[op.File]; h == nil || h.closed {
			v.fleet.unlock()
			done(vol.Result{Errno: syscall.EBADF})
			return
		}
	}
	v.count(op)
	if !v.array.serving && !op.NoWait {
		v.keep(&request{v: v, op: *op, asked: op, file: h, done: done})
		v.fleet.unlock()
		return
	}
	dec, plain := v.judge(op, h)
	if plain && v.array.instant() || op.NoWait && dec.errno == 0 {
		res := v.execute(op, h, &dec)
		v.fleet.unlock()
		done(res)
		return
	}
	v.keep(&request{v: v, op: *op, asked: op, file: h, done: done, dec: dec, judged: true})
	v.fleet.unlock()
}

// keep starts an operation that is not answered at once.
func (v *Volume) keep(r *request) {
	v.fleet.seq++
	r.gen, r.seq = v.gen, v.fleet.seq
	if r.file != nil {
		r.file.busy++
	}
	v.start(r)
}

// start lets an operation wait for a controller, answers with an error at once,
// holds a hung operation, or puts the operation in its controller's queue.
func (v *Volume) start(r *request) {
	switch {
	case !v.array.serving:
		v.array.waiting = append(v.array.waiting, r)
	case r.dec.errno != 0:
		v.finish(r, vol.Result{Errno: r.dec.errno})
	case r.dec.hang != nil:
		r.dec.hang.held = append(r.dec.hang.held, r)
	default:
		v.queue(r)
	}
}

func (v *Volume) queue(r *request) {
	wait := v.array.admit(v.fleet.clock.Now(), len(r.op.Data), r.dec.slow) + r.dec.delay
	if wait <= 0 {
		v.finish(r, v.execute(&r.op, r.file, &r.dec))
		return
	}
	turn := v.array.turn
	v.array.flying[r] = struct{}{}
	v.fleet.later(wait, func() {
		if r.gen == v.gen && turn == v.array.turn && !r.canceled {
			delete(v.array.flying, r)
			v.finish(r, v.execute(&r.op, r.file, &r.dec))
		}
	})
}

// finish answers an operation that was in flight.
func (v *Volume) finish(r *request, res vol.Result) {
	if h := r.file; h != nil {
		h.busy--
		v.closeIdle(r.op.File, h)
	}
	v.fleet.answer(r.done, res)
}

// closeIdle ends a handle that is closed and that nothing uses any more.
func (v *Volume) closeIdle(id vol.FileID, h *handle) {
	if h.closed && h.busy == 0 {
		delete(v.files, id)
		h.node.opens--
		v.evict(h.node)
		v.release(h.node)
	}
}

// Cancel implements vol.Canceler.
func (v *Volume) Cancel(op *vol.Op) {
	v.fleet.mu.Lock()
	defer v.fleet.unlock()
	let := func(r *request) bool {
		if r.v != v || r.asked != op || r.canceled {
			return r.canceled
		}
		r.canceled = true
		if h := r.file; h != nil {
			h.busy--
			v.closeIdle(r.op.File, h)
		}
		return true
	}
	maps.DeleteFunc(v.array.flying, func(r *request, _ struct{}) bool { return let(r) })
	v.array.waiting = slices.DeleteFunc(v.array.waiting, let)
	for _, g := range v.gates {
		g.held = slices.DeleteFunc(g.held, let)
	}
}

// Kill implements vol.Machine.
func (v *Volume) Kill() {
	v.fleet.mu.Lock()
	defer v.fleet.unlock()
	v.endOpens()
}

func (v *Volume) endOpens() {
	v.dropInFlight()
	for _, h := range v.files {
		h.node.opens--
	}
	v.files = map[vol.FileID]*handle{}
	for _, n := range append([]*inode(nil), v.inodes...) {
		if n.opens == 0 {
			v.evict(n)
			v.release(n)
		}
	}
}

func (v *Volume) dropInFlight() {
	v.gen++
	maps.DeleteFunc(v.array.flying, func(r *request, _ struct{}) bool { return r.v == v })
	v.array.waiting = slices.DeleteFunc(v.array.waiting, func(r *request) bool { return r.v == v })
	for _, g := range v.gates {
		g.dropHeld()
	}
	for id, h := range v.files {
		h.busy = 0
		v.closeIdle(id, h)
	}
}
