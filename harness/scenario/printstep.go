package scenario

import (
	"strconv"
	"strings"
)

func (s Step) print() string {
	parts := []string{"at: " + Duration(s.At)}
	if s.Action != nil {
		parts = append(parts, s.Action.print())
	}
	if s.Note != "" {
		parts = append(parts, "note: "+text(s.Note))
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

func (a Arm) print() string {
	out := "arm: " + text(a.Bug) + ", on: " + a.On.print()
	if a.As != a.Bug {
		out += ", as: " + text(a.As)
	}
	if a.ReachedAt != 0 {
		out += ", reached_at: " + strconv.FormatInt(a.ReachedAt, 10)
	}
	if a.Chance != 0 {
		out += ", chance: " + strconv.FormatFloat(a.Chance, 'f', -1, 64)
	}
	return out
}

func (s Scope) print() string {
	var parts []string
	for _, f := range s.fields() {
		if *f.value != "" {
			parts = append(parts, f.key+": "+text(*f.value))
		}
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

type scopeField struct {
	key   string
	value *string
}

func (s *Scope) fields() []scopeField {
	return []scopeField{
		{"os", &s.OS}, {"array", &s.Array}, {"volume", &s.Volume},
		{"node", &s.Node}, {"store", &s.Store},
	}
}

func (a Disarm) print() string    { return "disarm: " + text(a.Name) }
func (a Fix) print() string       { return "fix: " + text(a.Name) }
func (a PowerLoss) print() string { return "power_loss: " + list(a.Targets) }
func (a PowerOn) print() string   { return "power_on: " + list(a.Targets) }
func (a Kill) print() string      { return "kill: " + list(a.Nodes) }
func (a Start) print() string     { return "start: " + list(a.Nodes) }
func (a Stop) print() string      { return "stop: " + list(a.Nodes) }
func (a Restart) print() string   { return "restart: " + list(a.Nodes) }
func (a Failover) print() string  { return "failover: " + list(a.Arrays) }
func (a Promote) print() string   { return "promote: " + list(a.Arrays) }
func (Heal) print() string        { return "heal: network" }
func (Verify) print() string      { return "verify: all" }
func (a Leap) print() string      { return "leap: {until: " + Duration(a.Until) + "}" }

func (a Inbound) print() string {
	if a.On == "" {
		return "inbound: " + text(a.Policy)
	}
	return "inbound: {policy: " + text(a.Policy) + ", on: " + text(a.On) + "}"
}

func (a Crash) print() string {
	return "crash: {arrays: " + list(a.Arrays) + ", for: " + Duration(a.For) + "}"
}

func (a Upgrade) print() string {
	var to []string
	for _, u := range a.To {
		to = append(to, text(u.Array)+": "+text(u.OS))
	}
	out := "upgrade: {" + strings.Join(to, ", ") + "}"
	if a.How != "" {
		out += ", how: " + a.How
	}
	if a.How == Rolling {
		out += ", step: " + Duration(a.Step)
	}
	if a.How != "" {
		out += ", takes: " + Duration(a.Takes)
	}
	if a.OneWay {
		out += ", one_way: true"
	}
	return out
}

func (a Tell) print() string {
	return "tell: {event: " + text(a.Event) + ", on: " + list(a.On) + "}"
}

func (a Copy) print() string {
	return "copy: {name: " + text(a.Name) + ", of: " + list(a.Of) + "}"
}

func (a Restore) print() string {
	return "restore: {copy: " + text(a.Copy) + ", to: " + list(a.To) + "}"
}

func (a Partition) print() string {
	var groups []string
	for _, g := range a.Groups {
		groups = append(groups, list(g))
	}
	return "partition: [" + strings.Join(groups, ", ") + "]"
}

func (a Link) print() string {
	return "link: {between: " + list(a.Between[:]) + ", latency: " + Duration(a.Latency) +
		", loss: " + a.Loss.String() + "}"
}

func (a CloseAccounts) print() string {
	if a.Share == 100 {
		return "close_accounts: all"
	}
	return "close_accounts: {share: " + a.Share.String() + "}"
}

func (a Reopen) print() string {
	if a.Steps == 0 {
		return "reopen: {share: " + a.Share.String() + "}"
	}
	return "reopen: {to: " + a.To.String() + ", over: " + Duration(a.Over) +
		", steps: " + strconv.Itoa(a.Steps) + "}"
}

func list(names []string) string {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = text(name)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// text renders a string so that YAML reads the same string back: plain where
// that is certainly safe, else in double quotes.
func text(s string) string {
	if plainText(s) {
		return s
	}
	return strconv.Quote(s)
}

func plainText(s string) bool {
	if s == "" || !isLetter(s[0]) || strings.HasSuffix(s, " ") {
		return false
	}
	for i := range len(s) {
		if !isLetter(s[i]) && (s[i] < '0' || s[i] > '9') && !strings.ContainsRune(" _./*-+()", rune(s[i])) {
			return false
		}
	}
	switch strings.ToLower(s) {
	case "true", "false", "null", "yes", "no", "on", "off", "y", "n":
		return false
	}
	return true
}

func isLetter(c byte) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }
