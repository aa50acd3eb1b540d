package bug

import (
	"slices"
	"strings"
	"syscall"

	"fourdays/storage/vol"
)

// The words of the language: what is read, printed, checked and described to
// editors is all taken from these lists.
var (
	classes      = []Class{ClassLimit, ClassCrash, ClassCorruption, ClassAvailability}
	labels       = []Label{Read, Notes, Remembered, Generic}
	confidences  = []Confidence{High, Medium, Low}
	planes       = []Plane{Data, Control, Derived, Link, Report}
	acts         = []Act{Takeover, PowerOn, Copy, Restore, Mirror, Space, Alarm}
	extents      = []Extent{ExtentSector, ExtentBlock, ExtentChunk, ExtentFile, ExtentDirectory, ExtentVolume, ExtentDevice, ExtentController, ExtentArray, ExtentSystem}
	persistences = []Persistence{Once, Transient, UntilReboot, UntilFix, Permanent}
	observers    = []Observer{Caller, Scrub, Checksum, User}
	reboots      = []Reboot{Clears, Stays, Worsens, Comes}
	correlations = []Correlation{Independent, SameOS, WholeSystem, SameAddress, CopiesOnly}
	counters     = []Counter{Ops, Writes, Flushes, Files, Names, Bytes, PowerLosses, PowerCycles, Uptime, PowerOnHours}
	gauges       = []Gauge{Fill, Inodes, Dirty, Queue}
	flags        = []Flag{Direct, Append, Sequential, Create, Overwrite}
	hazards      = []Hazard{PerByte, PerDriveHour}
	lossEvents   = []string{EventPowerLoss, EventFailover, EventNodePowerLoss, EventEviction}
	actions      = []Action{Rollback, ZeroAll, DropEntries, HideEntries, Resurrect, Alias, Resize, Wipe, Offline, ReadOnly, Crash}
	kinds        = allKinds()
)

// parameters are the keys that belong to actions: to which, and whether those
// are nothing without.
var parameters = []struct {
	key  string
	of   []Action
	need bool
}{
	{"to", []Action{Rollback}, false},
	{"part", []Action{DropEntries, HideEntries, Resurrect}, true},
	{"bytes", []Action{ZeroAll}, false},
	{"size", []Action{Resize}, true},
	{"for", []Action{Crash}, true},
}

// errnos are the errors that a bug can answer with.
var errnos = []struct {
	name  string
	errno syscall.Errno
}{
	{"EIO", syscall.EIO}, {"EROFS", syscall.EROFS}, {"ENOSPC", syscall.ENOSPC}, {"ENXIO", syscall.ENXIO},
	{"ENODEV", syscall.ENODEV}, {"ESTALE", syscall.ESTALE}, {"ETIMEDOUT", syscall.ETIMEDOUT},
	{"EDQUOT", syscall.EDQUOT}, {"EACCES", syscall.EACCES}, {"ENOENT", syscall.ENOENT}, {"EBUSY", syscall.EBUSY},
}

func errnoByName(name string) (syscall.Errno, bool) {
	for _, e := range errnos {
		if e.name == name {
			return e.errno, true
		}
	}
	return 0, false
}

func errnoName(errno syscall.Errno) string {
	for _, e := range errnos {
		if e.errno == errno {
			return e.name
		}
	}
	return ""
}

func errnoNames() []string {
	var all []string
	for _, e := range errnos {
		all = append(all, e.name)
	}
	return all
}

func allKinds() []vol.Kind {
	var all []vol.Kind
	for k := vol.Open; k <= vol.Statfs; k++ {
		all = append(all, k)
	}
	return all
}

func kindNames(of []vol.Kind) []string {
	var all []string
	for _, k := range of {
		all = append(all, k.String())
	}
	return all
}

// actsOf are the acts of a plane.
func actsOf(p Plane) []Act {
	return slices.DeleteFunc(slices.Clone(acts), func(a Act) bool { return a.Plane() != p })
}

// texts are words as plain strings.
func texts[T ~string](words []T) []string {
	var all []string
	for _, w := range words {
		all = append(all, string(w))
	}
	return all
}

// among is a list of words for a reader.
func among[T ~string](words []T) string { return strings.Join(texts(words), ", ") }

// oneOf is a choice of words for a reader.
func oneOf[T ~string](words []T) string {
	all := texts(words)
	if len(all) < 2 {
		return strings.Join(all, "")
	}
	return strings.Join(all[:len(all)-1], ", ") + " or " + all[len(all)-1]
}

// near is the word that was probably meant, as the end of an error, or nothing:
// words within two letters of what was written, the nearest first.
func near(wrote string, words []string) string {
	const longest = 64 // picked: what is longer is no word, and costs its square
	best, least := "", 3
	wrote = strings.ToLower(wrote)
	if len(wrote) > longest {
		return ""
	}
	for _, w := range words {
		if d := Distance(wrote, strings.ToLower(w)); d < least && d < len(w) {
			best, least = w, d
		}
	}
	if best == "" {
		return ""
	}
	return `; did you mean "` + best + `"?`
}

// Distance is the number of letters to add, drop or change between two words.
// Its time is the product of their lengths.
func Distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
