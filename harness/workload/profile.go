package workload

import (
	"embed"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

//go:embed profiles/*.csv
var profileFiles embed.FS

// Profiles are the profiles that come with the program, by name. Their text is
// in profiles/*.csv; a scenario may bring its own.
var Profiles = loadProfiles()

// Profile is the population of senders: who sends how much, and what they do
// when they are not let in.
type Profile struct {
	Name string
	MTAs []MTA
}

// MTA is one kind of mail transfer agent.
type MTA struct {
	Name     string
	Share    float64 // of the messages; relative, normalised over the profile
	Hosts    int     // how many hosts of the kind the sample has
	Clock    Clock
	Schedule Schedule
	GiveUp   Limit
	// The marks say of each figure whether it was found in the source or picked
	// by us. Hosts is always picked.
	ShareMark, ScheduleMark, GiveUpMark Mark
	Source                              string
}

// Clock says what a sender's patience is counted for.
type Clock string

// With PerMessage a message's age decides. With PerHost, Exim's way, a refused
// or silent connection counts against the host it could not reach, whatever
// the age of a message; only a refused recipient or message has a clock of its
// own.
const (
	PerMessage Clock = "message"
	PerHost    Clock = "host"
)

// Mark says where a figure comes from.
type Mark string

// Sourced figures are in the source named, picked ones are ours.
const (
	Sourced Mark = "sourced"
	Picked  Mark = "picked"
)

// Limit is when a sender gives up: at the first failure at this age or later, or
// at the failure of this many tries. Exactly one is set.
type Limit struct {
	Age   time.Duration
	Tries int
}

func (l Limit) reached(tries int, age time.Duration) bool {
	return l.Age > 0 && age >= l.Age || l.Tries > 0 && tries >= l.Tries
}

// String writes the limit as "5d" or "13 tries".
func (l Limit) String() string {
	if l.Tries > 0 {
		return strconv.Itoa(l.Tries) + " tries"
	}
	return formatWait(l.Age)
}

func parseLimit(text string) (Limit, error) {
	if n, ok := strings.CutSuffix(text, " tries"); ok {
		tries, err := strconv.Atoi(n)
		if err != nil || tries < 1 {
			return Limit{}, fmt.Errorf("%q is not a number of tries", text)
		}
		return Limit{Tries: tries}, nil
	}
	age, err := parseWait(text)
	return Limit{Age: age}, err
}

var columns = []string{"mta", "share", "share_mark", "hosts", "clock", "schedule", "schedule_mark", "give_up", "give_up_mark", "source"}

// ParseProfile reads a profile as String writes it: CSV with a header line;
// lines that start with # are comments.
func ParseProfile(name string, r io.Reader) (Profile, error) {
	in := csv.NewReader(r)
	in.Comment = '#'
	in.FieldsPerRecord = len(columns)
	p := Profile{Name: name}
	for {
		row, err := in.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return Profile{}, fmt.Errorf("parse profile %s: %w", name, err)
		}
		if err := p.add(row, in); err != nil {
			line, column := in.FieldPos(0)
			return Profile{}, fmt.Errorf("parse profile %s:%d:%d: %w", name, line, column, err)
		}
	}
	return p, p.check()
}

func (p *Profile) add(row []string, in *csv.Reader) error {
	if slices.Equal(row, columns) {
		return nil
	}
	m, err := parseMTA(row)
	if err != nil {
		return err
	}
	p.MTAs = append(p.MTAs, m)
	return nil
}

func parseMTA(row []string) (MTA, error) {
	m := MTA{
		Name: row[0], ShareMark: Mark(row[2]), Clock: Clock(row[4]),
		ScheduleMark: Mark(row[6]), GiveUpMark: Mark(row[8]), Source: row[9],
	}
	var errs [4]error
	m.Share, errs[0] = strconv.ParseFloat(row[1], 64)
	m.Hosts, errs[1] = strconv.Atoi(row[3])
	m.Schedule, errs[2] = ParseSchedule(row[5])
	m.GiveUp, errs[3] = parseLimit(row[7])
	if err := errors.Join(errs[:]...); err != nil {
		return m, err
	}
	return m, m.check()
}

func (m *MTA) check() error {
	switch {
	case m.Name == "" || strings.ContainsAny(m.Name, " #\r\n\t"):
		return fmt.Errorf("%q is not a name of an MTA", m.Name)
	case !(m.Share >= 0 && m.Share < math.MaxInt32):
		return fmt.Errorf("%s: a share of %v", m.Name, m.Share)
	case m.Hosts < 1 || m.Hosts > 1e6:
		return fmt.Errorf("%s: %d hosts", m.Name, m.Hosts)
	case m.Clock != PerMessage && m.Clock != PerHost:
		return fmt.Errorf("%s: the clock is %q, neither message nor host", m.Name, m.Clock)
	case m.Clock == PerHost && m.GiveUp.Age == 0:
		return fmt.Errorf("%s: a host's clock gives up after a time, not after tries", m.Name)
	}
	for _, mark := range []Mark{m.ShareMark, m.ScheduleMark, m.GiveUpMark} {
		if mark != Sourced && mark != Picked {
			return fmt.Errorf("%s: the mark %q is neither sourced nor picked", m.Name, mark)
		}
	}
	return nil
}

func (p *Profile) check() error {
	sum, seen := 0.0, map[string]bool{}
	for _, m := range p.MTAs {
		if seen[m.Name] {
			return fmt.Errorf("profile %s: %s is there twice", p.Name, m.Name)
		}
		seen[m.Name] = true
		sum += m.Share
	}
	if sum <= 0 {
		return fmt.Errorf("profile %s: the shares add up to %v", p.Name, sum)
	}
	return nil
}

// String writes the profile as ParseProfile reads it.
func (p Profile) String() string {
	var b strings.Builder
	out := csv.NewWriter(&b)
	rows := [][]string{columns}
	for _, m := range p.MTAs {
		rows = append(rows, []string{
			m.Name, strconv.FormatFloat(m.Share, 'g', -1, 64), string(m.ShareMark), strconv.Itoa(m.Hosts), string(m.Clock),
			m.Schedule.String(), string(m.ScheduleMark), m.GiveUp.String(), string(m.GiveUpMark), m.Source,
		})
	}
	// A strings.Builder takes everything.
	if err := out.WriteAll(rows); err != nil {
		panic(err)
	}
	return b.String()
}

func loadProfiles() map[string]Profile {
	files, err := profileFiles.ReadDir("profiles")
	if err != nil {
		panic(err)
	}
	all := map[string]Profile{}
	for _, f := range files {
		raw, err := profileFiles.ReadFile("profiles/" + f.Name())
		if err != nil {
			panic(err)
		}
		name := strings.TrimSuffix(f.Name(), ".csv")
		p, err := ParseProfile(name, strings.NewReader(string(raw)))
		if err != nil {
			panic(err) // the embedded text is ours and tested
		}
		all[name] = p
	}
	return all
}
