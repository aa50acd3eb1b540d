package ci

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "fourdays"

// source is one Go file of the repository.
type source struct {
	path  string // from the root, with slashes
	dir   string // its package's folder, from the root
	test  bool
	lines int
	file  *ast.File
	fset  *token.FileSet
}

// repository reads every Go file, but for those that are no part of the build.
func repository(t *testing.T) []*source {
	t.Helper()
	var all []*source
	err := filepath.WalkDir("..", func(path string, e fs.DirEntry, err error) error {
		name := e.Name()
		switch {
		case err != nil:
			return err
		case e.IsDir() && path != ".." && (strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") || name == "testdata" || name == "runs"):
			return filepath.SkipDir
		case !e.IsDir() && strings.HasSuffix(name, ".go"):
			s, err := read(path, nil)
			if err != nil {
				return err
			}
			all = append(all, s)
		}
		return nil
	})
	require.NoError(t, err)
	require.Greater(t, len(all), 20, "the repository lies around this folder")
	return all
}

func read(path string, text any) (*source, error) {
	s := &source{fset: token.NewFileSet()}
	var err error
	s.file, err = parser.ParseFile(s.fset, path, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	s.path = strings.TrimPrefix(filepath.ToSlash(path), "../")
	s.dir = strings.TrimSuffix(strings.TrimSuffix(s.path, filepath.Base(path)), "/")
	s.test = strings.HasSuffix(path, "_test.go")
	s.lines = s.fset.File(s.file.Pos()).LineCount()
	return s, nil
}

// snippet is a file that is not there, for the tests of the rules.
func snippet(t *testing.T, path, text string) []*source {
	t.Helper()
	s, err := read(path, text)
	require.NoError(t, err)
	return []*source{s}
}

// imports are the paths that a file imports, and the names it gives them.
func (s *source) imports() map[string]string {
	out := map[string]string{}
	for _, spec := range s.file.Imports {
		path, _ := strconv.Unquote(spec.Path.Value)
		name := path[strings.LastIndex(path, "/")+1:]
		if name == "v2" || name == "v3" || name == "v4" || name == "v6" {
			parent := strings.TrimSuffix(path, "/"+name)
			name = parent[strings.LastIndex(parent, "/")+1:]
		}
		if spec.Name != nil {
			name = spec.Name.Name
		}
		out[path] = name
	}
	return out
}

func (s *source) at(pos token.Pos) string {
	return s.path + ":" + strconv.Itoa(s.fset.Position(pos).Line)
}

// under says that a path is a folder or lies in it.
func under(path, folder string) bool { return path == folder || strings.HasPrefix(path, folder+"/") }
