package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestALongDrawTellsHowFarItIs: nothing for as long as people wait anyway, then a
// line now and then.
func TestALongDrawTellsHowFarItIs(t *testing.T) {
	out, err := os.Create(filepath.Join(t.TempDir(), "err"))
	require.NoError(t, err)
	defer out.Close()
	begun := time.Unix(1000, 0)
	p := &patience{out: out, begun: begun}
	for s := range 15 {
		p.at(begun.Add(time.Duration(s)*time.Second), s*100, 1500)
	}
	p.close()
	said, err := os.ReadFile(out.Name())
	require.NoError(t, err)
	require.Equal(t, "drew 200 of 1500 years\ndrew 1200 of 1500 years\n", string(said))

	live := &patience{out: out, begun: begun, live: true}
	live.at(begun.Add(3*time.Second), 1, 2)
	live.at(begun.Add(3*time.Second+time.Millisecond), 1, 2)
	live.close()
	said, err = os.ReadFile(out.Name())
	require.NoError(t, err)
	require.Contains(t, string(said), "\r\x1b[Kdrew 1 of 2 years\r\x1b[K")
}
