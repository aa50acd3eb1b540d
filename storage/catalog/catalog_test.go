package catalog_test

import (
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fourdays/storage/bug"
	"fourdays/storage/catalog"
)

// TestTheTwelveAndTheSevenAreThere names the bugs that the catalogue was begun
// for, and the plain faults that scenarios are written with.
func TestTheTwelveAndTheSevenAreThere(t *testing.T) {
	for _, id := range strings.Fields(`
		libero-2023 libero-2023-eio libero-2023-readonly hpe-32768 netapp-70000 intel-320-8mb zfs-15526 ext4-6164
		raid0-discard fsyncgate zfs-077 ontap-82-dedupe gmail-2011 samsung-840evo
		drbd-9026 vmware-cbt tse-failover-off seagate-720011 ceph-zero-read salesforce-na14 ontap-poison-takeover
		flush-lies lost-write torn-write misdirected-write bit-rot bit-rot-read stale-read foreign-read fail-slow
		volume-rollback volume-offline failover-forgets`) {
		b, ok := catalog.Get(id)
		require.True(t, ok, id)
		require.Equal(t, id, b.ID)
		text, ok := catalog.Source(id)
		require.True(t, ok)
		require.Contains(t, string(text), "id: "+id)
	}
	_, ok := catalog.Get("no-such-bug")
	require.False(t, ok)
	_, ok = catalog.Source("no-such-bug")
	require.False(t, ok)
}

func TestAllIsInOrderAndItsOwn(t *testing.T) {
	bugs := catalog.All()
	require.True(t, slices.IsSortedFunc(bugs, func(a, b bug.Bug) int { return strings.Compare(a.ID, b.ID) }))
	bugs[0].ID = "changed"
	require.NotEqual(t, "changed", catalog.All()[0].ID)
}

// each calls f for every shipped bug.
func each(t *testing.T, f func(*testing.T, bug.Bug)) {
	for _, b := range catalog.All() {
		t.Run(b.ID, func(t *testing.T) { f(t, b) })
	}
}

// TestEveryFileSaysWhatItIs holds each file to the whole form: the language
// would take less.
func TestEveryFileSaysWhatItIs(t *testing.T) {
	each(t, func(t *testing.T, b bug.Bug) {
		require.NotEmpty(t, b.Title)
		require.Contains(t, catalog.Classes, b.Class)
		require.NotEmpty(t, b.Operator.Sees)
		require.NotEmpty(t, b.Operator.Clears)
		require.NotEmpty(t, b.Operator.Worsens)
		require.NotEmpty(t, b.Evidence.Note, "what differs from the source")
		require.NotEmpty(t, b.Shows.Reboot)
		require.Contains(t, catalog.Correlations, b.Shows.Correlated)
		if b.Plane != bug.Report {
			require.NotEmpty(t, b.Shows.To, "nobody notices: is it a bug?")
		}
	})
}

// TestEvidenceCanBeLookedUp says that what is not a plain fault has a product, a
// confidence, and an address that can be opened.
func TestEvidenceCanBeLookedUp(t *testing.T) {
	each(t, func(t *testing.T, b bug.Bug) {
		e := b.Evidence
		if e.Label == bug.Generic {
			require.Empty(t, e.Confidence)
			require.Empty(t, e.Sourced, "there is no source")
			return
		}
		require.Contains(t, []bug.Label{bug.Read, bug.Notes}, e.Label, "what is only remembered is left out")
		require.NotEmpty(t, e.Confidence)
		require.NotEmpty(t, e.Product)
		require.NotEmpty(t, e.Sourced)
		u, err := url.Parse(e.URL)
		require.NoError(t, err)
		require.Contains(t, []string{"http", "https"}, u.Scheme)
		require.Contains(t, u.Host, ".")
		require.Greater(t, len(u.Path), 1, "the page, not the site")
	})
}

// bare is a bug as it is printed, without what is said about it.
func bare(b bug.Bug) string {
	b.ID, b.Title, b.Evidence, b.Operator = "x", "", bug.Evidence{}, bug.Operator{}
	return string(bug.Print(b))
}

var (
	key    = regexp.MustCompile(`([a-z_]+):`)
	number = regexp.MustCompile(`([a-z_]+): (?:"?[^ ]*[<>=/][^ ]*"?|(?:[a-z_]+\()?[0-9])`)
)

func captured(re *regexp.Regexp, s string) []string {
	var out []string
	for _, m := range re.FindAllStringSubmatch(s, -1) {
		out = append(out, m[1])
	}
	return out
}

// unaccounted are the keys of a bug with a number or a version that are neither
// sourced nor picked, those that are both, and those that the file does not have.
func unaccounted(b bug.Bug) (without, both, unknown []string) {
	text := bare(b)
	known := append(slices.Clone(b.Evidence.Sourced), b.Evidence.Picked...)
	for _, k := range captured(number, text) {
		if !slices.Contains(known, k) {
			without = append(without, k)
		}
	}
	for i, k := range known {
		if slices.Contains(known[:i], k) {
			both = append(both, k)
		}
		if !slices.Contains(captured(key, text), k) {
			unknown = append(unknown, k)
		}
	}
	return without, both, unknown
}

// TestEveryNumberIsSourcedOrPicked shows that no figure in the catalogue is
// without its origin, and that no origin is without its figure.
func TestEveryNumberIsSourcedOrPicked(t *testing.T) {
	each(t, func(t *testing.T, b bug.Bug) {
		without, both, unknown := unaccounted(b)
		require.Empty(t, without, "neither sourced nor picked")
		require.Empty(t, both, "sourced and picked, or twice")
		require.Empty(t, unknown, "named, and not in the file")
	})
}

// TestEveryEffectIsSourcedOrPicked says the same of what a bug does, when, and
// for how long.
func TestEveryEffectIsSourcedOrPicked(t *testing.T) {
	each(t, func(t *testing.T, b bug.Bug) {
		known := append(slices.Clone(b.Evidence.Sourced), b.Evidence.Picked...)
		has := captured(key, bare(b))
		for _, k := range []string{"event", "level", "count", "overlap", "flags", "reply", "data", "persist", "lost_at", "action",
			"delay", "slow", "os", "same_address", "extent", "persistence"} {
			if slices.Contains(has, k) {
				require.Contains(t, known, k)
			}
		}
		for _, k := range []string{"to", "reboot", "correlated"} {
			if slices.Contains(has, k) && !slices.Contains(known, "shows") {
				require.Contains(t, known, k)
			}
		}
	})
}

// TestTheAccountsCatchWhatIsMissing damages a bug in each way that the tests
// above are for.
func TestTheAccountsCatchWhatIsMissing(t *testing.T) {
	whole, _ := catalog.Get("intel-320-8mb")
	for name, damage := range map[string]func(*bug.Evidence) (without, both, unknown []string){
		"number": func(e *bug.Evidence) (_, _, _ []string) { e.Picked = nil; return []string{"chance"}, nil, nil },
		"version": func(e *bug.Evidence) (_, _, _ []string) {
			e.Sourced = slices.DeleteFunc(e.Sourced, func(k string) bool { return k == "os" })
			return []string{"os"}, nil, nil
		},
		"both": func(e *bug.Evidence) (_, _, _ []string) {
			e.Picked = append(e.Picked, "size")
			return nil, []string{"size"}, nil
		},
		"unknown": func(e *bug.Evidence) (_, _, _ []string) {
			e.Picked = append(e.Picked, "every")
			return nil, nil, []string{"every"}
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := whole
			b.Evidence.Sourced, b.Evidence.Picked = slices.Clone(b.Evidence.Sourced), slices.Clone(b.Evidence.Picked)
			wantWithout, wantBoth, wantUnknown := damage(&b.Evidence)
			without, both, unknown := unaccounted(b)
			require.Equal(t, wantWithout, without)
			require.Equal(t, wantBoth, both)
			require.Equal(t, wantUnknown, unknown)
		})
	}
}

func TestEveryBugPrintsAndParsesBack(t *testing.T) {
	each(t, func(t *testing.T, b bug.Bug) {
		again, err := bug.Parse(b.ID, bug.Print(b))
		require.NoError(t, err)
		require.Equal(t, b, again)
	})
}

// TestNoTwoBugsAreTheSame says that each file is there for a trigger or an
// effect of its own: names alone would pad the catalogue.
func TestNoTwoBugsAreTheSame(t *testing.T) {
	seen := map[string]string{}
	for _, b := range catalog.All() {
		only := bug.Bug{ID: "x", Trigger: b.Trigger, Effect: b.Effect, Plane: b.Plane, Persistence: bug.Once}
		text := string(bug.Print(only))
		require.Empty(t, seen[text], "%s is the same", b.ID)
		seen[text] = b.ID
	}
}

// vendors are names that must not come near the outage of 2023: its vendor was
// never named.
var vendors = regexp.MustCompile(`(?i)\b(netapp|ontap|emc|dell|powerscale|isilon|hpe?|3par|nimble|ibm|storwize|hitachi|vantara|pure|huawei|oceanstor|oracle|infinidat|vast|qumulo|fujitsu|nutanix|lenovo|ceph|red hat|netgear|synology|qnap|weka|ddn|nexenta|tegile|panasas|scality|cloudian)\b`)

func TestNobodyIsNamedForTheOutageOf2023(t *testing.T) {
	require.Regexp(t, vendors, "a file that names NetApp")
	found := 0
	for _, b := range catalog.All() {
		if strings.HasPrefix(b.ID, "libero") {
			found++
			text, _ := catalog.Source(b.ID)
			require.NotRegexp(t, vendors, string(text))
			require.Contains(t, b.Evidence.Note, "In the style of")
		}
	}
	require.Equal(t, 3, found)
}

// research is every entry of the research catalogue, with its file here if it is
// called otherwise.
const research = `
	libero-hidden-threshold=libero-2023 hpe-ssd-32768h=hpe-32768 sandisk-ssd-40000h=sandisk-40000h
	netapp-ssd-70000h=netapp-70000 crucial-m4-5184h seagate-720011-bsy=seagate-720011 ibm-svc-208day
	ontap-refcount-2e32 ibm-rtc-536m-writes ontap-dir-limits ext4-dir-index-full intel-s4510-1700h
	zfs-077-vanishing=zfs-077
	intel-320-8mb ssd-power-fault-fast13=ssd-power-fault flush-lies ibm-fcm-selfformat pillar-axiom-journal
	gce-lightning-2015=gce-lightning openmailbox-bbu ext4-delalloc-zero fsyncgate btrfs-transid virginia-dmx3
	sidekick-2009
	zfs-15526-holes=zfs-15526 ext4-6164-dio=ext4-6164 blkmq-419=foreign-read raid0-discard libata-ncq-trim
	vmax-null-unmap ibm-unmap-then-rebuild ontap-82-dedupe ontap-su399 ibm-flashcopy-hu02238
	vmware-cbt-128g=vmware-cbt qnap-raid56 btrfs-raid5-scrub md-raid0-layout ceph-zero-read ceph-omap-1626
	ceph-squid-esb gluster-rebalance-loss drbd-9026-wfbitmap=drbd-9026 zfs-encrypted-snap win2016-dedup
	cern-wd-3ware salesforce-na14 s3-2008-gossip kyoto-77tb
	samsung-840evo-old=samsung-840evo wd-red-dmsmr smartarray-flush-stall ato-3par kcl-3par tse-failover-off
	ontap-poison-takeover ebs-2011 azure-2014 onefs-bbu-ro
	gmail-2011 yahoo-2013 hotmail-2010 directi-2014 virginmedia-2023 fastmail-2003 libero-june-2023`

// TestEveryEntryOfTheResearchIsHereOrLeftOutWithAReason says that nobody has to
// guess what was forgotten.
func TestEveryEntryOfTheResearchIsHereOrLeftOutWithAReason(t *testing.T) {
	text, err := os.ReadFile("LEFT-OUT.md")
	require.NoError(t, err)
	reasons := map[string]string{}
	for _, m := range regexp.MustCompile("(?m)^- `([^`]+)`: (.+)$").FindAllStringSubmatch(string(text), -1) {
		require.Empty(t, reasons[m[1]], "%s is left out twice", m[1])
		reasons[m[1]] = m[2]
	}
	entries := strings.Fields(research)
	require.Len(t, entries, 67)
	for _, e := range entries {
		name, file, ok := strings.Cut(e, "=")
		if !ok {
			file = name
		}
		_, shipped := catalog.Get(file)
		require.NotEqual(t, shipped, reasons[name] != "", "%s has to have a file or a reason, not both", name)
		delete(reasons, name)
	}
	require.Empty(t, reasons, "left out, and no entry of the research")
	for _, m := range regexp.MustCompile("nearest: `([^`]+)`").FindAllStringSubmatch(string(text), -1) {
		_, ok := catalog.Get(m[1])
		require.True(t, ok, m[1])
	}
}

// TestReferencesAmongBugsHold says that a note that points to another bug points
// to one that is there.
func TestReferencesAmongBugsHold(t *testing.T) {
	var all []string
	for _, e := range strings.Fields(research) {
		name, _, _ := strings.Cut(e, "=")
		all = append(all, name)
	}
	each(t, func(t *testing.T, b bug.Bug) {
		for _, name := range all {
			if _, ok := catalog.Get(name); !ok {
				require.NotContains(t, b.Evidence.Note, name, "has no file of that name")
			}
		}
	})
}
