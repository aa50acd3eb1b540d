package background

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fourdays/storage/bug"
)

func TestTheProfilesOfTheFieldAreThere(t *testing.T) {
	require.Equal(t, []string{"enterprise-field", "flash-field", "nearline-field"}, Names())
	_, ok := Get("home-field")
	require.False(t, ok)
}

// TestEveryFigureSaysWhereItIsFrom is what Parse holds each number to; here, that
// every sourced one has an address and every remark.
func TestEveryFigureSaysWhereItIsFrom(t *testing.T) {
	for _, p := range Profiles() {
		require.NotEmpty(t, p.Title)
		for _, ph := range p.Phenomena {
			e := ph.Bug.Evidence
			require.Contains(t, e.URL, "https://", ph.ID())
			require.NotEmpty(t, e.Note, ph.ID())
			require.Contains(t, []bug.Label{bug.Read, bug.Notes}, e.Label, ph.ID())
		}
	}
}

func TestWhatIsPrintedParsesBack(t *testing.T) {
	for _, p := range Profiles() {
		again, err := Parse(p.Name, Print(p))
		require.NoError(t, err, string(Print(p)))
		require.Equal(t, p, again)
	}
}

func source(t testing.TB) string {
	text, err := shipped.ReadFile("profiles/nearline-field.yaml")
	require.NoError(t, err)
	return string(text)
}

// TestWrongProfilesAreRefusedWithTheirPlace spoils the shipped profile in one
// place each.
func TestWrongProfilesAreRefusedWithTheirPlace(t *testing.T) {
	for _, c := range []struct{ from, to, want string }{
		{"drive_tb: 4", "drive_tb: 0", "drive_tb has to be a number above 0"},
		{"drive_tb: 4", "drive_tb: 4000", "from 0.001 to 1000"},
		{"name: nearline-field", "", "needs a name"},
		{"per_drive_year: 0.0315", "per_month: 1", `unknown key "per_month" in a phenomenon`},
		{"per_drive_year: 0.0315", "per_drive_year: -1", "above 0"},
		{"per_drive_year: 0.0315", "per_drive_year: 2000", "no background"},
		{"per_drive_year: 0.0315", "per_drive_year: 0.0315\n    per_array_year: 1", "either per_drive_year or per_array_year"},
		{"pareto: 0.41, most: 10000", "pareto: 0.41", "pareto and most come together"},
		{"pareto: 0.41, most: 10000", "pareto: 0.41, again: 0.5, most: 10000", "either pareto or again"},
		{"pareto: 0.41, most: 10000, ", "", "only what has places and a size"},
		{"again: 0.99", "again: 1", "has to be below 1"},
		{"near_share: 0.5, near_mb: 10, soon_share: 0.6, soon_minutes: 1, episode_days: 14}", "near_share: 0.5, soon_share: 0.6, soon_minutes: 1, episode_days: 14}", "near_share and near_mb come together"},
		{"soon_share: 0.6", "soon_share: 1.6", "a share is at most 1"},
		{"across: true", "across: no", "across is true or left out"},
		{"unknown: 0.45", "unknown: 0.5", "add up to 1.05"},
		{"sourced: [per_drive_year, pareto", "sourced: [pareto", "evidence has to name per_drive_year"},
		{"picked: [soon_share, most, extent]", "picked: [soon_share, most, extent, near_mb]", "near_mb is either sourced or picked, not both"},
		{"sourced: [lasts]", "sourced: []", "evidence has to name lasts"},
		{"id: drive-slow", "id: drive-failure", "drive-failure is there twice"},
		{"effect: {ops: [read], reply: EIO}", "effect: {ops: [read], reply: EGGS}", "EGGS"},
		{"phenomena:", "phenomena: 7\nothers:", "phenomena has to be a list"},
	} {
		text := source(t)
		require.Contains(t, text, c.from)
		_, err := Parse("f.yaml", []byte(strings.Replace(text, c.from, c.to, 1)))
		require.ErrorContains(t, err, c.want, c.to)
		require.Regexp(t, `^f\.yaml:\d+:\d+: `, err.Error())
		var at *bug.Error
		require.ErrorAs(t, err, &at)
	}
	for _, text := range []string{"", "a: [", "7", "- 1", strings.Repeat(" ", bug.MaxFile+1)} {
		_, err := Parse("f.yaml", []byte(text))
		require.Error(t, err, "%q", text[:min(9, len(text))])
	}
}

// FuzzParse: no text makes the parser panic, and what it takes prints and comes
// back.
func FuzzParse(f *testing.F) {
	for _, p := range Profiles() {
		f.Add(Print(p))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := Parse("f", text)
		if err != nil {
			return
		}
		again, err := Parse("f", Print(p))
		require.NoError(t, err, string(Print(p)))
		require.Equal(t, p, again)
	})
}
