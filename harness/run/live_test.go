package run

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fourdays/harness/hist"
	"fourdays/harness/report"
	"fourdays/harness/sim"
	"fourdays/harness/world"
	"fourdays/storage/catalog"
)

// plain is a place whose worlds can do what every world can, and no more.
type plain struct{ *sim.Place }

func (plain) Kind() string { return "plain" }

// New hides that the world leaps and digests.
func (p plain) New(ctx context.Context, s world.Setting) (world.World, error) {
	w, err := p.Place.New(ctx, s)
	return struct{ world.World }{w}, err
}

// TestAWorldNeedNotLeap plays one scenario in the simulator as it is and as a
// world that cannot leap over the rest of the lead: what became of mail is the
// same, and operations of the run have their times from its zero on.
func TestAWorldNeedNotLeap(t *testing.T) {
	t.Parallel()
	s := load(t, "testdata/small.yaml")
	whole, _ := rehearse(t, s)
	dir := t.TempDir()
	r, err := Run(t.Context(), s, Options{Dir: dir, Place: plain{programs(t)}})
	require.NoError(t, err)
	require.Equal(t, report.Pass, r.Verdict, r.Why)
	require.Equal(t, "plain", r.World)
	require.Empty(t, r.Digest)
	require.Equal(t, whole.Mail, r.Mail)
	require.InDelta(t, whole.VirtualMS, r.VirtualMS, 2000, "the two look at conditions at other times")
	require.Zero(t, r.LeaptMS)
	require.NoError(t, readHistory(dir, func(op *hist.Op) error {
		if op.SentUS != 0 {
			require.GreaterOrEqual(t, op.SentUS, op.IntendedUS)
			require.GreaterOrEqual(t, op.AnsweredUS, op.SentUS)
			require.Less(t, op.AnsweredUS, int64(5*time.Minute/time.Microsecond), "counted from the zero")
		}
		return nil
	}))
}

// TestWhatAKernelHasIsForgottenWhereItMatters arms bugs of many kinds: only those
// that a reader can meet cost the node its cache.
func TestWhatAKernelHasIsForgottenWhereItMatters(t *testing.T) {
	seen := map[string]bool{
		"bit-rot-read": true, "stale-read": true, "volume-rollback": true, "lost-write": true, "flush-lies": true,
		"libero-2023": false, "fail-slow": false, "libero-2023-readonly": false,
	}
	for id, want := range seen {
		b, known := catalog.Get(id)
		require.True(t, known, id)
		require.Equal(t, want, readable(b), id)
	}
	st := &stage{nodes: []*node{{name: "n1"}, {name: "n10"}, {name: "n2"}}}
	st.shows("n1", "n2-device")
	require.True(t, st.nodes[0].shows)
	require.False(t, st.nodes[1].shows)
	require.True(t, st.nodes[2].shows)
}
