package scenario

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestALeapIsNotForRealTime names each leap with its place; what does not leap can
// be played anywhere.
func TestALeapIsNotForRealTime(t *testing.T) {
	const file = `name: leaps
title: Two leaps
storage: {arrays: {a: {os: x/1}}, stores: {main: {n1: a}}}
mail: {domains: [libero.example], mailboxes: 2}
workload: {deliver: 1/s}
timeline:
  - {at: 1s, note: begins}
  - {at: 10s, leap: {until: 2h}}
  - {at: 3h, leap: {until: 4h}}
duration: 5h
expect: {lost: 0}
`
	s, err := Parse("leaps.yaml", []byte(file))
	require.NoError(t, err)
	issues := NotLive(s)
	require.Len(t, issues, 2)
	require.Equal(t, "leaps.yaml:8:21: a leap needs virtual time; play it with --world sim", issues[0].In("leaps.yaml"))
	require.Equal(t, 9, issues[1].Line)

	calm, _, err := Load("../../scenarios/tour/quiet.yaml")
	require.NoError(t, err)
	require.Empty(t, NotLive(calm))
}

// TestWhereANodeIsReplacedNoLinkIsChangedInRealTime: either alone can be played.
func TestWhereANodeIsReplacedNoLinkIsChangedInRealTime(t *testing.T) {
	example := string(read(t, "testdata/example.yaml"))
	cut := strings.Replace(example, "power_on: [east, west]", "partition: [[n1], [n2, n3]]", 1)
	book := "playbook: [{replace: {node: n2}}]\n"
	for src, want := range map[string]int{example + book: 0, cut: 0, cut + book: 1} {
		s, err := Parse("f", []byte(src))
		require.NoError(t, err)
		require.Len(t, NotLive(s), want)
	}
}
