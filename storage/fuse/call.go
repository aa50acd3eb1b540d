//go:build linux

package fuse

import (
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"fourdays/storage/vol"
)

// who asks: the task, and what tells that it was interrupted. A task 0 is the
// kernel itself.
type who struct {
	cancel <-chan struct{}
	task   uint32
}

// dyingEvery is how often a caller that was interrupted while the volume hangs is
// looked at (picked). The kernel tells of the first signal only, and that may not
// be the one that kills.
const dyingEvery = 50 * time.Millisecond

// The states of a call.
const (
	asked    = iota // the volume has it
	waiting         // and somebody waits at wake
	answered        // res is the answer
	let             // nobody waits any more
)

// call is one operation and whoever waits for its answer.
type call struct {
	op    vol.Op
	res   vol.Result
	state atomic.Int32
	wake  chan struct{}
	done  func(vol.Result)
	v     vol.Volume
}

var calls = sync.Pool{New: func() any {
	c := &call{wake: make(chan struct{}, 1)}
	c.done = c.answer
	return c
}}

func (c *call) answer(res vol.Result) {
	c.res = res
	switch c.state.Swap(answered) {
	case waiting:
		c.wake <- struct{}{}
	case let:
		c.undo()
	}
}

// undo closes a file whose opener has gone.
func (c *call) undo() {
	if c.op.Kind == vol.Open && c.res.Errno == 0 {
		id := c.res.File
		go c.v.Do(&vol.Op{Kind: vol.Close, File: id}, func(vol.Result) {})
	}
}

// ask carries out an operation and waits for its answer. Who waits in vain is
// released when the connection ends, when Drop is called, and when the caller is
// being killed, if the volume can let go of the operation.
func (d *door) ask(w who, op vol.Op) vol.Result {
	if d.shut.Load() {
		<-d.ended // what comes after the power is cut is never answered
		return vol.Result{Errno: syscall.ENOTCONN}
	}
	c := calls.Get().(*call)
	c.op, c.v = op, d.v
	c.state.Store(asked)
	d.v.Do(&c.op, c.done)
	if c.state.CompareAndSwap(asked, waiting) && !d.wait(c, w) {
		return vol.Result{Errno: syscall.EIO} // c may still be in the volume's hands: it is not used again
	}
	res := c.res
	c.op, c.res, c.v = vol.Op{}, vol.Result{}, nil
	calls.Put(c)
	return res
}

// wait waits for the answer; false says that there is nobody to answer to.
func (d *door) wait(c *call, w who) bool {
	drop := d.dropping()
	select {
	case <-c.wake:
		return true
	case <-d.ended:
		return d.leave(c)
	case <-drop:
		return d.leave(c)
	case <-w.cancel:
	}
	return d.waitInterrupted(c, w, drop)
}

func (d *door) waitInterrupted(c *call, w who, drop <-chan struct{}) bool {
	tick := time.NewTicker(dyingEvery)
	defer tick.Stop()
	for {
		switch {
		case d.cut():
			d.finish()
		case d.canceler != nil && dying(w.task):
			return d.leave(c)
		}
		select {
		case <-c.wake:
			return true
		case <-d.ended:
			return d.leave(c)
		case <-drop:
			return d.leave(c)
		case <-tick.C:
		}
	}
}

// leave gives up waiting, after the volume has let go of the operation: from then
// on its data belong to others. A volume that cannot is waited for as long as
// there are others.
func (d *door) leave(c *call) bool {
	if c.op.Kind == vol.Close { // it has no data, and has to happen
		return c.leave()
	}
	if d.canceler != nil {
		d.canceler.Cancel(&c.op)
		return c.leave()
	}
	select {
	case <-c.wake:
		return true
	case <-d.ended:
		return c.leave()
	}
}

// leave says that nobody waits any more; true if the answer has come before.
func (c *call) leave() bool {
	if c.state.CompareAndSwap(waiting, let) {
		return false
	}
	<-c.wake
	return true
}

// dying reports whether a task is gone, or about to be: SIGKILL is pending, into
// which the kernel turns every signal that ends a process.
func dying(task uint32) bool {
	if task == 0 {
		return false
	}
	text, err := os.ReadFile("/proc/" + strconv.Itoa(int(task)) + "/status")
	if err != nil {
		return true
	}
	for line := range strings.Lines(string(text)) {
		key, value, _ := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		switch key {
		case "State":
			if strings.HasPrefix(value, "Z") || strings.HasPrefix(value, "X") {
				return true
			}
		case "SigPnd", "ShdPnd":
			set, _ := strconv.ParseUint(value, 16, 64)
			if set&(1<<(syscall.SIGKILL-1)) != 0 {
				return true
			}
		}
	}
	return false
}
