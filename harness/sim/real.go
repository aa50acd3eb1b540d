package sim

import "time"

// realTimeout is the one place where the real clock is read: it can end a
// hopeless run, and never shows in one.
func realTimeout(d time.Duration) <-chan time.Time { return time.After(d) }
