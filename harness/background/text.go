package background

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// Text writes an estimate for a terminal or a pipe: the rates with their
// sources, what was expected and drawn, and what follows as far as the numbers
// go.
func (e Estimate) Text(w io.Writer) error {
	var b bytes.Buffer
	e.head(&b)
	e.rates(&b)
	e.chanceTable(&b)
	e.sharedFate(&b)
	_, err := w.Write(b.Bytes())
	return err
}

func (e *Estimate) head(b *bytes.Buffer) {
	t := e.Topology
	fmt.Fprintf(b, "seed %d\n%s: %s\n", e.Trials.Seed, e.Profile.Name, e.Profile.Title)
	fmt.Fprintf(b, "  %s simulated years of a store of %d copies, each on an array of %d drives\n", thousands(e.Trials.Years), len(t.OS), t.Drives)
	fmt.Fprintf(b, "  %d of them may be missed, each for %s; damage is repaired after %s\n", t.Tolerance, span{0, t.Rebuild}, span{0, t.Repair})
	if e.Trials.Accelerate != 1 {
		fmt.Fprintf(b, "  ACCELERATED %s TIMES: this is not the field\n", decimal(e.Trials.Accelerate))
	}
}

func (e *Estimate) rates(b *bytes.Buffer) {
	rows := []string{"phenomenon\ta year\tper\trate is\tfrom\texpected\tdrawn\tblocks"}
	var sources []string
	for _, c := range e.Drawn {
		ph := c.Phenomenon
		rate, per, key := ph.PerDriveYear, "drive", "per_drive_year"
		if rate == 0 {
			rate, per, key = ph.PerArrayYear, "array", "per_array_year"
		}
		from := slices.Index(sources, ph.Bug.Evidence.URL)
		if from < 0 {
			from, sources = len(sources), append(sources, ph.Bug.Evidence.URL)
		}
		rows = append(rows, fmt.Sprintf("%s\t%.4g\t%s\t%s\t[%d] %s\t%s\t%s\t%s", ph.ID(), rate, per,
			map[bool]string{true: "picked", false: "sourced"}[ph.Picked(key)], from+1, ph.Bug.Evidence.Label,
			thousands(int(math.Round(c.Expected))), thousands(c.Drawn), thousands(c.Places)))
	}
	table(b, "\nDrawn in all", rows)
	for i, url := range sources {
		fmt.Fprintf(b, "  [%d] %s\n", i+1, url)
	}
}

func (e *Estimate) chanceTable(b *bytes.Buffer) {
	t := e.Topology
	table(b, "\nIn how many of these years", []string{
		"a block of some copy was damaged\t" + e.OneCopy.String(),
		"... while its array could not reconstruct it\t" + e.ThroughRAID.String(),
		"an array missed more drives than it may\t" + e.ArrayDown.String(),
		fmt.Sprintf("... on %d of %d arrays before repair\t%s", t.Quorum(), len(t.OS), e.QuorumDown),
		fmt.Sprintf("the same %d KiB were damaged on %d of %d copies\t%s", t.Range>>10, t.Quorum(), len(t.OS), e.Quorum),
		fmt.Sprintf("... at most, by arithmetic\t%s of %d", number2(e.Quorum.Expected), e.Trials.Years),
	})
	fmt.Fprintln(b, "  The last two as if RAID reconstructed nothing.")
}

// sharedFate compares with a bug that all copies have, and says what follows.
func (e *Estimate) sharedFate(b *bytes.Buffer) {
	var rows []string
	worst := Shared{}
	for _, s := range e.Shared {
		rows = append(rows, fmt.Sprintf("one bug of %s\t%d of %d copies at once\t%s", s.OS, s.Copies, len(e.Topology.OS),
			map[bool]string{true: "a quorum, each time that it comes", false: "no quorum"}[s.Quorum]))
		if s.Copies > worst.Copies {
			worst = s
		}
	}
	table(b, "\nCompared with a bug", rows)
	fmt.Fprintf(b, "\n%s\n", e.conclusion(worst))
}

// conclusion goes as far as the numbers go.
func (e *Estimate) conclusion(worst Shared) string {
	rates := "the field's rates"
	if e.Trials.Accelerate != 1 {
		rates = decimal(e.Trials.Accelerate) + " times the field's rates"
	}
	text := fmt.Sprintf("At %s independent faults damage one range on a quorum of copies", rates)
	if e.Quorum.Hit == 0 {
		text += fmt.Sprintf(" at most once in %s years.", number2(float64(e.Trials.Years)/e.Quorum.Expected))
	} else {
		text += fmt.Sprintf(" in %s years.", e.Quorum)
	}
	if !worst.Quorum {
		return text + "\nNo bug of one OS reaches a quorum here."
	}
	return text + fmt.Sprintf("\nOne bug of %s reaches all ranges of %d copies, each time that it comes.\nHow often such a bug comes, nobody has counted.", worst.OS, worst.Copies)
}

// table writes rows whose columns line up. Cells of a row are separated by tabs.
func table(out *bytes.Buffer, title string, rows []string) {
	var b bytes.Buffer
	tw := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		fmt.Fprintf(tw, "  %s\n", row)
	}
	_ = tw.Flush() // into memory
	fmt.Fprintln(out, title)
	for line := range strings.Lines(b.String()) {
		fmt.Fprintln(out, strings.TrimRight(line, " \n"))
	}
}

// String writes how long a span is, in days where it is some.
func (s span) String() string {
	d := s.to - s.from
	if d >= day && d%day == 0 {
		return strconv.Itoa(int(d/day)) + "d"
	}
	text := d.Round(time.Second).String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, zero) {
			text = text[:len(text)-2]
		}
	}
	return text
}

// number2 writes what is not a count, with two digits that mean something.
func number2(v float64) string {
	if v < 100 {
		return fmt.Sprintf("%.2g", v)
	}
	scale := math.Pow(10, math.Floor(math.Log10(v))-1)
	if v = math.Round(v/scale) * scale; v >= 1e15 {
		return fmt.Sprintf("%.2g", v)
	}
	return thousands(int(v))
}

func thousands(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
