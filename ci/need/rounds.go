package need

import (
	"os"
	"strconv"
	"testing"
)

// fewRounds is for tests that do the same over and over, to find what is left
// behind once in a while. Picked: who leaks in each round is found by these, and
// who leaks now and then where somebody has time for more.
const fewRounds = 30

// Rounds is how often such a test goes round: fewRounds, or what the environment
// variable FOURDAYS_ROUNDS says.
func Rounds(t testing.TB) int {
	t.Helper()
	text := os.Getenv("FOURDAYS_ROUNDS")
	if text == "" {
		return fewRounds
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("FOURDAYS_ROUNDS is %q: want a number of rounds", text)
	}
	return n
}
