package array

import (
	"math/rand/v2"
	"syscall"

	"fourdays/storage/vol"
)

// Volume is one volume of an array. It implements vol.Volume and vol.Machine.
type Volume struct {
	fleet  *Fleet
	array  *device
	name   string
	store  string
	strict bool

	root    *inode
	inodes  []*inode // in the order of their making
	gone    int      // of these, released
	forked  []*inode // those whose image differs from the truth
	lastIno uint64
	epoch   uint64
	journal []entry
	dirty   []*inode
	lies    []*lie
	history int // versions of a block that armed bugs may ask for

	files    map[vol.FileID]*handle
	lastFile vol.FileID
	gen      uint64 // operations of an earlier generation are dropped

	usedBlocks, usedInodes int64
	counters               Counters
	gates                  []*gate // the rules in whose scope the volume is
	rng                    *rand.Rand
}

// handle is one open of a file. Closed, it lives on while operations in flight
// use it.
type handle struct {
	node   *inode
	path   string
	flag   int
	busy   int
	closed bool
}

// request is an operation between Do and its answer.
type request struct {
	v    *Volume
	op   vol.Op
	file *handle
	done func(vol.Result)
	dec  decision
	gen  uint64
}

func newVolume(f *Fleet, d *device, name string, cfg VolumeConfig) *Volume {
	v := &Volume{fleet: f, array: d, name: name, store: cfg.Store, strict: cfg.Profile == Strict,
		files: map[vol.FileID]*handle{}, epoch: 1, rng: f.stream("volume/" + name)}
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
	var h *handle
	if op.File != 0 {
		if h = v.files[op.File]; h == nil || h.closed {
			v.fleet.unlock()
			done(vol.Result{Errno: syscall.EBADF})
			return
		}
	}
	v.count(op)
	dec, plain := v.judge(op, h)
	if plain && v.array.instant() || op.NoWait && dec.errno == 0 {
		res := v.execute(op, h, &dec)
		v.fleet.unlock()
		done(res)
		return
	}
	if h != nil {
		h.busy++
	}
	v.start(&request{v: v, op: *op, file: h, done: done, dec: dec, gen: v.gen})
	v.fleet.unlock()
}

// start answers with an error at once, holds a hung operation, or puts the
// operation in its controller's queue.
func (v *Volume) start(r *request) {
	switch {
	case r.dec.errno != 0:
		v.finish(r, vol.Result{Errno: r.dec.errno})
	case r.dec.hang != nil:
		r.dec.hang.held = append(r.dec.hang.held, r)
	default:
		v.queue(r)
	}
}

func (v *Volume) queue(r *request) {
	wait := v.array.admit(v.fleet.clock.Now(), len(r.op.Data)) + r.dec.delay
	if wait <= 0 {
		v.finish(r, v.execute(&r.op, r.file, &r.dec))
		return
	}
	v.fleet.later(wait, func() {
		if r.gen == v.gen {
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
		v.release(h.node)
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
			v.release(n)
		}
	}
}

func (v *Volume) dropInFlight() {
	v.gen++
	for _, g := range v.gates {
		g.dropHeld()
	}
	for id, h := range v.files {
		h.busy = 0
		v.closeIdle(id, h)
	}
}
