//go:build !linux

package live

import (
	"sync/atomic"
	"time"
)

// timers call back in real time, as late as Go's are.
type timers struct {
	start time.Time
	ended atomic.Bool
}

func (t *timers) after(d time.Duration, f func()) {
	time.AfterFunc(d, func() {
		if !t.ended.Load() {
			f()
		}
	})
}

func (t *timers) close() { t.ended.Store(true) }
