package ci

import (
	"fmt"
	"go/ast"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// longest is how many lines a file may have. Beyond it a file is about two things.
const longest = 600

func uncommentedPackages(all []*source) []string {
	said := map[string]bool{}
	for _, s := range all {
		if s.test {
			continue
		}
		text := s.file.Doc.Text()
		said[s.dir] = said[s.dir] || strings.Contains(strings.TrimSpace(text), "\n") && wellBegun(s, text)
	}
	var bad []string
	for _, dir := range slices.Sorted(maps.Keys(said)) {
		if !said[dir] {
			bad = append(bad, dir+": no package comment: say what it owns, what it assumes, and what it never imports")
		}
	}
	return bad
}

func wellBegun(s *source, text string) bool {
	return strings.HasPrefix(text, "Package "+s.file.Name.Name+" ") || s.file.Name.Name == "main" && strings.HasPrefix(text, "Command ")
}

// undocumented lists exported names without a comment. A comment on a group of
// constants, variables or types covers those in it.
func undocumented(all []*source) []string {
	var bad []string
	for _, s := range all {
		if s.test {
			continue
		}
		for _, decl := range s.file.Decls {
			for _, name := range bare(decl, s.file.Name.Name == "main") {
				bad = append(bad, fmt.Sprintf("%s: %s has no comment", s.at(name.Pos()), name.Name))
			}
		}
	}
	return bad
}

func bare(decl ast.Decl, program bool) []*ast.Ident {
	switch d := decl.(type) {
	case *ast.FuncDecl:
		if d.Doc == nil && d.Name.IsExported() && receiverExported(d) && !program {
			return []*ast.Ident{d.Name}
		}
	case *ast.GenDecl:
		if d.Doc != nil || program {
			return nil
		}
		var names []*ast.Ident
		for _, spec := range d.Specs {
			names = append(names, bareSpec(spec)...)
		}
		return names
	}
	return nil
}

func bareSpec(spec ast.Spec) []*ast.Ident {
	switch s := spec.(type) {
	case *ast.TypeSpec:
		if s.Doc == nil && s.Comment == nil && s.Name.IsExported() {
			return []*ast.Ident{s.Name}
		}
	case *ast.ValueSpec:
		if s.Doc != nil || s.Comment != nil {
			return nil
		}
		return slices.DeleteFunc(slices.Clone(s.Names), func(n *ast.Ident) bool { return !n.IsExported() })
	}
	return nil
}

// receiverExported says that a method can be reached by name from outside. What
// a hidden type must have to satisfy an interface is documented there.
func receiverExported(d *ast.FuncDecl) bool {
	if d.Recv == nil || len(d.Recv.List) == 0 {
		return true
	}
	t := d.Recv.List[0].Type
	for {
		switch x := t.(type) {
		case *ast.StarExpr:
			t = x.X
		case *ast.IndexExpr:
			t = x.X
		case *ast.IndexListExpr:
			t = x.X
		case *ast.Ident:
			return x.IsExported()
		default:
			return true
		}
	}
}

func tooLong(all []*source) []string {
	var bad []string
	for _, s := range all {
		if s.lines > longest {
			bad = append(bad, fmt.Sprintf("%s has %d lines; at most %d: it is about two things, take one out", s.path, s.lines, longest))
		}
	}
	return bad
}

func TestEveryPackageSaysWhatItIs(t *testing.T) { require.Empty(t, uncommentedPackages(repository(t))) }

func TestEveryExportedNameHasAComment(t *testing.T) { require.Empty(t, undocumented(repository(t))) }

func TestNoFileIsTooLong(t *testing.T) { require.Empty(t, tooLong(repository(t))) }

// TestSizesAreReported prints how long files and functions are, for whoever
// asks with -v. Only tooLong decides.
func TestSizesAreReported(t *testing.T) {
	var files, functions []int
	for _, s := range repository(t) {
		if s.test {
			continue
		}
		files = append(files, s.lines)
		for _, decl := range s.file.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && f.Body != nil {
				functions = append(functions, s.fset.Position(f.Body.End()).Line-s.fset.Position(f.Body.Pos()).Line+1)
			}
		}
	}
	slices.Sort(files)
	slices.Sort(functions)
	over := 0
	for _, n := range functions {
		if n > 70 {
			over++
		}
	}
	t.Logf("%d files: median %d lines, p90 %d; %d functions: median %d lines, p90 %d, over 70: %d",
		len(files), files[len(files)/2], files[len(files)*9/10], len(functions), functions[len(functions)/2], functions[len(functions)*9/10], over)
}

func TestMissingCommentsAreSeen(t *testing.T) {
	require.Len(t, uncommentedPackages(snippet(t, "a/a.go", "package a")), 1)
	require.Len(t, uncommentedPackages(snippet(t, "a/a.go", "// Package a is short.\npackage a")), 1, "one line says nothing")
	require.Len(t, uncommentedPackages(snippet(t, "a/a.go", "// Something else\n// on two lines.\npackage a")), 1)
	require.Empty(t, uncommentedPackages(snippet(t, "a/a.go", "// Package a owns a.\n//\n// It imports nothing.\npackage a")))
	require.Empty(t, uncommentedPackages(snippet(t, "a/a.go", "// Command a does a.\n//\n// It imports nothing.\npackage main")))
	require.Empty(t, uncommentedPackages(snippet(t, "a/a_test.go", "package a")))

	for text, want := range map[string]int{
		"func F() {}":                                 1,
		"// F does.\nfunc F() {}":                     0,
		"func f() {}":                                 0,
		"type t struct{}\nfunc (t) F() {}":            0,
		"type T struct{}":                             1,
		"// T is.\ntype T struct{}\nfunc (*T) F() {}": 1,
		"const (\n\tA = 1\n\tB = 2 // b\n)":           1,
		"// Both.\nconst (\n\tA = 1\n\tB = 2\n)":      0,
		"var X, y = 1, 2":                             1,
	} {
		require.Len(t, undocumented(snippet(t, "a/a.go", "package a\n"+text)), want, text)
	}
}

func TestLongFilesAreSeen(t *testing.T) {
	require.Len(t, tooLong(snippet(t, "a/a.go", "package a"+strings.Repeat("\n", longest+1))), 1)
	require.Empty(t, tooLong(snippet(t, "a/a.go", "package a"+strings.Repeat("\n", longest))))
}
