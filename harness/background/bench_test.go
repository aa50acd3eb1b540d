package background

import "testing"

// BenchmarkOdds is a thousand years of three copies.
func BenchmarkOdds(b *testing.B) {
	for b.Loop() {
		if _, err := Odds(profile(b, "nearline-field"), PickedTopology(), Trials{Years: 1000}); err != nil {
			b.Fatal(err)
		}
	}
}
