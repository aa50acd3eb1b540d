package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fourdays/storage/replica"
)

// fat is a letter of which a few fill a table.
func fat(i int) string {
	return fmt.Sprintf("Subject: fat %02d\r\n\r\n%s\r\n", i, strings.Repeat(fmt.Sprintf("this is number %02d\r\n", i), 2000))
}

// rot flips a bit in the body of each of the named letters, in whatever table the
// running node n has it, and says how many it found.
func (c *cluster) rot(n *node, letters ...int) (hit int) {
	c.t.Helper()
	files, err := filepath.Glob(filepath.Join(n.args[slices.Index(n.args, "-data")+1], "state", "*.sst"))
	require.NoError(c.t, err)
	for _, path := range files {
		content, err := os.ReadFile(path)
		require.NoError(c.t, err)
		file, err := os.OpenFile(path, os.O_WRONLY, 0) // in place: it is mapped
		require.NoError(c.t, err)
		for _, i := range letters {
			text := bytes.Repeat(fmt.Appendf(nil, "this is number %02d\r\n", i), 3)
			for at := 0; ; {
				next := bytes.Index(content[at:], text)
				if next < 0 {
					break
				}
				at += next
				_, err = file.WriteAt([]byte{content[at] ^ 1}, int64(at))
				require.NoError(c.t, err)
				hit++
				at += 2000 * len(text) / 3 // one bit for each copy: in the state, in the log
			}
		}
		require.NoError(c.t, file.Close())
	}
	return hit
}

func (c *cluster) scrubStatus(n *node) replica.ScrubStatus {
	c.t.Helper()
	var raft struct{ Scrub replica.ScrubStatus }
	require.NoError(c.t, c.get(n, "/raft", &raft))
	return raft.Scrub
}

// TestClientsReadGoodCopiesOfWhatRotted lets bodies rot in the tables of a running
// node. Its IMAP face gives them out as they came in, because it has them from
// another node; a scrub finds those that nobody read, and the next one nothing.
func TestClientsReadGoodCopiesOfWhatRotted(t *testing.T) {
	c := startCluster(t)
	want := map[string]bool{}
	for i := range 60 {
		code, err := deliver(c.nodes[0], fat(i))
		require.NoError(t, err)
		require.Equal(t, 250, code)
		want[fat(i)] = true
	}
	c.allThere(want)
	victim := c.nodes[1]
	require.NotZero(t, c.rot(victim, 3), "it is in a table by now")
	c.allThere(want)
	c.eventually("a repair", func() bool { return c.scrubStatus(victim).Repaired > 0 })

	require.NotZero(t, c.rot(victim, 5, 6, 7))
	for _, clean := range []bool{false, true} {
		code, text := c.post(victim, "/scrub", "")
		require.Equal(t, http.StatusOK, code, text)
		var got replica.Scrubbed
		require.NoError(t, json.Unmarshal([]byte(text), &got))
		require.Equal(t, clean, got.Damaged == 0, text)
		require.Equal(t, got.Damaged, got.Repaired, text)
		require.Greater(t, got.Bytes, uint64(60*40_000))
	}
	require.EqualValues(t, 2, c.scrubStatus(victim).Passes)
	c.allThere(want)
	var detected []string
	require.NoError(t, c.get(victim, "/detected", &detected))
	require.Contains(t, strings.Join(detected, "\n"), "repaired from n")
}
