package scenario

import (
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

func (d *decoder) upgrade(s *Scenario, _ *Step, n *yaml.Node) Action {
	const want = "want arrays with their new OS, such as {east: acme/1.1}"
	var a Upgrade
	d.pairs(n, "upgrade", func(key, value *yaml.Node) {
		u := Upgraded{Array: key.Value}
		d.known("array", s.arrayNames)(u.Array, key)
		d.text(&u.OS)(value)
		a.To = append(a.To, u)
	})
	if n.Kind == yaml.MappingNode && len(n.Content) == 0 {
		d.wrong(n, want, "an upgrade of nothing")
	}
	return a
}

// upgradeKeys belong to upgrade and to nothing else.
var upgradeKeys = []string{"how", "step", "takes", "one_way"}

// upgrading reads the keys of a step that belong to upgrade.
func (d *decoder) upgrading(n *yaml.Node, given map[string]*yaml.Node, step *Step, s *Scenario) {
	up, is := step.Action.(Upgrade)
	for _, key := range upgradeKeys {
		if at := given[key]; at != nil && !is {
			d.wrong(at, "leave it out", "only upgrade takes %s", strings.Join(upgradeKeys, ", "))
		}
	}
	if !is {
		return
	}
	if at := given["one_way"]; at != nil {
		d.boolean(&up.OneWay)(at)
	}
	d.way(&up, given)
	step.Action = up
	d.later(func() { d.fits(n, *step, s) })
}

// way reads how an OS is installed, and how long that takes.
func (d *decoder) way(up *Upgrade, given map[string]*yaml.Node) {
	if at := given["how"]; at != nil {
		before := len(d.issues)
		if d.choice(&up.How, Rolling, AtOnce)(at); len(d.issues) > before {
			return
		}
		up.Takes = upgradeTakes
	}
	if up.How == Rolling {
		up.Step = upgradeStep
	}
	for _, of := range []struct {
		key  string
		dst  *time.Duration
		does bool
		want string
	}{
		{"takes", &up.Takes, up.How != "", "add how: rolling or how: at_once, or leave it out"},
		{"step", &up.Step, up.How == Rolling, "add how: rolling, or leave it out"},
	} {
		switch at := given[of.key]; {
		case at == nil:
		case !of.does:
			d.wrong(at, of.want, "the upgrade has no use for %s", of.key)
		default:
			d.duration(of.dst, time.Millisecond)(at)
		}
	}
	if at := given["step"]; at != nil && up.How == Rolling && up.Step < up.Takes {
		d.wrong(at, "want at least takes, "+Duration(up.Takes), "the next controller goes away after %s, before the first is back", Duration(up.Step))
	} else if up.How == Rolling {
		up.Step = max(up.Step, up.Takes)
	}
}

// fits checks an upgrade against its arrays and the time that there is.
func (d *decoder) fits(n *yaml.Node, step Step, s *Scenario) {
	up := step.Action.(Upgrade)
	for _, u := range up.To {
		a := s.Array(u.Array)
		switch {
		case a == nil: // said already
		case up.How == Rolling && a.Controllers < 2:
			d.wrong(n, "want how: at_once, or controllers: 2", "array %s has one controller: there is nothing to roll over", u.Array)
		case s.Duration > 0 && step.At <= s.Duration && step.At+up.lasts(a) > s.Duration:
			d.wrong(n, "want the last controller back within the duration, "+Duration(s.Duration), "the upgrade of %s ends at %s, past the end", u.Array, Duration(step.At+up.lasts(a)))
		}
	}
}

// lasts is how long an upgrade of an array is under way, if nothing stops it.
func (a Upgrade) lasts(of *Array) time.Duration {
	return a.Takes + time.Duration(max(0, of.Controllers-1))*a.Step
}

// longest is how long the last of the arrays needs.
func (s *Scenario) longest(a Upgrade) (most time.Duration) {
	for _, u := range a.To {
		if of := s.Array(u.Array); of != nil {
			most = max(most, a.lasts(of))
		}
	}
	return most
}
