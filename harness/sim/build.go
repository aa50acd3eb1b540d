package sim

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sort"
	"strings"
)

// recipe is raised when the way guests are built changes.
const recipe = "1"

//go:embed shim/seam.go.txt
var seamSource []byte

//go:embed shim/mmap_wasip1.go.txt
var mmapSource []byte

//go:embed shim/sha256block_noasm.go.txt
var sha256Source string

//go:embed shim/crc32_otherarch.go.txt
var crc32Source string

// standard are the files of Go's standard library that a guest has otherwise:
// checksums, which a processor does faster than WebAssembly can.
var standard = map[string]string{
	"crypto/internal/fips140/sha256/sha256block_noasm.go": sha256Source,
	"hash/crc32/crc32_otherarch.go":                       crc32Source,
}

// edit is one change to a library's file: old, found exactly once, becomes
// new. An empty old makes or replaces the whole file.
type edit struct{ file, old, new string }

// edits is all that differs between a guest's libraries and the published
// ones: files in memory and where a log wrote to them, waiting for the disk
// without stopping the program, no ticker that frees memory, and no look into
// tables that hold nothing newer than what was found. Native builds use the
// published ones.
var edits = map[string][]edit{
	"github.com/dgraph-io/ristretto/v2": {
		{"z/mmap_wasip1.go", "", string(mmapSource)},
		{"z/file.go", "	Fd   *os.File\n}", "	Fd   *os.File\n	ahead readahead\n	wrote announced\n}"},
		{"z/file.go", "return Msync(m.Data)", "return m.msync()"},
		{"z/file.go", "	if err := Munmap(m.Data); err != nil {\n		return fmt.Errorf(\"while munmap file: %s, error: %v\\n\", m.Fd.Name(), err)\n	}\n	m.Data = nil", "	if err := m.munmap(); err != nil {\n		return fmt.Errorf(\"while munmap file: %s, error: %v\\n\", m.Fd.Name(), err)\n	}\n	m.Data = nil"},
		{"z/allocator.go", "time.NewTicker(2 * time.Second)", "time.NewTicker(24 * time.Hour)"},
		{"z/file.go", "	return m.Data[off : off+sz], nil\n", "	return readThrough(m, off, sz)\n"},
		{"z/file.go", "if err := df.Sync(); err != nil {", "if err := Fsync(df); err != nil {"},
	},
	"github.com/dgraph-io/badger/v4": {
		{"levels.go", "vs, err := h.get(key) //", "vs, err := h.get(key, maxVs.Version) //"},
		{"level_handler.go", "func (s *levelHandler) get(key []byte) (", "func (s *levelHandler) get(key []byte, newest uint64) ("},
		{"level_handler.go", "if th.DoesNotHave(hash) {", "if th.MaxVersion() <= max(newest, maxVs.Version) || th.DoesNotHave(hash) {"},
		{"memtable.go", "	lf.MmapFile = mf\n", "	lf.MmapFile = mf\n	mf.Announce()\n"},
		{"memtable.go", "	lf.writeAt += uint32(plen)\n", "	lf.Wrote(int(lf.writeAt), plen)\n	lf.writeAt += uint32(plen)\n"},
		{"memtable.go", "	z.ZeroOut(lf.Data,", "	lf.Wrote(int(lf.writeAt), maxHeaderSize)\n	z.ZeroOut(lf.Data,"},
		{"memtable.go", "	y.AssertTrue(vlogHeaderSize == copy(lf.Data[0:], buf))\n", "	y.AssertTrue(vlogHeaderSize == copy(lf.Data[0:], buf))\n	lf.Wrote(0, vlogHeaderSize)\n"},
		{"value.go", "		start := int(endOffset - n)\n", "		start := int(endOffset - n)\n		curlf.Wrote(start, int(n))\n"},
		{"dir_other.go", "	err = f.Sync()\n", "	err = z.Fsync(f)\n"},
		{"dir_other.go", "	\"github.com/dgraph-io/badger/v4/y\"\n", "	\"github.com/dgraph-io/badger/v4/y\"\n	\"github.com/dgraph-io/ristretto/v2/z\"\n"},
		{"y/file_wasip1.go", "", "package y\n\nimport \"syscall\"\n\nfunc init() { datasyncFileFlag = syscall.O_SYNC }\n"},
		{"manifest.go", "return f.Sync() }", "return z.Fsync(f) }"},
		{"manifest.go", "if err := fp.Sync(); err != nil {", "if err := syncFunc(fp); err != nil {"},
		{"manifest.go", "	\"github.com/dgraph-io/badger/v4/y\"\n", "	\"github.com/dgraph-io/badger/v4/y\"\n	\"github.com/dgraph-io/ristretto/v2/z\"\n"},
	},
}

// parts are the folders that a program's sources lie in, besides its own.
var parts = map[string][]string{
	"mailstore/cmd/mailnode": {"mailstore", "storage/replica"},
	"harness/cmd/mailload":   {"harness/hist", "harness/letter"},
}

// ErrNoSource means that a guest is neither in the cache nor can be built.
var ErrNoSource = errors.New("the sources of fourdays are not there: run it from a checkout of them")

// Builder builds programs for the simulator and keeps them, keyed by their
// sources, under Cache.
type Builder struct {
	Root     string // the module's root folder; see FindSource
	Cache    string
	Progress func(string) // told what takes long; may be nil
}

// FindSource looks for the sources that this binary was built from: where they
// were then, or in the working folder or one above it.
func FindSource() (string, error) {
	var from []string
	if _, file, _, ok := runtime.Caller(0); ok && filepath.IsAbs(file) {
		from = append(from, filepath.Dir(file))
	}
	if wd, err := os.Getwd(); err == nil {
		from = append(from, wd)
	}
	for _, dir := range from {
		for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
			if mod, err := os.ReadFile(filepath.Join(dir, "go.mod")); err == nil && bytes.HasPrefix(mod, []byte("module fourdays\n")) {
				return dir, nil
			}
		}
	}
	return "", ErrNoSource
}

// CacheDir is the folder for what takes long to make: $FOURDAYS_CACHE, or
// fourdays in the user's cache folder.
func CacheDir() (string, error) {
	if dir := os.Getenv("FOURDAYS_CACHE"); dir != "" {
		return filepath.Abs(dir)
	}
	dir, err := os.UserCacheDir()
	return filepath.Join(dir, "fourdays"), err
}

// Build returns the program whose main package is pkg, a path below the module
// root such as "mailstore/cmd/mailnode".
func (b *Builder) Build(ctx context.Context, pkg string) (*Program, error) {
	key, err := b.key(ctx, pkg)
	if err != nil {
		return nil, err
	}
	out := filepath.Join(b.Cache, "guest", filepath.Base(pkg)+"-"+key[:16]+".wasm")
	if _, err := os.Stat(out); errors.Is(err, fs.ErrNotExist) {
		err = b.make(ctx, pkg, out)
		if err != nil {
			return nil, fmt.Errorf("build %s for the simulator: %w", pkg, err)
		}
	}
	wasm, err := os.ReadFile(out)
	if err != nil {
		return nil, fmt.Errorf("read guest: %w", err)
	}
	return &Program{Name: filepath.Base(pkg), Wasm: wasm}, nil
}

func (b *Builder) say(format string, args ...any) {
	if b.Progress != nil {
		b.Progress(fmt.Sprintf(format, args...))
	}
}

// key is the digest of all that goes into a guest: our sources, the versions
// of the libraries, the toolchain and the recipe.
func (b *Builder) key(ctx context.Context, pkg string) (string, error) {
	h := sha256.New()
	version, err := b.goTool(ctx, "env", "GOVERSION", "GOFLAGS")
	if err != nil {
		return "", err
	}
	fmt.Fprintf(h, "%s\n%s\n%s\n%s\n%s\n", recipe, pkg, version, seamSource, editsText())
	files := []string{filepath.Join(b.Root, "go.mod"), filepath.Join(b.Root, "go.sum")}
	for _, dir := range append([]string{"harness/sim/guest", pkg}, parts[pkg]...) {
		found, err := sources(filepath.Join(b.Root, dir))
		if err != nil {
			return "", fmt.Errorf("find the sources of %s: %w", pkg, err)
		}
		files = append(files, found...)
	}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			return "", fmt.Errorf("%w: %w", ErrNoSource, err)
		}
		fmt.Fprintf(h, "%s %x\n", strings.TrimPrefix(f, b.Root), sha256.Sum256(data))
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func editsText() string {
	text, _ := json.Marshal(fmt.Sprint(edits, standard))
	return string(text)
}

func sources(dir string) (files []string, err error) {
	err = filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && strings.HasSuffix(p, ".go") && !strings.HasSuffix(p, "_test.go") {
			files = append(files, p)
		}
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	sort.Strings(files)
	return files, err
}

func (b *Builder) make(ctx context.Context, pkg, out string) error {
	b.say("building %s for the simulator (once per change of its sources)", filepath.Base(pkg))
	if err := os.MkdirAll(filepath.Join(b.Cache, "guest"), 0o755); err != nil {
		return err
	}
	work, err := os.MkdirTemp(b.Cache, "build-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	modfile, err := b.modfile(ctx, work)
	if err != nil {
		return err
	}
	overlay, err := b.overlay(ctx, work, pkg)
	if err != nil {
		return err
	}
	tmp := filepath.Join(work, "guest.wasm")
	if _, err := b.goTool(ctx, "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-modfile="+modfile,
		"-overlay="+overlay, "-o", tmp, "./"+pkg); err != nil {
		return err
	}
	if err := os.Rename(tmp, out); err != nil {
		return err
	}
	prune(b.Cache)
	return nil
}

// modfile writes the module file of a guest: ours, with the edited libraries
// in place of the published ones.
func (b *Builder) modfile(ctx context.Context, work string) (string, error) {
	mod, err := os.ReadFile(filepath.Join(b.Root, "go.mod"))
	if err != nil {
		return "", err
	}
	for _, lib := range []string{"github.com/dgraph-io/badger/v4", "github.com/dgraph-io/ristretto/v2"} {
		dir, err := b.library(ctx, work, lib)
		if err != nil {
			return "", err
		}
		mod = append(mod, fmt.Sprintf("\nreplace %s => %s\n", lib, dir)...)
	}
	sum, err := os.ReadFile(filepath.Join(b.Root, "go.sum"))
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(work, "go.sum"), sum, 0o644); err != nil {
		return "", err
	}
	return filepath.Join(work, "go.mod"), os.WriteFile(filepath.Join(work, "go.mod"), mod, 0o644)
}

// library copies a library and applies its edits.
func (b *Builder) library(ctx context.Context, work, lib string) (string, error) {
	if _, err := b.goTool(ctx, "mod", "download", lib); err != nil {
		return "", err
	}
	src, err := b.goTool(ctx, "list", "-m", "-f", "{{.Dir}}", lib)
	if err != nil {
		return "", err
	}
	dir := filepath.Join(work, filepath.Base(filepath.Dir(lib)))
	if err := copyTree(strings.TrimSpace(src), dir); err != nil {
		return "", fmt.Errorf("copy %s: %w", lib, err)
	}
	for _, e := range edits[lib] {
		if err := e.apply(dir); err != nil {
			return "", fmt.Errorf("edit %s: %w", lib, err)
		}
	}
	return dir, nil
}

func (e edit) apply(dir string) error {
	name := filepath.Join(dir, filepath.FromSlash(e.file))
	if e.old == "" {
		return os.WriteFile(name, []byte(e.new), 0o644)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	if n := strings.Count(string(text), e.old); n != 1 {
		return fmt.Errorf("%s has changed: %q is there %d times, not once", e.file, e.old, n)
	}
	return os.WriteFile(name, []byte(strings.Replace(string(text), e.old, e.new, 1)), 0o644)
}

// copyTree copies the files of a module, without tests.
func copyTree(src, dst string) error {
	return filepath.WalkDir(src, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		to := filepath.Join(dst, strings.TrimPrefix(p, src))
		switch {
		case d.IsDir():
			return os.MkdirAll(to, 0o755)
		case strings.HasSuffix(p, "_test.go"):
			return nil
		}
		return copyFile(p, to)
	})
}

func copyFile(src, dst string) error {
	in, err := os.Open(src)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(dst, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		out.Close()
		return err
	}
	return out.Close()
}

// overlay puts the simulator's network and disks into the program's main
// package, if it has the seam for them, and its checksums into the standard
// library.
func (b *Builder) overlay(ctx context.Context, work, pkg string) (string, error) {
	root, err := b.goTool(ctx, "env", "GOROOT")
	if err != nil {
		return "", err
	}
	put := map[string]string{}
	for file, source := range standard {
		put[filepath.Join(strings.TrimSpace(root), "src", filepath.FromSlash(file))] = source
	}
	if _, err := os.Stat(filepath.Join(b.Root, pkg, "seam.go")); err == nil {
		put[filepath.Join(b.Root, pkg, "zz_simulator.go")] = string(seamSource)
	}
	replace := map[string]string{}
	for file, source := range put {
		replace[file] = filepath.Join(work, filepath.Base(file))
		if err := os.WriteFile(replace[file], []byte(source), 0o644); err != nil {
			return "", err
		}
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	name := filepath.Join(work, "overlay.json")
	return name, os.WriteFile(name, text, 0o644)
}

func (b *Builder) goTool(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = b.Root
	cmd.Env = append(os.Environ(), "GOFLAGS=", "GOWORK=off")
	if args[0] == "build" {
		cmd.Env = append(cmd.Env, "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0")
	}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("go %s: %w: %s", args[0], err, strings.TrimSpace(errs.String()))
	}
	return out.String(), nil
}
