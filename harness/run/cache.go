package run

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"fourdays/harness/report"
	"fourdays/harness/scenario"
	"fourdays/harness/world"
	"fourdays/storage/bug"
	"fourdays/storage/vol"
)

// forgetEvery is how often what lies between programs and arrays is made to
// forget where a fault may show to a reader. Picked: a fault that comes by itself
// is seen as soon as anybody notices.
const forgetEvery = time.Second

// shows notes that what readers of volumes are answered may be another than what
// they had been, from now on and until the end.
func (st *stage) shows(volumes ...string) {
	for _, n := range st.nodes {
		n.shows = n.shows || slices.Contains(volumes, n.name) || slices.Contains(volumes, scenario.Device(n.name))
	}
}

// readable says whether who reads meets a bug. One that hangs, slows or refuses
// writes does not change what a kernel has already, and to make that forget would
// add a fault: nothing could be read any more.
func readable(b bug.Bug) bool {
	e := b.Effect
	return e.Reply.Errno != 0 && (len(e.Ops) == 0 || slices.Contains(e.Ops, vol.Read)) ||
		slices.ContainsFunc(effects(b), func(way string) bool { return way != report.Refuses && way != report.Slows })
}

// forget makes the next reads of such volumes reach their arrays, in worlds where
// something else would answer.
func (st *stage) forget() {
	c, ok := st.w.(world.Cacher)
	if !ok {
		return
	}
	var names []string
	for _, n := range st.nodes {
		if n.shows || st.ev.Noise != nil {
			names = append(names, n.name)
		}
	}
	if err := c.Invalidate(names...); err != nil {
		st.fail(fmt.Errorf("drop what %s have cached: %w", strings.Join(names, ", "), err))
	}
}

// forgetting forgets now and then, for faults that come by themselves.
func (st *stage) forgetting() {
	if _, ok := st.w.(world.Cacher); ok {
		st.forget()
		st.At(st.Now()+forgetEvery, st.forgetting)
	}
}
