package run

import (
	"fourdays/harness/scenario"
	"fourdays/storage/array"
)

// upgrade gives arrays another OS, and arms what waited for one. What an array
// refuses is no fault of the script: it may be what the scenario is about.
func (st *stage) upgrade(step scenario.Step, a scenario.Upgrade) error {
	for _, u := range a.To {
		st.tell("operator", "%s gets %s instead of %s%s", u.Array, u.OS, st.fleet.OS(u.Array), manner(a))
		if err := st.fleet.Install(u.Array, st.rollout(step, a, u)); err != nil {
			st.refuses(u.Array, err)
		}
	}
	st.front.anew()
	st.fired(step)
	return st.armWaiting()
}

// manner says in words how an OS is installed.
func manner(a scenario.Upgrade) string {
	switch a.How {
	case scenario.AtOnce:
		return ", on all controllers at once: away for " + scenario.Duration(a.Takes)
	case scenario.Rolling:
		return ", one controller every " + scenario.Duration(a.Step) + ", each away for " + scenario.Duration(a.Takes)
	}
	return ""
}

// rollout is what an array is asked to do. Its end takes the step's receipt back.
func (st *stage) rollout(step scenario.Step, a scenario.Upgrade, u scenario.Upgraded) array.Rollout {
	r := array.Rollout{OS: u.OS, How: array.How(a.How), Takes: a.Takes, Step: a.Step, OneWay: a.OneWay}
	if a.How == "" {
		return r
	}
	r.Tell = func(text string, over bool) {
		st.tell("operator", "%s", text)
		st.front.anew()
		if f := st.faultOf(step); over && f != nil {
			f.RevertedAtMS = ms(st.Now())
		}
		if err := st.armWaiting(); err != nil {
			st.fail(err)
		}
	}
	return r
}

// armWaiting tries again to arm what was on nothing.
func (st *stage) armWaiting() error {
	waiting := st.waiting
	st.waiting = nil
	for _, arm := range waiting {
		if err := arm(); err != nil {
			return err
		}
	}
	return nil
}
