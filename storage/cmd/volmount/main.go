// Command volmount is a mount server: it shows a volume of another process to
// the kernel of this machine.
//
// It owns its command line, when it ends, and what it leaves: nothing. The
// process that started it serves the volume on a socket, its open file 3. When
// that ends, or on SIGTERM, the connection to the kernel is cut, the directory
// unmounted and the program ends; Ctrl-C is left to whoever started it. It
// assumes Linux, and imports the two doors: to the kernel and to the other
// process.
//
// It prints "ready" when programs can use the mount, or an error and ends with
// code 1; 2 is wrong usage.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"fourdays/storage/fuse"
	"fourdays/storage/wire"
)

// socket is the open file on which the volume is.
const socket = 3

type settings struct {
	dir     string
	tidy    bool
	procs   int
	options fuse.Options
}

func main() {
	s, err := parse(os.Args[1:], os.Stderr)
	if err != nil {
		os.Exit(2)
	}
	signal.Ignore(syscall.SIGINT)
	if s.procs > 0 {
		runtime.GOMAXPROCS(s.procs)
	}
	if err := serve(s); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// parse reads the command line. What is wrong with it is said already.
func parse(args []string, say io.Writer) (settings, error) {
	var s settings
	flags := flag.NewFlagSet("volmount", flag.ContinueOnError)
	flags.SetOutput(say)
	flags.StringVar(&s.options.Name, "name", "", "what /proc/mounts shows as the device")
	flags.IntVar(&s.procs, "procs", picked(), "how many processors to use; 0 is all: more for parallel readers, fewer for a shorter round trip")
	flags.BoolVar(&s.options.AllowOther, "allow-other", os.Geteuid() == 0, "let other users in too")
	flags.BoolVar(&s.options.Debug, "debug", false, "log every request of the kernel")
	flags.BoolVar(&s.tidy, "tidy", false, "when the volume's other side is gone, remove DIR too, and its parent if nothing else is in it")
	flags.IntVar(&s.options.ReadAhead, "read-ahead", 0, "the most `bytes` that the kernel reads beyond what it is asked for; 0 leaves that to it")
	flags.BoolVar(&s.options.Anyway, "anyway", false, "mount a volume that hangs or answers with errors, too")
	zero := flags.Int64("zero", 0, "when the volume's clock began, in nanoseconds since 1970; 0 is now")
	flags.Usage = func() {
		fmt.Fprintln(say, "usage: volmount [flags] DIR, with the volume's socket as open file 3")
		flags.PrintDefaults()
	}
	if err := flags.Parse(args); err != nil {
		return s, err
	}
	if flags.NArg() != 1 {
		flags.Usage()
		return s, errors.New("want one directory")
	}
	if s.dir = flags.Arg(0); *zero != 0 {
		s.options.Zero = time.Unix(0, *zero)
	}
	return s, nil
}

// picked is the default of -procs: on a small machine most of a round trip is
// waking another processor.
func picked() int {
	if runtime.NumCPU() <= 4 {
		return 1
	}
	return 0
}

// serve mounts the volume until its other side is gone, the mount is, or
// somebody ends the program.
func serve(s settings) error {
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGTERM)
	conn, err := wire.Inherited(socket)
	if err != nil {
		return err
	}
	remote := wire.Dial(conn)
	m, err := fuse.Serve(s.dir, remote, s.options)
	if err != nil {
		return err
	}
	remote.OnInvalidate(m.Invalidate)
	fmt.Println("ready")
	unmounted := make(chan struct{})
	go func() {
		m.Wait()
		close(unmounted)
	}()
	select {
	case <-ended:
	case <-remote.Gone():
	case <-unmounted:
		return remote.Close()
	}
	err = errors.Join(remote.Err(), m.Abort())
	if s.tidy {
		_ = os.Remove(s.dir) // nobody is left who could be told
		_ = os.Remove(filepath.Dir(s.dir))
	}
	return err
}
