package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"fourdays/harness/sim"
	"fourdays/harness/sweep"
	"fourdays/storage/fuse"
)

// enough is the memory that the flagship may take, in MiB.
const enough = 4096

type doctorCmd struct {
	Clean  bool `help:"Remove what killed runs left: dead mounts, processes, containers, networks, images, folders, sockets."`
	DryRun bool `help:"With --clean: only say what it would remove."`
}

// finding is one line of the doctor's report.
type finding struct {
	ok     bool
	needed bool   // for the simulator
	lacks  string // what is said when it is not ok and not needed
	what   string
	detail string
}

// Run examines the machine, or cleans it. It is an error only when the simulator
// cannot run, or something cannot be removed.
func (c doctorCmd) Run(a *app) error {
	if c.Clean {
		return c.clean(a)
	}
	if c.DryRun {
		return fail(exitUsage, "--dry-run goes with --clean")
	}
	findings := []finding{goTool(a.ctx), sources(), cache(), guest(), memory(), tool(a.ctx, "git", []string{"--version"}, true, "to build from a clone")}
	findings = append(findings, inRealTime(a.ctx)...)
	tw := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	able := true
	for _, f := range findings {
		mark := "ok"
		switch {
		case !f.ok && f.needed:
			mark, able = "MISSING", false
		case !f.ok:
			mark = f.lacks
		}
		fmt.Fprintf(tw, "%s\t%s\t%s\n", mark, f.what, f.detail)
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	if !able {
		return fail(exitError, "this machine cannot run the simulator: see MISSING above")
	}
	fmt.Fprintln(a.out, "\nThe simulator runs here. What is missing is missing for the use that is named beside it.")
	return nil
}

// clean removes what is left over.
func (c doctorCmd) clean(a *app) error {
	found, err := sweep.Clean(a.ctx, c.DryRun, func(text string) { fmt.Fprintln(a.out, text) })
	if err != nil {
		return fail(exitError, "clean: %w", err)
	}
	if found == 0 {
		fmt.Fprintln(a.out, "nothing is left over")
	}
	return nil
}

var goVersion = regexp.MustCompile(`go1\.(\d+)`)

// goTool looks for the compiler, which builds the programs of the simulator.
func goTool(ctx context.Context) finding {
	f := finding{needed: true, what: "go"}
	out, err := output(ctx, "go", "version")
	if err != nil {
		f.detail = "not found; install Go 1.26 or later from https://go.dev/dl/"
		return f
	}
	minor := 0
	if m := goVersion.FindStringSubmatch(out); m != nil {
		minor, _ = strconv.Atoi(m[1])
	}
	f.ok, f.detail = minor >= 26, out
	if !f.ok {
		f.detail += "; install Go 1.26 or later from https://go.dev/dl/"
	}
	return f
}

func sources() finding {
	f := finding{needed: true, what: "sources"}
	root, err := sim.FindSource()
	if f.ok, f.detail = err == nil, root; err != nil {
		f.detail = err.Error()
	}
	return f
}

// cache looks whether the folder for built programs can be written.
func cache() finding {
	f := finding{needed: true, what: "cache"}
	dir, err := sim.CacheDir()
	if err == nil {
		err = os.MkdirAll(dir, 0o755)
	}
	if err == nil {
		var probe *os.File
		if probe, err = os.CreateTemp(dir, ".doctor-*"); err == nil {
			_ = probe.Close()
			err = os.Remove(probe.Name())
		}
	}
	if f.ok, f.detail = err == nil, dir; err != nil {
		f.detail = err.Error() + "; set FOURDAYS_CACHE to a folder that can be written"
	}
	return f
}

// guest says whether the next run has to build the simulator's programs.
func guest() finding {
	f := finding{ok: true, what: "programs", detail: "not built yet: the first run takes a few minutes longer"}
	dir, err := sim.CacheDir()
	if err != nil {
		return f
	}
	if built, _ := filepath.Glob(filepath.Join(dir, "guest", "*.wasm")); len(built) > 0 {
		f.detail = fmt.Sprintf("%d built in %s; rebuilt when their sources change", len(built), dir)
	}
	return f
}

func memory() finding {
	f := finding{what: "memory", detail: "unknown", lacks: "little"}
	file, err := os.Open("/proc/meminfo")
	if err != nil {
		f.ok = true
		return f
	}
	defer file.Close()
	for s := bufio.NewScanner(file); s.Scan(); {
		fields := strings.Fields(s.Text())
		if len(fields) > 1 && fields[0] == "MemAvailable:" {
			kib, _ := strconv.Atoi(fields[1])
			f.ok = kib/1024 >= enough
			f.detail = fmt.Sprintf("%d MiB available, %d wanted for the flagship", kib/1024, enough)
		}
	}
	return f
}

// inRealTime is what the worlds in real time need, and the mail servers and clients of
// others.
func inRealTime(ctx context.Context) []finding {
	const local, container = "for --world local and docker, and fourdays mount", "for --world docker"
	engine := tool(ctx, "docker", []string{"version", "--format", "engine {{.Server.Version}}"}, false, container)
	return []finding{
		kernelMounts(local), tool(ctx, "fusermount3", []string{"--version"}, false, "to mount without being root (package fuse3)"),
		superuser(), engine,
		tool(ctx, "dovecot", []string{"--version"}, false, "for scenarios/external (package dovecot-imapd, dovecot-lmtpd)"),
		tool(ctx, "mbsync", []string{"--version"}, false, "for tests with real clients (package isync)"),
		tool(ctx, "swaks", []string{"--version"}, false, "for tests with real clients (package swaks)"),
	}
}

func kernelMounts(use string) finding {
	f := finding{ok: true, lacks: "missing", what: "/dev/fuse", detail: use}
	if err := fuse.Missing(); err != nil {
		f.ok, f.detail = false, err.Error()+"; "+use
	}
	return f
}

func superuser() finding {
	f := finding{ok: os.Geteuid() == 0, lacks: "no", what: "root", detail: "mounts are made directly"}
	if !f.ok {
		f.detail = "mounts are made through fusermount3, and other users cannot use them"
	}
	return f
}

func tool(ctx context.Context, name string, args []string, needed bool, use string) finding {
	out, err := output(ctx, name, args...)
	if err != nil {
		detail := "not found; " + use
		if out != "" {
			detail = out + "; " + use
		}
		return finding{needed: needed, lacks: "missing", what: name, detail: detail}
	}
	return finding{ok: true, needed: needed, what: name, detail: out}
}

// output is the first line that a tool prints, if it answers within seconds.
func output(ctx context.Context, name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	line, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	return line, err
}
