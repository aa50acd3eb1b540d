package docker

import (
	"crypto/rand"
	"strings"

	"github.com/moby/moby/client"

	"fourdays/harness/live"
)

// Labels of everything that is made in the engine. What has both runLabel and
// harnessLabel belongs to a run, and is wanted as long as that process lives.
const (
	runLabel     = "fourdays"         // the run's ID; "image" for what all runs share
	harnessLabel = "fourdays.harness" // live.Mark of the harness
	nodeLabel    = "fourdays.node"    // a machine's name
)

// sharedRun is the run of images: they are kept from one run to the next.
const sharedRun = "image"

// newRun is the ID of a run: unlike any other on this machine.
func newRun() string { return strings.ToLower(rand.Text()[:10]) }

// labels are for what belongs to one run of this process.
func labels(run string) map[string]string {
	return map[string]string{runLabel: run, harnessLabel: live.Mark()}
}

// ours finds everything of every run.
func ours() client.Filters { return make(client.Filters).Add("label", runLabel) }

// ofRun finds what belongs to one run.
func ofRun(run string) client.Filters {
	return make(client.Filters).Add("label", runLabel+"="+run)
}

// orphan says whether something with these labels has surely lost its harness. A
// container that somebody makes of one of our images inherits the image's labels,
// but has no mark.
func orphan(of map[string]string) bool {
	return of[runLabel] != "" && live.Look(of[harnessLabel]) == live.Dead
}
