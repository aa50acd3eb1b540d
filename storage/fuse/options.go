package fuse

import "time"

// Type is what mounts are called in /proc/mounts: "fuse.fourdays".
const Type = "fourdays"

// Options are what a mount can be asked for.
type Options struct {
	// Name is shown in /proc/mounts as the device; empty is the type.
	Name string
	// AllowOther lets users other than the one who mounts use the files. Without
	// root, /etc/fuse.conf has to allow that.
	AllowOther bool
	// Zero is the moment at which the volume's clock began; zero is when the
	// process started.
	Zero time.Time
	// ReadAhead is how many bytes the kernel reads at most beyond those that a
	// program asks for; 0 leaves that to the kernel (128 KiB).
	ReadAhead int
	// Anyway mounts also a volume that hangs, or answers with errors: programs then
	// meet what it does. Without it Serve fails.
	Anyway bool
	// Debug logs every request.
	Debug bool
}
