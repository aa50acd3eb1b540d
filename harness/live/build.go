package live

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Program is a native program that was built. It needs nothing but a kernel.
type Program struct {
	Name   string // "mailnode"
	Path   string
	SHA256 string // hex
}

// Builder builds programs for this machine and keeps them, keyed by their
// sources, under Cache.
type Builder struct {
	Root     string // the module's root folder
	Cache    string
	Progress func(string) // told what takes long; may be nil
}

// buildFlags make a binary that depends on its sources only. Part of the key.
var buildFlags = []string{"-trimpath", "-buildvcs=false", "-ldflags=-s -w"}

// Build returns the programs whose main packages are the folders, paths below
// the module root such as "mailstore/cmd/mailnode", by their names.
func (b *Builder) Build(ctx context.Context, folders ...string) (map[string]Program, error) {
	programs := map[string]Program{}
	for _, folder := range folders {
		p, err := b.program(ctx, folder)
		if err != nil {
			return nil, fmt.Errorf("build %s: %w", path.Base(folder), err)
		}
		programs[p.Name] = p
	}
	return programs, nil
}

func (b *Builder) program(ctx context.Context, folder string) (Program, error) {
	key, err := b.key(ctx, folder)
	if err != nil {
		return Program{}, err
	}
	p := Program{Name: path.Base(folder)}
	p.Path = filepath.Join(b.Cache, "native", p.Name+"-"+key[:16])
	if _, err := os.Stat(p.Path); errors.Is(err, os.ErrNotExist) {
		if err := b.make(ctx, folder, p); err != nil {
			return Program{}, err
		}
	}
	_ = os.Chtimes(p.Path, time.Time{}, time.Now()) // it is in use; to prune it would be no harm but to us
	p.SHA256, err = sumFile(p.Path)
	return p, err
}

func sumFile(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("read %s: %w", name, err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func (b *Builder) make(ctx context.Context, folder string, p Program) error {
	if b.Progress != nil {
		b.Progress(fmt.Sprintf("building %s for this machine (once per change of its sources)", p.Name))
	}
	dir := filepath.Dir(p.Path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	work, err := os.MkdirTemp(dir, "build-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	out := filepath.Join(work, p.Name)
	args := append([]string{"build"}, buildFlags...)
	if _, err := b.goTool(ctx, append(args, "-o", out, "./"+folder)...); err != nil {
		return err
	}
	if err := os.Rename(out, p.Path); err != nil {
		return err
	}
	return b.prune(p)
}

// How many builds of one program are kept, and how long one is that nobody asks
// for. A run starts its programs again and again. Picked: no run takes a day.
const (
	keptBuilds = 4
	keptFor    = 24 * time.Hour
)

// prune removes the oldest builds of a program.
func (b *Builder) prune(p Program) error {
	names, err := filepath.Glob(filepath.Join(filepath.Dir(p.Path), p.Name+"-*"))
	if err != nil {
		return err
	}
	age := map[string]int64{}
	for _, name := range names {
		if info, err := os.Stat(name); err == nil {
			age[name] = info.ModTime().UnixNano()
		}
	}
	slices.SortFunc(names, func(x, y string) int { return int(min(1, max(-1, age[y]-age[x]))) })
	for _, name := range names[min(keptBuilds, len(names)):] {
		if time.Since(time.Unix(0, age[name])) < keptFor {
			continue
		}
		_ = os.Remove(name) // another process may have been faster
	}
	return nil
}

// listed is what `go list` says of a package.
type listed struct {
	Dir                         string
	Module                      *struct{ Main bool }
	GoFiles, SFiles, EmbedFiles []string
}

// key is the digest of all that goes into a program: our sources, the versions
// of the libraries, the toolchain and how it is used.
func (b *Builder) key(ctx context.Context, folder string) (string, error) {
	h := sha256.New()
	version, err := b.goTool(ctx, "env", "GOVERSION", "GOOS", "GOARCH", "GOAMD64")
	if err != nil {
		return "", err
	}
	fmt.Fprintln(h, folder, version, buildFlags)
	text, err := b.goTool(ctx, "list", "-deps", "-json=Dir,Module,GoFiles,SFiles,EmbedFiles", "./"+folder)
	if err != nil {
		return "", err
	}
	files := []string{filepath.Join(b.Root, "go.mod"), filepath.Join(b.Root, "go.sum")}
	for dec := json.NewDecoder(strings.NewReader(text)); dec.More(); {
		var pkg listed
		if err := dec.Decode(&pkg); err != nil {
			return "", fmt.Errorf("read what go list says: %w", err)
		}
		if pkg.Module == nil || !pkg.Module.Main {
			continue
		}
		for _, name := range slices.Concat(pkg.GoFiles, pkg.SFiles, pkg.EmbedFiles) {
			files = append(files, filepath.Join(pkg.Dir, name))
		}
	}
	for _, name := range files {
		sum, err := sumFile(name)
		if err != nil {
			return "", err
		}
		fmt.Fprintln(h, strings.TrimPrefix(name, b.Root), sum)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func (b *Builder) goTool(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = b.Root
	cmd.Env = append(os.Environ(), "GOFLAGS=", "GOWORK=off", "CGO_ENABLED=0")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("go %s: %w: %s", args[0], err, strings.TrimSpace(errs.String()))
	}
	return out.String(), nil
}
