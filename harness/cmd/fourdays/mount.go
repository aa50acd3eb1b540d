package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"fourdays/harness/run"
	"fourdays/harness/scenario"
	"fourdays/harness/solo"
	"fourdays/harness/sweep"
	"fourdays/storage/array"
	"fourdays/storage/fuse"
)

// readyVariable tells a process in the background that it has to say on its open
// file 3 when the mount is ready.
const readyVariable = "FOURDAYS_READY"

type mountCmd struct {
	folder
	Dir        string   `arg:"" help:"An empty directory."`
	Array      string   `help:"A file that describes the array, with the keys that one in a scenario has. Without it, one that takes no time of its own." placeholder:"FILE"`
	Bug        []string `help:"Arm this bug at once; can be said more than once." placeholder:"ID" sep:"none"`
	Seed       uint64   `help:"What every chance follows from." default:"1"`
	Profile    string   `help:"When names are durable: ordered (as on ext4) or strict (after fsync of their directory)." default:"ordered" enum:"ordered,strict"`
	Media      string   `help:"Keep the bytes in a file in this folder, for volumes larger than memory. It is gone with the mount." placeholder:"FOLDER"`
	RealSync   bool     `help:"With --media: a flush waits for the disk that the folder is on."`
	Procs      int      `help:"How many processors to use, 0 for all. One has the shortest round trip, more are better for programs that do much at a time." default:"1"`
	Foreground bool     `help:"Stay until Ctrl-C or fourdays umount, instead of going to the background."`
}

// Help is shown by `fourdays mount --help`.
func (*mountCmd) Help() string {
	return `Any program can use the files; what it finds there is as good as the array. The mount is served by a process of its own in the background, and what is on it lives as long as that: fourdays umount ends it. A program of yours can give the commands of fourdays ctl too: each is a line of JSON on a socket, whose path is printed.

Examples:

  fourdays mount /mnt/x                              and use it
  fourdays mount /mnt/x --array east.yaml --bug flush-lies
  fourdays ctl /mnt/x power-loss                     what was promised, and is it there?
  fourdays ctl /mnt/x faults
  fourdays umount /mnt/x

with east.yaml:

  os: acme/1.0
  service: 500us
  bandwidth: 200MB/s
  capacity: 64GB`
}

// Run mounts.
func (c *mountCmd) Run(a *app) error {
	dir, err := solo.Real(c.Dir)
	if err != nil {
		return fail(exitUsage, "mount %s: %w", c.Dir, err)
	}
	if !c.Foreground {
		if socket := solo.Find(dir); (socket == "" || !solo.Answers(socket)) && sweep.Dead(dir) {
			return takenAway(dir)
		}
		return c.background(a, dir)
	}
	cfg, err := c.config(dir)
	if err != nil {
		return err
	}
	if err := fuse.Missing(); err != nil {
		return fail(exitError, "mount %s: %w", dir, err)
	}
	return c.serve(a, cfg)
}

func (c *mountCmd) config(dir string) (solo.Config, error) {
	cfg := solo.Config{Dir: dir, Bugs: solo.Shipped{}, Name: "fourdays", Seed: c.Seed, Profile: array.Profile(c.Profile), AllowOther: os.Geteuid() == 0,
		Media: c.Media, RealSync: c.RealSync}
	if c.RealSync && c.Media == "" {
		return cfg, fail(exitUsage, "--real-sync goes with --media")
	}
	if c.Bugs != "" || len(c.Bug) > 0 {
		set, err := c.catalogue()
		if err == nil {
			_, err = pick(set, c.Bug)
		}
		if err != nil {
			return cfg, err
		}
		cfg.Bugs = set
	}
	if c.Array != "" {
		var err error
		if cfg.Array, err = readArray(c.Array); err != nil {
			return cfg, &failure{exitUsage, err}
		}
	}
	return cfg, nil
}

// readArray reads the file of an array.
func readArray(path string) (array.ArrayConfig, error) {
	file, err := os.Open(path)
	if err != nil {
		return array.ArrayConfig{}, fmt.Errorf("open array: %w", err)
	}
	defer file.Close()
	src, err := io.ReadAll(io.LimitReader(file, scenario.MaxSize+1))
	if err != nil {
		return array.ArrayConfig{}, fmt.Errorf("read array: %w", err)
	}
	described, err := scenario.ParseArray(path, src)
	return run.ArrayConfig(described), err
}

// serve mounts in this process, until it is unmounted or somebody ends it.
func (c *mountCmd) serve(a *app, cfg solo.Config) error {
	if c.Procs > 0 {
		runtime.GOMAXPROCS(c.Procs)
	}
	socket, log, err := solo.Place(cfg.Dir)
	if err != nil {
		return fail(exitError, "mount %s: %w", cfg.Dir, err)
	}
	s, err := solo.Open(cfg)
	if err != nil {
		return &failure{mountCode(err), err}
	}
	l, err := solo.Listen(socket)
	if err == nil {
		err = c.arm(s)
	}
	if err != nil {
		return fail(exitError, "mount %s: %w", cfg.Dir, errors.Join(err, s.Close()))
	}
	go s.Serve(l)
	c.ready(a, cfg.Dir, socket)
	select {
	case <-s.Gone():
	case <-a.ctx.Done():
		err = s.Close()
	}
	s.Finish()
	tidy(log)
	return errors.Join(err, l.Close())
}

// tidy removes a log that nothing was written to.
func tidy(log string) {
	if info, err := os.Stat(log); err == nil && info.Size() == 0 {
		_ = os.Remove(log)
	}
}

// mountCode tells what the user did wrong from what the machine lacks.
func mountCode(err error) int {
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EACCES) {
		return exitError
	}
	return exitUsage
}

func (c *mountCmd) arm(s *solo.Solo) error {
	for _, id := range c.Bug {
		if answer := s.Do(solo.Request{Do: solo.Arm, Bug: id}); !answer.OK {
			return errors.New(answer.Error)
		}
	}
	return nil
}

// ready tells whoever waits: the process that started this one, or the user.
func (c *mountCmd) ready(a *app, dir, socket string) {
	if os.Getenv(readyVariable) == "" {
		c.hints(a, dir, socket)
		return
	}
	pipe := os.NewFile(3, "ready")
	_, _ = fmt.Fprintln(pipe, "ready") // nobody may be there any more
	_ = pipe.Close()
}

func (c *mountCmd) hints(a *app, dir, socket string) {
	armed := ""
	if len(c.Bug) > 0 {
		armed = ", " + strings.Join(c.Bug, ", ") + " armed"
	}
	at := quoted(dir)
	fmt.Fprintf(a.out, `mounted %s: seed %d%s
  fourdays ctl %s arm ID        a bug; fourdays bugs list shows all
  fourdays ctl %s power-loss    what was not durable may be gone
  fourdays ctl %s faults        what came of it
  fourdays umount %s            ends it, and what is on it is gone
commands from programs: JSON lines on %s
`, dir, c.Seed, armed, at, at, at, at, socket)
}

// background starts this program anew, waits until it has mounted, and leaves it.
func (c *mountCmd) background(a *app, dir string) error {
	socket, logPath, err := solo.Place(dir)
	if err != nil {
		return fail(exitError, "mount %s: %w", dir, err)
	}
	log, err := os.CreateTemp(filepath.Dir(logPath), solo.Begun) // that of a living mount stays
	if err != nil {
		return fail(exitError, "mount %s: %w", dir, err)
	}
	defer log.Close()
	defer os.Remove(log.Name())
	s, err := again(dir, socket, log)
	if err != nil {
		return fail(exitError, "mount %s: start in the background: %w", dir, err)
	}
	if err := s.await(a.ctx); err != nil {
		said, _ := os.ReadFile(log.Name())
		if len(said) > 0 && a.ctx.Err() == nil {
			fmt.Fprint(a.err, string(said))
			return &failure{code: max(s.code, exitUsage)}
		}
		return fail(unanswered(a), "mount %s: %w", dir, err)
	}
	_ = os.Rename(log.Name(), logPath)
	c.hints(a, dir, socket)
	return nil
}

// quoted is a path as a shell takes it.
func quoted(path string) string {
	if strings.ContainsAny(path, " '\"\\$&;|<>()*?[]#~`!\n\t") {
		return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
	}
	return filepath.Clean(path)
}
