package run

import (
	"fmt"
	"time"

	"fourdays/harness/world"
)

// forgetEvery is how often what lies between programs and arrays is made to
// forget while something is armed. Picked: a fault that comes by itself is seen
// as soon as anybody notices.
const forgetEvery = time.Second

// forget makes the next reads of all nodes reach their arrays, in worlds where
// something else would answer. What an array does wrong would not be seen.
func (st *stage) forget() {
	c, ok := st.w.(world.Cacher)
	if !ok {
		return
	}
	for _, n := range st.nodes {
		if !st.w.Running(n.name) {
			continue
		}
		if err := c.Invalidate(n.name); err != nil {
			st.fail(fmt.Errorf("drop what %s has cached: %w", n.name, err))
			return
		}
	}
}

// forgetting forgets now and then, for faults that come by themselves.
func (st *stage) forgetting() {
	if _, ok := st.w.(world.Cacher); !ok {
		return
	}
	if len(st.armed) > 0 || st.ev.Noise != nil {
		st.forget()
	}
	st.At(st.Now()+forgetEvery, st.forgetting)
}
