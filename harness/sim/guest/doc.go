// Package guest is the half of the simulator's kernel that lives inside a
// program: what an ordinary Go program compiled for wasip1 lacks there, namely
// a network, a way to wait for the disk without stopping the whole program,
// and memory-mapped files.
//
// It owns the wire format between a guest and its host and the device file
// that carries it. It assumes the host of package sim; it does nothing on any
// other platform. The build of a guest puts it into the program's main package
// and into its copy of Badger's file layer; no program imports it by itself,
// and it imports the standard library only.
package guest

// Device is the character device over which the host tells a guest what has
// happened: frames, each a Header and its payload, as many whole frames per
// read as fit.
const Device = "/dev/fourdays"

// HeaderSize is the size of a frame's header: kind, id, argument and length of
// the payload, each a little-endian uint32.
const HeaderSize = 16

// MaxPayload bounds the payload of a frame in bytes.
const MaxPayload = 32 << 10

// The kinds of frames.
const (
	Accepted  uint32 = iota + 1 // id: the new connection, arg: the listener's port; payload: the peer's address
	Connected                   // id: the connection, arg: errno
	Data                        // id: the connection; payload: bytes in order
	EOF                         // id: the connection: the peer closed it
	Reset                       // id: the connection, arg: errno
	Done                        // id: the ticket of a disk operation, arg: errno; payload: 4 bytes, how many bytes were done
)
