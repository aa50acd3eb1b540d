package report

import (
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fourdays/harness/scenario"
)

// contract are the keys that others build on; each may gain company and never a
// new name.
var contract = map[string][]string{
	"": {"schema", "scenario", "seed", "world", "verdict", "digest", "build", "wall_ms", "virtual_ms", "full_ms",
		"leapt_ms", "expectations", "checks", "faults", "mail", "recovery", "population"},
	"build":        {"go", "guest_sha256", "bugs_sha256", "arch"},
	"expectations": {"name", "want", "got", "verdict"},
	"checks":       {"name", "verdict", "why", "operations"},
	"faults":       {"bug", "scope", "planned_at_ms", "armed_at_ms", "fired", "first_at_ms", "last_at_ms", "where", "reverted_at_ms", "observed", "masked", "masked_by"},
	"mail":         {"acknowledged", "present", "lost", "altered", "duplicated", "resurrected", "misfiled", "delayed", "bounced", "ambiguous"},
	"recovery": {"t_f_ms", "t_i_ms", "t_d_ms", "t_m_ms", "t_a_ms", "t_s_ms", "t_c_ms", "t_b_ms", "t_v_ms",
		"ttd_ms", "rta_ms", "rpa", "drain_ms", "mailbox_hours", "reopened"},
	"population": {"mailboxes", "simulated"},
}

func TestRunJSONKeepsTheContract(t *testing.T) {
	r := outage()
	Complete(r, expecting(nothingLost()))
	data, err := Encode(r)
	require.NoError(t, err)
	var doc map[string]any
	require.NoError(t, json.Unmarshal(data, &doc))
	for part, keys := range contract {
		at := any(doc)
		if part != "" {
			at = doc[part]
		}
		if list, ok := at.([]any); ok {
			at = list[0]
		}
		for _, key := range keys {
			require.Contains(t, at, key, part)
		}
	}
}

// TestFormatNamesEveryKey reads FORMAT.md as a user would: what is in run.json
// is in its table.
func TestFormatNamesEveryKey(t *testing.T) {
	text, err := os.ReadFile("FORMAT.md")
	require.NoError(t, err)
	for _, of := range []reflect.Type{
		reflect.TypeFor[Run](), reflect.TypeFor[Build](), reflect.TypeFor[Expectation](), reflect.TypeFor[Fault](),
		reflect.TypeFor[Milestones](), reflect.TypeFor[Audit](), reflect.TypeFor[Population](), reflect.TypeFor[Node](), reflect.TypeFor[Array](),
		reflect.TypeFor[Event](), reflect.TypeFor[Act](), reflect.TypeFor[Stopped](), reflect.TypeFor[Alarm](), reflect.TypeFor[Scrub](), reflect.TypeFor[Spool](), reflect.TypeFor[Variant](), reflect.TypeFor[Question](), reflect.TypeFor[Number](), reflect.TypeFor[Target](),
	} {
		for i := range of.NumField() {
			key, _, _ := strings.Cut(of.Field(i).Tag.Get("json"), ",")
			require.Regexp(t, "`"+key+"(\\[\\])?`", string(text), "%s of %s", key, of.Name())
		}
	}
}

// FuzzDecode holds that no run.json makes the reader or the printer panic, and
// that what is read is written back the same.
func FuzzDecode(f *testing.F) {
	for _, r := range []*Run{outage(), calm(), {}} {
		Complete(r, expecting(nothingLost()))
		data, err := Encode(r)
		require.NoError(f, err)
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := Decode(data)
		if err != nil {
			return
		}
		once, err := Encode(r)
		require.NoError(t, err)
		again, err := Decode(once)
		require.NoError(t, err)
		twice, err := Encode(again)
		require.NoError(t, err)
		require.Equal(t, string(once), string(twice))
		Complete(r, expecting(scenario.Expect{Grade: scenario.MayStop}))
		require.NoError(t, Text(discard{}, r, ""))
		_, err = JUnit(r)
		require.NoError(t, err)
	})
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }
