// Package world is what a run can ask of where it happens: time, programs on
// machines, a network between them, and streams from the harness to the
// programs.
//
// It owns the interface and the words for it. It assumes that a run is one
// goroutine: callbacks and calls never overlap. What a world cannot do is an
// optional interface that it lacks. It imports package vol and the standard
// library only.
package world

import (
	"context"
	"io"
	"time"

	"fourdays/storage/vol"
)

// Clock is the time of a run. Now counts from the start of the world and never
// falls. At calls f when Now reaches t, in order; functions for the past run
// as soon as the world does. Volumes live by the same clock, with After, whose
// functions a world in real time calls on another goroutine, in order, whether
// it is running or not: a kernel waits for them. Now and After are for
// concurrent use there.
type Clock interface {
	vol.Clock
	At(t time.Duration, f func())
	// Wall is what the programs' own clocks show now.
	Wall() time.Time
}

// Machines start and end programs. Names are unique in a world.
type Machines interface {
	// Start powers the machine on and runs a program on it.
	// An argument, or the value of a variable, that is a mount's path stands for
	// the place of that mount.
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

// Driver is the number of the machine from which the harness asks the others.
const Driver = -1

// Addresses say where machines are found.
type Addresses interface {
	// Address is where a machine is, by its number: from 0, or Driver. It is
	// what Spec.IP has to be.
	Address(machine int) string
	// Port is the port on which a service of a machine listens that is at home on
	// port n: another one where ports below 1024 are not to be had.
	Port(n int) int
}

// World is a place where programs run.
type World interface {
	Clock
	Machines
	Network
	Addresses
	// Run lets the world live until Now is until, an error ends it, or ctx does;
	// callbacks happen only inside Run. A world in real time lives on between two
	// runs, and calls back for it in the next.
	Run(ctx context.Context, until time.Duration) error
	// Fail makes the current and every later Run return err.
	Fail(err error)
	// Close ends every program and leaves nothing of the world behind.
	Close(ctx context.Context) error
}

// Place makes worlds of one kind. What they share, built programs above all, is
// prepared once, before there is a Place.
type Place interface {
	// Kind is what --world and run.json call its worlds: "sim", "local", "docker".
	Kind() string
	New(ctx context.Context, s Setting) (World, error)
	// Sum is the SHA-256 (hex) of a program as it was built, by its name in Spec.
	Sum(program string) string
	Close(ctx context.Context) error
}

// Setting is what a world is made for.
type Setting struct {
	Seed uint64
	// Epoch is the programs' wall clock at the start of the world, where they do
	// not have that of the machine.
	Epoch time.Time
	// Machines is how many there will be, beside the driver.
	Machines int
	Net      Link
	Log      io.Writer // takes what programs print, a line each after their machine's name
}

// Leaper is a world that can move its clocks while programs, network and disks
// stand still.
type Leaper interface {
	Leap(d time.Duration)
	Leapt() time.Duration
}

// Digester is a world whose every event goes into a digest (hex): the same
// run has the same. A world without it is not replayed exactly by its seed.
type Digester interface {
	Digest() string
	Events() uint64
}

// Cacher is a world in which something between a program and its volumes keeps
// what it has read. Invalidate makes it forget what is clean, so that a fault
// that was just armed, or a volume that was just restored, is seen. It takes all
// volumes side by side, and waits for a fraction of a second at most: not for one
// that hangs.
type Cacher interface {
	Invalidate(machines ...string) error
}

// Shutter is a world that needs time to take a machine's power. Shut is the
// moment: from then on no volume of the machine takes or answers anything, and
// its program is being killed. PowerLoss has to follow.
type Shutter interface {
	Shut(machine string) error
}

// Executor is a world that can run a command beside the program of a machine,
// where it finds the same mounts. done gets, within Run, what it printed (the
// last 64 KiB) and how it failed; it is always called, soon after Within at the
// latest, when the command and its process group are killed. A command that
// Kill or PowerLoss overtakes fails.
type Executor interface {
	Exec(machine string, e Errand, done func(printed string, err error))
}

// Errand is a command for an Executor. Arguments and variables are as in Spec.
type Errand struct {
	Args   []string // from the program's path on
	Dir    string
	Env    []string
	Within time.Duration
}

// Spec says what runs on a machine.
type Spec struct {
	Name string
	IP   string
	// Program is "mailnode" or "mailload". In a world that runs processes of this
	// machine it may be the absolute path of any program.
	Program string
	Args    []string // after the program's name
	Mounts  []Mount
	// Dir is where a program of others starts, and Env what it finds in its
	// environment beside the harness's own, as NAME=value.
	Dir string
	Env []string
	// Peers are the addresses that the program dials on other machines, by the
	// machine's name. A world that puts a network of its own in between adds the
	// argument -via ADDRESS=INSTEAD,... to Args.
	Peers map[string]string
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
