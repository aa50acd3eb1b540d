package imap

import (
	"cmp"
	"slices"

	goimap "github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"

	"fourdays/mailstore/mail"
	"fourdays/mailstore/store"
)

// view is the selected mailbox as the client was told of it. Sequence numbers
// count its entries, which change only when report says so to the client.
type view struct {
	known    store.Known
	readOnly bool
	entries  []entry
	fresh    []entry // new ones, not told yet
}

// entry is a message that the client knows.
type entry struct {
	store.Item
	gone    bool // expunged, not told yet
	changed bool // its flags are others, not told yet
}

func newView(account, name string, contents store.Contents, readOnly bool) *view {
	v := &view{readOnly: readOnly, known: store.Known{
		Account: account, Mailbox: name, UIDValidity: contents.UIDValidity, ModSeq: contents.ModSeq,
	}}
	v.entries = make([]entry, len(contents.Items))
	for i, item := range contents.Items {
		v.entries[i].Item = item
	}
	return v
}

// sync brings the view up to the contents of the mailbox, for report to tell.
func (v *view) sync(contents store.Contents) {
	if contents.Same || contents.ModSeq < v.known.ModSeq {
		return
	}
	v.known.ModSeq = contents.ModSeq
	items := contents.Items
	for i := range v.entries {
		e := &v.entries[i]
		for len(items) > 0 && items[0].UID < e.UID {
			items = items[1:]
		}
		if len(items) == 0 || items[0].UID != e.UID {
			e.gone = true
			continue
		}
		e.changed = e.changed || !e.Flags.Equal(items[0].Flags)
		e.Item = items[0]
	}
	v.fresh = nil
	for _, item := range items[newer(items, v.lastUID()):] {
		v.fresh = append(v.fresh, entry{Item: item})
	}
}

// newer returns the index of the first item above a UID.
func newer(items []store.Item, uid uint32) int {
	at, _ := slices.BinarySearchFunc(items, uid+1, func(item store.Item, uid uint32) int { return cmp.Compare(item.UID, uid) })
	return at
}

func (v *view) lastUID() uint32 {
	if len(v.entries) == 0 {
		return 0
	}
	return v.entries[len(v.entries)-1].UID
}

// report tells the client what sync found.
func (v *view) report(w *imapserver.UpdateWriter, allowExpunge bool) error {
	if allowExpunge {
		if err := v.dropGone(w.WriteExpunge); err != nil {
			return err
		}
	}
	v.forgetFresh()
	if len(v.fresh) > 0 {
		v.entries = append(v.entries, v.fresh...)
		v.fresh = nil
		if err := w.WriteNumMessages(uint32(len(v.entries))); err != nil {
			return err
		}
	}
	for i := range v.entries {
		e := &v.entries[i]
		if !e.changed || e.gone {
			continue
		}
		e.changed = false
		if err := w.WriteMessageFlags(uint32(i+1), goimap.UID(e.UID), flagNames(e.Flags)); err != nil {
			return err
		}
	}
	return nil
}

// forgetFresh leaves out new messages that are gone before they were told of.
func (v *view) forgetFresh() {
	v.fresh = slices.DeleteFunc(v.fresh, func(e entry) bool { return e.gone })
}

// dropGone tells, from the last to the first, which entries are gone, and
// forgets them.
func (v *view) dropGone(tell func(seq uint32) error) error {
	for i := len(v.entries) - 1; i >= 0; i-- {
		if !v.entries[i].gone {
			continue
		}
		if err := tell(uint32(i + 1)); err != nil {
			return err
		}
		v.entries = slices.Delete(v.entries, i, i+1)
	}
	return nil
}

// find returns the entry with a UID, told or new, or nil.
func (v *view) find(uid uint32) *entry {
	if i := v.index(uid); i >= 0 {
		return &v.entries[i]
	}
	for i := range v.fresh {
		if v.fresh[i].UID == uid {
			return &v.fresh[i]
		}
	}
	return nil
}

// index returns where the client has a UID, or -1.
func (v *view) index(uid uint32) int {
	at, found := slices.BinarySearchFunc(v.entries, uid, func(e entry, uid uint32) int { return cmp.Compare(e.UID, uid) })
	if !found {
		return -1
	}
	return at
}

// told says whether the client knows of a UID.
func (v *view) told(uid uint32) bool { return v.index(uid) >= 0 }

// current returns the entries as contents, read just now, have them: index and
// item of each that is still there. It changes nothing.
func current(entries []entry, contents store.Contents) []located {
	live := make([]located, 0, len(entries))
	items := contents.Items
	for i := range entries {
		item := entries[i].Item
		if !contents.Same {
			for len(items) > 0 && items[0].UID < item.UID {
				items = items[1:]
			}
			if len(items) == 0 || items[0].UID != item.UID {
				continue
			}
			item = items[0]
		} else if entries[i].gone {
			continue
		}
		live = append(live, located{i, item})
	}
	return live
}

// located is a message at its place in the view.
type located struct {
	index int
	store.Item
}

func (l located) seq() uint32 { return uint32(l.index + 1) }

// static turns a set of numbers into ascending ranges; "*" is last.
func static(set goimap.NumSet, last uint32) []mail.Range {
	var ranges []mail.Range
	switch set := set.(type) {
	case goimap.SeqSet:
		for _, r := range set {
			ranges = appendRange(ranges, r.Start, r.Stop, last)
		}
	case goimap.UIDSet:
		for _, r := range set {
			ranges = appendRange(ranges, uint32(r.Start), uint32(r.Stop), last)
		}
	}
	return merge(ranges)
}

func appendRange(ranges []mail.Range, start, stop, last uint32) []mail.Range {
	if start == 0 {
		start = last
	}
	if stop == 0 {
		stop = last
	}
	first, final := min(start, stop), max(start, stop)
	if final == 0 {
		return ranges
	}
	return append(ranges, mail.Range{First: max(first, 1), Last: final})
}

// merge sorts ranges and joins those that touch.
func merge(ranges []mail.Range) []mail.Range {
	slices.SortFunc(ranges, func(a, b mail.Range) int { return cmp.Compare(a.First, b.First) })
	merged := ranges[:0]
	for _, r := range ranges {
		if n := len(merged); n > 0 && uint64(r.First) <= uint64(merged[n-1].Last)+1 {
			merged[n-1].Last = max(merged[n-1].Last, r.Last)
			continue
		}
		merged = append(merged, r)
	}
	return merged
}

func contains(ranges []mail.Range, n uint32) bool {
	_, found := slices.BinarySearchFunc(ranges, n, func(r mail.Range, n uint32) int {
		switch {
		case r.Last < n:
			return -1
		case r.First > n:
			return 1
		}
		return 0
	})
	return found
}

// numbers is a set as the client gave it, with "*" resolved against what the
// client knows.
type numbers struct {
	ranges []mail.Range
	uid    bool
}

func (v *view) numbers(set goimap.NumSet) (numbers, error) {
	if uids, ok := set.(goimap.UIDSet); ok {
		if goimap.IsSearchRes(uids) {
			return numbers{}, &goimap.Error{Type: goimap.StatusResponseTypeBad, Text: "SEARCHRES is not supported"}
		}
		return numbers{static(set, v.lastUID()), true}, nil
	}
	n := numbers{static(set, uint32(len(v.entries))), false}
	if k := len(n.ranges); k > 0 && n.ranges[k-1].Last > uint32(len(v.entries)) {
		return n, &goimap.Error{Type: goimap.StatusResponseTypeBad, Text: "no message has that number"}
	}
	return n, nil
}

func (n numbers) has(index int, uid uint32) bool {
	if n.uid {
		return contains(n.ranges, uid)
	}
	return contains(n.ranges, uint32(index+1))
}

// target names the messages of a set for a command. A set of UIDs is taken as
// it is, so that it also reaches messages that this client was not told of.
func (v *view) target(set goimap.NumSet) (mail.Target, error) {
	n, err := v.numbers(set)
	t := mail.Target{Account: v.known.Account, Mailbox: v.known.Mailbox, UIDValidity: v.known.UIDValidity}
	if n.uid || err != nil {
		t.UIDs = n.ranges
		return t, err
	}
	for i, e := range v.entries {
		if n.has(i, e.UID) {
			t.UIDs = append(t.UIDs, mail.Range{First: e.UID, Last: e.UID})
		}
	}
	t.UIDs = merge(t.UIDs)
	return t, nil
}

// changedBy notes that a command of this session took the mailbox from one
// mod-sequence to another. If nobody else's change came between, the session
// still knows all.
func (v *view) changedBy(reply mail.Reply) (all bool) {
	if reply.Before != v.known.ModSeq {
		return false
	}
	v.known.ModSeq = reply.After
	return true
}

func flagNames(f mail.Flags) []goimap.Flag {
	names := f.Names()
	flags := make([]goimap.Flag, len(names))
	for i, name := range names {
		flags[i] = goimap.Flag(name)
	}
	return flags
}
