package scenario

import (
	"time"

	"go.yaml.in/yaml/v3"
)

// DefaultArray is an array of which a file says nothing. All picked.
func DefaultArray() Array {
	return Array{Controllers: 2, Service: 500 * time.Microsecond, Bandwidth: 200e6, Capacity: 64e9}
}

// ParseArray reads a file that describes one array, with the keys that an array
// of a scenario has. name is what errors call the file.
func ParseArray(name string, src []byte) (Array, error) {
	a := DefaultArray()
	root, issue := tree(src)
	if issue != nil {
		return a, newError(name, []Issue{*issue})
	}
	d := &decoder{}
	if d.bounded(root, 1, new(int)); len(d.issues) == 0 {
		d.array(root, &a)
	}
	if len(d.issues) > 0 {
		return a, newError(name, d.issues)
	}
	return a, nil
}

func (d *decoder) array(n *yaml.Node, a *Array) {
	d.mapping(n, "an array",
		must("os", d.text(&a.OS)),
		may("controllers", d.count(&a.Controllers, 1, 8)),
		may("service", d.duration(&a.Service, 0)),
		may("bandwidth", d.bytes(&a.Bandwidth, 1000, "/s")),
		may("capacity", d.bytes(&a.Capacity, 1e6, "")),
		may("power_on", d.durationTo(&a.PowerOn, 0, maxAge)),
		may("age", d.durationTo(&a.Age, 0, maxAge)),
		may("drives", d.count(&a.Drives, 0, 1000)),
		may("tolerance", d.count(&a.Tolerance, 0, 1000)),
		may("rebuild", d.duration(&a.Rebuild, 0)),
		may("skew", d.durationTo(&a.Skew, 0, maxAge)),
		may("cache", d.bytes(&a.Cache, 4096, "")),
		may("queue", d.count(&a.Queue, 0, 1_000_000)),
		may("inodes", d.count(&a.Inodes, 0, maxInt)),
		may("mirrored", d.boolean(&a.Mirrored)),
		may("counters", d.counters(a)),
	)
	d.raid(n, a)
}
