package live

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestAProgramIsBuiltOncePerSources builds a small one in a module of its own.
func TestAProgramIsBuiltOncePerSources(t *testing.T) {
	root := t.TempDir()
	put := func(name, text string) {
		name = filepath.Join(root, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o755))
		require.NoError(t, os.WriteFile(name, []byte(text), 0o644))
	}
	put("go.mod", "module small\n\ngo 1.24\n")
	put("go.sum", "")
	put("cmd/hello/main.go", "package main\n\nimport \"small/words\"\n\nfunc main() { print(words.Hello) }\n")
	put("words/words.go", "package words\n\nconst Hello = \"hello\"\n")
	built := 0
	b := &Builder{Root: root, Cache: t.TempDir(), Progress: func(string) { built++ }}
	build := func() Program {
		programs, err := b.Build(t.Context(), "cmd/hello")
		require.NoError(t, err)
		return programs["hello"]
	}
	first := build()
	out, err := exec.Command(first.Path).CombinedOutput()
	require.NoError(t, err)
	require.Equal(t, "hello", string(out))
	require.Equal(t, first, build())
	require.Equal(t, 1, built)
	put("words/words.go", "package words\n\nconst Hello = \"servus\"\n")
	second := build()
	require.NotEqual(t, first, second)
	require.Equal(t, 2, built)
	put("words/words.go", "package words\n\nconst Hello = 1 +\n")
	_, err = b.Build(t.Context(), "cmd/hello")
	require.ErrorContains(t, err, "build hello: go ")
}

// TestABuildInUseIsKept: a run that began before others built anew still starts
// its own program.
func TestABuildInUseIsKept(t *testing.T) {
	dir := t.TempDir()
	b := &Builder{}
	age := func(name string, old time.Duration) {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, nil, 0o755))
		require.NoError(t, os.Chtimes(path, time.Time{}, time.Now().Add(-old)))
	}
	for i := range keptBuilds + 2 {
		age(fmt.Sprintf("node-%d", i), time.Duration(i)*time.Minute)
	}
	age("node-old", 2*keptFor)
	require.NoError(t, b.prune(Program{Name: "node", Path: filepath.Join(dir, "node-0")}))
	left, err := filepath.Glob(filepath.Join(dir, "node-*"))
	require.NoError(t, err)
	require.Len(t, left, keptBuilds+2)
	require.NoFileExists(t, filepath.Join(dir, "node-old"))
}
