// Package world is what a run can ask of the place it happens in: time,
// programs on machines, a network between them, and streams from the harness
// to the programs.
//
// It owns the interface and the words for it. It assumes that a run is one
// goroutine: callbacks and calls never overlap. What a world cannot do is an
// optional interface that it lacks. It imports package vol and the standard
// library only.
package world

import (
	"context"
	"time"

	"fourdays/storage/vol"
)

// Clock is the time of a run. Now counts from the start of the world and never
// falls. At calls f when Now reaches t, in order; functions for the past run
// as soon as the world does.
type Clock interface {
	Now() time.Duration
	At(t time.Duration, f func())
}

// Machines start and end programs. Names are unique in a world.
type Machines interface {
	// Start powers the machine on and runs a program on it.
	Start(ctx context.Context, spec Spec) error
	// Kill ends the program as SIGKILL does.
	Kill(name string) error
	// PowerLoss ends the program, and its volumes lose what was not durable.
	PowerLoss(name string) error
	// Running says whether a program runs on the machine.
	Running(name string) bool
}

// Network is between machines, and from the harness to them.
type Network interface {
	SetLink(a, b string, l Link)
	// Dial opens a stream to a program. opened is told once how it went; data
	// gets each piece that comes and must not keep it; gone is told when the
	// other side is gone.
	Dial(address string, opened func(error), data func([]byte), gone func()) (Conn, error)
}

// World is a place where programs run. Run lets it live until Now is until, an
// error ends it, or ctx does; callbacks happen only inside Run.
type World interface {
	Clock
	Machines
	Network
	Run(ctx context.Context, until time.Duration) error
}

// Leaper is a world that can move its clocks while programs, network and disks
// stand still.
type Leaper interface {
	Leap(d time.Duration)
	Leapt() time.Duration
}

// Digester is a world whose every event goes into a digest (hex): the same
// run has the same.
type Digester interface {
	Digest() string
}

// Spec says what runs on a machine.
type Spec struct {
	Name    string
	IP      string
	Program string   // "mailnode" or "mailload"
	Args    []string // after the program's name
	Mounts  []Mount
	// OnExit is told when the program ends by itself.
	OnExit func(code uint32)
}

// Mount puts a volume at a path directly below the root.
type Mount struct {
	Path   string
	Volume vol.Volume
}

// Link is what the network does to bytes between two machines. Loss is the
// share of segments that are lost and sent again; it shows as delay.
type Link struct {
	Latency, Jitter time.Duration
	Loss            float64
	Cut             bool // nothing passes until it is mended
}

// Conn is a stream from the harness to a program.
type Conn interface {
	Send(p []byte) error
	Close()
}
