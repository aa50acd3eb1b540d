package solo

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"fourdays/harness/report"
)

// longest is how long a line on the socket may be. Picked.
const longest = 64 << 10

// The commands.
const (
	Arm       = "arm"
	Disarm    = "disarm"
	PowerLoss = "power-loss"
	Failover  = "failover"
	Heal      = "heal"
	Faults    = "faults"
	Stats     = "status"
	Umount    = "umount"
)

var verbs = []string{Arm, Disarm, PowerLoss, Failover, Heal, Faults, Stats, Umount}

// nameForm is what a bug can be armed as, as in a scenario.
var nameForm = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,79}$`)

// Request is a command.
type Request struct {
	Do        string  `json:"do"`
	Bug       string  `json:"bug,omitempty"`        // arm: its ID
	As        string  `json:"as,omitempty"`         // arm: what it is called, if not as the bug
	On        On      `json:"on,omitzero"`          // arm: where, if not where the bug says
	ReachedAt int64   `json:"reached_at,omitempty"` // arm: the limit of its counter
	Chance    float64 `json:"chance,omitempty"`     // arm: its chance
	Name      string  `json:"name,omitempty"`       // disarm
	Of        string  `json:"of,omitempty"`         // power-loss: "node" (the default) or "array"
	Lazy      bool    `json:"lazy,omitempty"`       // umount
}

// On says on what a bug is armed, in globs; what is empty is as the bug says.
type On struct {
	OS   string `json:"os,omitempty"`
	Path string `json:"path,omitempty"`
}

// Response is the answer to a command.
type Response struct {
	OK     bool           `json:"ok"`
	Error  string         `json:"error,omitempty"`
	Text   string         `json:"text,omitempty"`
	Faults []report.Fault `json:"faults,omitempty"`
	Status *Status        `json:"status,omitempty"`
}

// Status is how a mount stands.
type Status struct {
	Dir     string   `json:"dir"`
	PID     int      `json:"pid"`
	Seed    uint64   `json:"seed"`
	OS      string   `json:"os"`
	AgeMS   int64    `json:"age_ms"`
	Losses  int      `json:"power_losses"` // of the node
	Armed   []string `json:"armed"`        // names
	Ops     int64    `json:"ops"`
	Writes  int64    `json:"writes"`
	Flushes int64    `json:"flushes"`
	Bytes   int64    `json:"bytes"`
	Alarms  []string `json:"alarms"` // what the array has said of itself
	Media   *Media   `json:"media,omitempty"`
}

// Media is the file in which the bytes lie.
type Media struct {
	Folder   string `json:"folder"`
	Reserved int64  `json:"reserved_bytes"`
	Used     int64  `json:"used_bytes"`
	Full     string `json:"full,omitempty"` // why new bytes lie in memory
}

// ParseRequest reads one line.
func ParseRequest(line []byte) (Request, error) {
	var r Request
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&r); err != nil {
		return r, fmt.Errorf("not a command: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return r, errors.New("not a command: something follows it on its line")
	}
	return r, r.check()
}

// check refuses what is wanting, and what another command has.
func (r Request) check() error {
	if !slices.Contains(verbs, r.Do) {
		return fmt.Errorf("there is no command %q: want one of %s", r.Do, strings.Join(verbs, ", "))
	}
	for _, f := range []struct {
		name, of string
		there    bool
	}{
		{"bug", Arm, r.Bug != ""}, {"as", Arm, r.As != ""}, {"on", Arm, r.On != On{}}, {"reached_at", Arm, r.ReachedAt != 0},
		{"chance", Arm, r.Chance != 0}, {"name", Disarm, r.Name != ""}, {"of", PowerLoss, r.Of != ""}, {"lazy", Umount, r.Lazy},
	} {
		if f.there && f.of != r.Do {
			return fmt.Errorf("%s: %q belongs to %s", r.Do, f.name, f.of)
		}
	}
	switch {
	case r.Do == Arm && r.Bug == "":
		return errors.New("arm: say which bug")
	case r.As != "" && !nameForm.MatchString(r.As):
		return fmt.Errorf("arm as %.100q: want at most 80 lower-case letters, digits and hyphens", r.As)
	case r.Do == Disarm && r.Name == "":
		return errors.New("disarm: say the name of what was armed")
	case r.ReachedAt < 0 || r.Chance < 0 || r.Chance > 1:
		return errors.New("arm: want a positive reached_at, and a chance of at most 1")
	case r.Of != "" && r.Of != "node" && r.Of != "array":
		return fmt.Errorf("power-loss of %q: want node or array", r.Of)
	}
	return nil
}
