package bug_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fourdays/storage/bug"
)

var rewrite = flag.Bool("rewrite", false, "write what is wrong into testdata, and the schema")

// TestInvalidFilesSayWhereAndWhatWouldBeRight reads testdata/invalid: each file
// is a bug whose first line is a comment with the error it has to give.
func TestInvalidFilesSayWhereAndWhatWouldBeRight(t *testing.T) {
	files, err := filepath.Glob("testdata/invalid/*.yaml")
	require.NoError(t, err)
	require.Greater(t, len(files), 20)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			first, rest, _ := strings.Cut(string(text), "\n")
			got := "# " + whatIsWrong(t, filepath.Base(file), string(text))
			if *rewrite {
				require.NoError(t, os.WriteFile(file, []byte(got+"\n"+rest), 0o644))
				return
			}
			require.Equal(t, first, got)
		})
	}
}

func whatIsWrong(t *testing.T, file, text string) string {
	t.Helper()
	_, err := bug.Parse(file, []byte(text))
	require.Error(t, err, text)
	var at *bug.Error
	require.ErrorAs(t, err, &at)
	return strings.ReplaceAll(err.Error(), "\n", " | ")
}

// A row is a bug of which only the keys that matter are written, and what is
// wrong with it.
type row struct {
	name, keys, want string
	unseen           bool // by the schema
}

func (r row) text() string {
	text := r.keys
	for _, line := range []string{"id: x", "trigger: {event: arm}", "effect: {ops: [read], reply: EIO}", "persistence: once"} {
		key, _, _ := strings.Cut(line, ":")
		if !strings.HasPrefix(text, key+":") && !strings.Contains(text, "\n"+key+":") {
			text += line + "\n"
		}
	}
	return text
}

// rows reads testdata/refused: rows with an empty line between them, the error
// indented below the keys, comments behind #.
func rows(t *testing.T, file string) (comment string, all []row) {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	for i, block := range strings.Split(strings.TrimSpace(string(text)), "\n\n") {
		if strings.HasPrefix(block, "#") {
			comment += block + "\n"
			continue
		}
		r := row{name: fmt.Sprintf("%s %d", filepath.Base(file), i)}
		for line := range strings.Lines(block) {
			if strings.TrimSpace(line) == unseen {
				r.unseen = true
			} else if strings.HasPrefix(line, "\t") {
				r.want = strings.TrimSpace(line)
			} else {
				r.keys += strings.TrimSuffix(line, "\n") + "\n"
			}
		}
		all = append(all, r)
	}
	return comment, all
}

// unseen marks what only shows when parts are put together: an editor takes it.
const unseen = "(the schema takes it)"

// TestRefusedBugsSayWhereAndWhatWouldBeRight goes through testdata/refused.
func TestRefusedBugsSayWhereAndWhatWouldBeRight(t *testing.T) {
	files, err := filepath.Glob("testdata/refused/*.txt")
	require.NoError(t, err)
	require.Len(t, files, 3)
	schema := compiled(t)
	for _, file := range files {
		comment, all := rows(t, file)
		out := comment
		for _, r := range all {
			got := strings.ReplaceAll(" | "+whatIsWrong(t, "refused.yaml", r.text()), " | refused.yaml:", " | ")[3:]
			takes := schema.Validate(asJSON(t, []byte(r.text()))) == nil
			out += "\n" + r.keys + "\t" + got + "\n"
			if takes {
				out += "\t" + unseen + "\n"
			}
			if !*rewrite {
				require.Equal(t, r.want, got, "%s:\n%s", r.name, r.keys)
				require.Equal(t, r.unseen, takes, "%s: the schema takes it:\n%s", r.name, r.keys)
			}
		}
		if *rewrite {
			require.NoError(t, os.WriteFile(file, []byte(out), 0o644))
		}
	}
}
