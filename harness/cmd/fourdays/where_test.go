package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fourdays/harness/scenario"
)

// TestWhoStartsALongRunIsTold: hours are nothing in virtual time, and hours in
// real time.
func TestWhoStartsALongRunIsTold(t *testing.T) {
	short := &scenario.Scenario{Duration: 12 * time.Minute, Settle: 2 * time.Minute}
	days := &scenario.Scenario{Duration: 96 * time.Hour, Settle: time.Minute}
	require.Empty(t, where{World: simulated}.patience(days))
	require.Empty(t, where{World: "local"}.patience(short))
	require.Contains(t, where{World: "local"}.patience(days), "it takes 96h1m")
}
