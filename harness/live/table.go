package live

import (
	"os"
	"strings"
)

// Mounted is a line of the kernel's table of mounts.
type Mounted struct {
	Dir    string // where
	Device string // MAJOR:MINOR
	Kind   string // of file system
}

var escapes = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)

// ReadTable reads a table in the form of /proc/self/mountinfo. Lines of another
// form are passed over.
func ReadTable(table string) (all []Mounted) {
	for line := range strings.Lines(table) {
		head, tail, _ := strings.Cut(line, " - ")
		h, t := strings.Fields(head), strings.Fields(tail)
		if len(h) >= 5 && len(t) >= 1 {
			all = append(all, Mounted{escapes.Replace(h[4]), h[2], t[0]})
		}
	}
	return all
}

// Table is what is mounted, as this process sees it.
func Table() ([]Mounted, error) {
	table, err := os.ReadFile("/proc/self/mountinfo")
	return ReadTable(string(table)), err
}
