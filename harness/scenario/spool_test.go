package scenario

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestSpoolsAreThoseOfTheTimelineAndThePlaybook: each array once, and each volume
// is there for bugs to be on.
func TestSpoolsAreThoseOfTheTimelineAndThePlaybook(t *testing.T) {
	spool := func(on string) Action { return Inbound{Policy: Spool, On: on} }
	s := &Scenario{
		Storage: Storage{
			Arrays: []Array{{Name: "east", OS: "acme/1.0"}, {Name: "west", OS: "acme/1.0"}},
			Stores: []Store{{"main", []Replica{{"n1", "east"}}}},
		},
		Timeline: []Step{{Action: spool("west")}, {At: time.Second, Action: spool("west")}, {Action: Inbound{Policy: Open}}},
		Playbook: []Play{{Action: Wait{}}, {Action: spool("east")}},
	}
	require.Equal(t, []string{"west", "east"}, s.Spools())
	b, known := s.Bug("lost-write")
	require.True(t, known)
	arm := Arm{Bug: "lost-write", On: Scope{OS: "acme/*"}}
	require.Equal(t, []string{"n1", "west-spool", "east-spool"}, arm.Matches(b, s, s.osOf))
	arm.On = Scope{Volume: "west-spool"}
	require.Equal(t, []string{"west-spool"}, arm.Matches(b, s, s.osOf))
}
