package background_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"fourdays/harness/background"
	"fourdays/storage/bug"
	"fourdays/storage/prove"
)

// TestEveryPhenomenonIsAsItsProfileSays shows each of them on bare arrays, as is
// done with the bugs of the catalogue: who notices, and what a reboot does.
func TestEveryPhenomenonIsAsItsProfileSays(t *testing.T) {
	met := map[string]bool{}
	for _, p := range background.Profiles() {
		for _, ph := range p.Phenomena {
			same := ph.Bug
			same.Evidence = bug.Evidence{}
			if text := string(bug.Print(same)); met[text] {
				continue // as in another profile
			} else {
				met[text] = true
			}
			t.Run(p.Name+"/"+ph.ID(), func(t *testing.T) {
				t.Parallel()
				b := ph.Bug
				if b.Persistence == bug.Once {
					b.Persistence = bug.Transient // a single write may be covered by the next one there
				}
				r, err := prove.Alone(b, 1)
				require.NoError(t, err)
				require.Empty(t, r.Differences(b), r)
			})
		}
	}
}
