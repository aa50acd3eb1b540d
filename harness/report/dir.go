package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// The files of a run directory.
const (
	RunFile      = "run.json"
	HistoryFile  = "history.jsonl"
	EvidenceFile = "evidence.json"
	ScenarioFile = "scenario.yaml"
	JUnitFile    = "junit.xml"
	LogDir       = "log"
)

// ErrNotEmpty refuses a run directory that holds something already.
var ErrNotEmpty = errors.New("directory is not empty")

// Dir is a run directory that is being filled. Every file appears whole or not
// at all: it is written under another name, synced, and renamed. run.json comes
// last, so a directory with one is complete.
type Dir struct {
	Path string
	// open makes a file; tests give it a full disk.
	open func(path string) (file, error)
}

type file interface {
	io.WriteCloser
	Sync() error
}

func openNew(path string) (file, error) {
	return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
}

// Create makes a run directory, or takes an empty one.
func Create(path string) (*Dir, error) {
	if err := os.MkdirAll(path, 0o755); err != nil {
		return nil, fmt.Errorf("create run directory: %w", err)
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, fmt.Errorf("read run directory: %w", err)
	}
	if len(entries) > 0 {
		return nil, fmt.Errorf("use run directory %s: %w; name a new one, or leave --out away", path, ErrNotEmpty)
	}
	return prepare(path)
}

// CreateUnder makes a new directory under root, named after the scenario and
// its seed, with a number behind when there is one already.
func CreateUnder(root, scenario string, seed uint64) (*Dir, error) {
	if err := os.MkdirAll(root, 0o755); err != nil {
		return nil, fmt.Errorf("create run directory: %w", err)
	}
	base := filepath.Join(root, fmt.Sprintf("%s-seed%d", scenario, seed))
	path := base
	for k := 2; ; k++ {
		err := os.Mkdir(path, 0o755)
		if err == nil {
			return prepare(path)
		}
		if !errors.Is(err, fs.ErrExist) {
			return nil, fmt.Errorf("create run directory: %w", err)
		}
		path = fmt.Sprintf("%s-%d", base, k)
	}
}

// Folder makes a new folder under root, with a number behind its name when there
// is one already.
func Folder(root, name string) (string, error) {
	if err := os.MkdirAll(root, 0o755); err != nil {
		return "", fmt.Errorf("create folder of runs: %w", err)
	}
	path := filepath.Join(root, name)
	for k := 2; ; k++ {
		err := os.Mkdir(path, 0o755)
		if err == nil {
			return path, nil
		}
		if !errors.Is(err, fs.ErrExist) {
			return "", fmt.Errorf("create folder of runs: %w", err)
		}
		path = filepath.Join(root, fmt.Sprintf("%s-%d", name, k))
	}
}

func prepare(path string) (*Dir, error) {
	d := &Dir{Path: path, open: openNew}
	if err := os.Mkdir(d.Log(), 0o755); err != nil {
		return nil, fmt.Errorf("create log directory: %w", err)
	}
	return d, nil
}

// Log is where the programs' own output goes.
func (d *Dir) Log() string { return filepath.Join(d.Path, LogDir) }

// Stream opens a file of the directory that is written piece by piece.
func (d *Dir) Stream(name string) (*Stream, error) {
	s := &Stream{name: name, temp: filepath.Join(d.Path, "."+name+".part"), path: filepath.Join(d.Path, name)}
	var err error
	if s.file, err = d.open(s.temp); err != nil {
		return nil, fmt.Errorf("create %s: %w", name, err)
	}
	return s, nil
}

// Write puts a whole file into the directory.
func (d *Dir) Write(name string, data []byte) error {
	s, err := d.Stream(name)
	if err != nil {
		return err
	}
	_, _ = s.Write(data) // Commit tells
	return s.Commit()
}

// Finish writes what a run leaves behind: the scenario as it was, junit.xml, and
// run.json last.
func (d *Dir) Finish(r *Run, scenario []byte) error {
	if err := d.Write(ScenarioFile, scenario); err != nil {
		return err
	}
	return d.Rewrite(r)
}

// Rewrite replaces the verdict of a directory: junit.xml and run.json.
func (d *Dir) Rewrite(r *Run) error {
	junit, err := JUnit(r)
	if err != nil {
		return fmt.Errorf("encode %s: %w", JUnitFile, err)
	}
	if err := d.Write(JUnitFile, junit); err != nil {
		return err
	}
	data, err := Encode(r)
	if err != nil {
		return err
	}
	return d.Write(RunFile, data)
}

// Slim drops what is large of a finished run, the history, the evidence and the
// logs. The rest says what came of it and how to run it again; it cannot be judged
// again.
func (d *Dir) Slim() error {
	for _, name := range []string{HistoryFile, EvidenceFile, LogDir} {
		if err := os.RemoveAll(filepath.Join(d.Path, name)); err != nil {
			return fmt.Errorf("drop %s: %w", name, err)
		}
	}
	return nil
}

// Slimmed says that a run directory has neither history nor logs any more.
func Slimmed(path string) bool {
	for _, name := range []string{HistoryFile, LogDir} {
		if _, err := os.Stat(filepath.Join(path, name)); !errors.Is(err, fs.ErrNotExist) {
			return false
		}
	}
	return true
}

// Open takes a finished run directory, to judge it again.
func Open(path string) (*Dir, *Run, error) {
	data, err := os.ReadFile(filepath.Join(path, RunFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fmt.Errorf("open run directory %s: it has no %s: not a run, or one that did not finish", path, RunFile)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("open run directory: %w", err)
	}
	r, err := Decode(data)
	return &Dir{Path: path, open: openNew}, r, err
}

// Encode renders run.json: the same bytes for the same run, empty lists rather
// than nulls.
func Encode(r *Run) ([]byte, error) {
	c := *r
	c.Schema = Schema
	whole(&c.Expectations)
	whole(&c.Checks)
	whole(&c.Faults)
	whole(&c.Classes)
	whole(&c.Nodes)
	whole(&c.Arrays)
	whole(&c.Playbook)
	whole(&c.Steps)
	whole(&c.Alarms)
	whole(&c.Scrubs)
	whole(&c.Spools)
	whole(&c.Timeline)
	whole(&c.Questions)
	whole(&c.Numbers)
	whole(&c.Recovery.Reopened)
	whole(&c.Recovery.Reclosed)
	whole(&c.Recovery.Censored)
	whole(&c.Recovery.Notes)
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(&c); err != nil {
		return nil, fmt.Errorf("encode %s: %w", RunFile, err)
	}
	return b.Bytes(), nil
}

func whole[T any](list *[]T) {
	if *list == nil {
		*list = []T{}
	}
}

// Decode reads run.json. It refuses another schema, and keys it does not know.
func Decode(data []byte) (*Run, error) {
	var head struct {
		Schema string `json:"schema"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return nil, fmt.Errorf("read %s: %w", RunFile, err)
	}
	if head.Schema != Schema {
		return nil, fmt.Errorf("read %s: schema is %q; this program reads %q", RunFile, head.Schema, Schema)
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	r := &Run{}
	if err := dec.Decode(r); err != nil {
		return nil, fmt.Errorf("read %s: %w", RunFile, err)
	}
	return r, nil
}

// Stream is a file on its way into a run directory. After a failed write every
// later call fails with the same error.
type Stream struct {
	name, temp, path string
	file             file
	err              error
}

// Write appends to the file.
func (s *Stream) Write(p []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	n, err := s.file.Write(p)
	if err != nil {
		s.err = fmt.Errorf("write %s: %w", s.name, err)
	}
	return n, s.err
}

// Commit makes the file durable and gives it its name. When anything failed,
// nothing is left of it.
func (s *Stream) Commit() error {
	if s.err == nil {
		if err := s.file.Sync(); err != nil {
			s.err = fmt.Errorf("sync %s: %w", s.name, err)
		}
	}
	if err := s.file.Close(); err != nil && s.err == nil {
		s.err = fmt.Errorf("close %s: %w", s.name, err)
	}
	if s.err == nil {
		if err := os.Rename(s.temp, s.path); err != nil {
			s.err = fmt.Errorf("name %s: %w", s.name, err)
		}
	}
	if s.err != nil {
		_ = os.Remove(s.temp) // what is half-written must not stay; the first error is the one that counts
	}
	return s.err
}

// Abort drops the file.
func (s *Stream) Abort() {
	_ = s.file.Close()
	_ = os.Remove(s.temp)
}
