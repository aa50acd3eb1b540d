package bug

import (
	"fmt"
	"strings"
)

// String is the scope in one line, as receipts show it.
func (s Scope) String() string {
	var parts []string
	add := func(key, value string) {
		if value != "" {
			parts = append(parts, key+"="+value)
		}
	}
	add("os", s.Population.OS)
	add("array", s.Population.Array)
	add("volume", s.Population.Volume)
	add("store", s.Population.Store)
	if c := s.Population.Controller; c != nil {
		add("controller", fmt.Sprint(*c))
	}
	add("path", s.Path)
	add("extent", string(s.Extent))
	return strings.Join(parts, " ")
}
