package scenario

import (
	"fmt"
	"math"
	"strconv"

	"go.yaml.in/yaml/v3"

	"fourdays/harness/background"
)

// Background is the faults that the arrays have anyway, from the scenario's zero
// to its end: independent ones, drawn at the rates of a profile. They are no
// part of the script: how many there are is luck, and none is not a failure.
type Background struct {
	Profile string // of package background
	// Drives is for how many faults are drawn on an array that does not say how
	// many it has.
	Drives int
	// Accelerate multiplies all rates; 1 is the field. What is shown of a run
	// has to name it.
	Accelerate float64
}

// mostFaults is how many places one run can have damaged on average. Picked: a
// store that lives through more is not simulated but worn out.
const mostFaults = 100_000

// Drives is for how many drives an array draws its background.
func (b *Background) drives(a *Array) int {
	if a.Drives > 0 {
		return a.Drives
	}
	return b.Drives
}

// Fleet is what the background is drawn for: the arrays of the file with the
// volumes of its nodes, and none of the small devices.
func (s *Scenario) Fleet() (f background.Fleet) {
	for i := range s.Storage.Arrays {
		a := &s.Storage.Arrays[i]
		one := background.Array{Name: a.Name, Drives: s.Background.drives(a)}
		for _, store := range s.Storage.Stores {
			for _, r := range store.Replicas {
				if r.Array == a.Name {
					one.Volumes = append(one.Volumes, r.Node)
				}
			}
		}
		f.Arrays = append(f.Arrays, one)
	}
	return f
}

func (d *decoder) background(n *yaml.Node, s *Scenario) {
	b := &Background{Accelerate: 1}
	d.mapping(n, "background",
		must("profile", d.choice(&b.Profile, background.Names()...)),
		may("drives", d.count(&b.Drives, 1, 1000)),
		may("accelerate", d.factor(&b.Accelerate)),
	)
	s.Background = b
	d.later(func() { d.draws(n, s) })
}

// factor reads a number above 0 that something is multiplied with.
func (d *decoder) factor(dst *float64) func(*yaml.Node) {
	const want = "want a number above 0 and at most 1000000000"
	return func(n *yaml.Node) {
		text, ok := d.scalar(n, want, "!!int", "!!float")
		if !ok {
			return
		}
		v, err := strconv.ParseFloat(text, 64)
		if err != nil || !(v > 0 && v <= 1e9) {
			d.wrong(n, want, "found %s", text)
			return
		}
		*dst = v
	}
}

// draws checks that the faults of a background can be drawn, and are not too
// many.
func (d *decoder) draws(n *yaml.Node, s *Scenario) {
	p, known := background.Get(s.Background.Profile)
	places := 0.0
	for i := range s.Storage.Arrays {
		a := &s.Storage.Arrays[i]
		drives := s.Background.drives(a)
		if drives == 0 {
			d.wrong(n, "add drives: 36, here or to the array", "the background does not say how many drives array %s has", a.Name)
			return
		}
		places += p.Damage(drives) * s.Background.Accelerate * float64(s.Duration) / float64(background.Year)
	}
	if known && places > mostFaults {
		d.wrong(n, "accelerate less, or end sooner",
			"about %d blocks are damaged in %s, and a run can have %d", int64(math.Min(places, 1e15)), Duration(s.Duration), mostFaults)
	}
}

func (p *printer) background(b *Background) {
	if b == nil {
		return
	}
	drives := ""
	if b.Drives > 0 {
		drives = fmt.Sprintf(", drives: %d", b.Drives)
	}
	p.line("\nbackground: {profile: %s%s, accelerate: %s}", b.Profile, drives, strconv.FormatFloat(b.Accelerate, 'f', -1, 64))
}
