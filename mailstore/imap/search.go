package imap

import (
	"bytes"
	"strings"
	"time"

	goimap "github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	gomessage "github.com/emersion/go-message"
	gomail "github.com/emersion/go-message/mail"

	"fourdays/mailstore/store"
)

// found is what one read of the state brings for SEARCH.
type found struct {
	contents store.Contents
	messages []located
}

// Search implements imapserver.Session.
func (s *session) Search(kind imapserver.NumKind, criteria *goimap.SearchCriteria, _ *goimap.SearchOptions) (*goimap.SearchData, error) {
	c, err := s.view.compile(criteria)
	if err != nil {
		return nil, err
	}
	entries := s.view.entries
	result, err := look(s, func(contents store.Contents, bodies store.Bodies) (found, error) {
		f := found{contents: contents}
		for _, l := range current(entries, contents) {
			m := candidate{located: l, bodies: bodies}
			if c.matches(&m) {
				f.messages = append(f.messages, l)
			}
			if m.err != nil {
				return f, m.err
			}
		}
		return f, nil
	})
	if err != nil {
		return nil, s.translate(err)
	}
	s.view.sync(result.contents)
	s.settled, s.holdExpunge = true, true
	return searchData(kind, result.messages), nil
}

func searchData(kind imapserver.NumKind, messages []located) *goimap.SearchData {
	var data goimap.SearchData
	var seqs goimap.SeqSet
	var uids goimap.UIDSet
	for _, m := range messages {
		n := m.seq()
		if kind == imapserver.NumKindUID {
			n = m.UID
		}
		seqs.AddNum(m.seq())
		uids.AddNum(goimap.UID(m.UID))
		if data.Min == 0 {
			data.Min = n
		}
		data.Max = n
		data.Count++
	}
	data.All = seqs
	if kind == imapserver.NumKindUID {
		data.All = uids
	}
	return &data
}

// compiled is a search with its sets of numbers resolved.
type compiled struct {
	*goimap.SearchCriteria
	sets []numbers
	not  []compiled
	or   [][2]compiled
}

func (v *view) compile(criteria *goimap.SearchCriteria) (c compiled, err error) {
	c.SearchCriteria = criteria
	for _, set := range criteria.SeqNum {
		c.sets = append(c.sets, numbers{static(set, uint32(len(v.entries))), false})
	}
	for _, set := range criteria.UID {
		n, err := v.numbers(set)
		if err != nil {
			return c, err
		}
		c.sets = append(c.sets, n)
	}
	for i := range criteria.Not {
		not, err := v.compile(&criteria.Not[i])
		if err != nil {
			return c, err
		}
		c.not = append(c.not, not)
	}
	for i := range criteria.Or {
		var or [2]compiled
		for j := range or {
			if or[j], err = v.compile(&criteria.Or[i][j]); err != nil {
				return c, err
			}
		}
		c.or = append(c.or, or)
	}
	return c, nil
}

// candidate is a message that may match. Its body is read when it is needed; if
// that fails the search fails, as it would have to guess.
type candidate struct {
	located
	bodies store.Bodies
	body   []byte
	read   bool
	err    error
}

func (m *candidate) entity() *gomessage.Entity {
	if !m.read {
		m.body, m.err = m.bodies.Body(&m.Message)
		m.read = true
	}
	entity, _ := gomessage.Read(bytes.NewReader(m.body))
	if entity == nil {
		entity, _ = gomessage.New(gomessage.Header{}, bytes.NewReader(m.body))
	}
	return entity
}

func (c *compiled) matches(m *candidate) bool {
	return c.matchesIndex(m) && c.matchesBody(m) && c.matchesOthers(m)
}

// matchesIndex looks at what the index knows.
func (c *compiled) matchesIndex(m *candidate) bool {
	for _, set := range c.sets {
		if !set.has(m.index, m.UID) {
			return false
		}
	}
	for _, flag := range c.Flag {
		if !m.Flags.Has(string(flag)) {
			return false
		}
	}
	for _, flag := range c.NotFlag {
		if m.Flags.Has(string(flag)) {
			return false
		}
	}
	size := int64(m.Size)
	return within(m.Time(), c.Since, c.Before) && (c.Larger == 0 || size > c.Larger) && (c.Smaller == 0 || size < c.Smaller)
}

// within compares days without regard to time zones, as RFC 3501 asks.
func within(t, since, before time.Time) bool {
	if since.IsZero() && before.IsZero() {
		return true
	}
	day := time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
	return (since.IsZero() || !day.Before(since)) && (before.IsZero() || day.Before(before))
}

func (c *compiled) matchesBody(m *candidate) bool {
	if len(c.Header)+len(c.Text)+len(c.Body) == 0 && c.SentSince.IsZero() && c.SentBefore.IsZero() {
		return true
	}
	header := gomail.Header{Header: m.entity().Header}
	for _, field := range c.Header {
		if !hasField(header.FieldsByKey(field.Key), field.Value) {
			return false
		}
	}
	if !c.SentSince.IsZero() || !c.SentBefore.IsZero() {
		date, err := header.Date()
		if err != nil || !within(date, c.SentSince, c.SentBefore) {
			return false
		}
	}
	lower := bytes.ToLower(m.body)
	text := lower[min(headerEnd(m.body), len(lower)):]
	return hasAll(lower, c.Text) && hasAll(text, c.Body)
}

// hasAll looks for texts in the bytes as they are stored: encoded parts are
// searched as they are encoded.
func hasAll(lower []byte, texts []string) bool {
	for _, text := range texts {
		if !bytes.Contains(lower, []byte(strings.ToLower(text))) {
			return false
		}
	}
	return true
}

func hasField(fields gomessage.HeaderFields, value string) bool {
	for fields.Next() {
		text, _ := fields.Text()
		if strings.Contains(strings.ToLower(text), strings.ToLower(value)) {
			return true
		}
	}
	return false
}

func (c *compiled) matchesOthers(m *candidate) bool {
	for i := range c.not {
		if c.not[i].matches(m) {
			return false
		}
	}
	for i := range c.or {
		if !c.or[i][0].matches(m) && !c.or[i][1].matches(m) {
			return false
		}
	}
	return true
}

var _ imapserver.SessionMove = (*session)(nil)
var _ imapserver.SessionNamespace = (*session)(nil)
