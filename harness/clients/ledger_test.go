package clients

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

// promise is what became of one letter of one account.
type promise struct {
	account, key string
	mailbox      string
	text         []byte // as in a Maildir
	digest       string // of what was sent, where a replica keeps exactly that
	told         bool   // somebody was told that it is stored
	unheard      int    // answers that were lost: each may have been one more copy
	flags        string // as letters of a Maildir, sorted
	gone         bool   // its owner has deleted it
}

// ledger is all that was promised.
type ledger struct {
	mu       sync.Mutex
	promises map[string]*promise
}

func newLedger() *ledger { return &ledger{promises: map[string]*promise{}} }

// of is what is known of a letter. It is made when it is first asked for.
func (l *ledger) of(account, key string) *promise {
	id := account + " " + key
	if l.promises[id] == nil {
		l.promises[id] = &promise{account: account, key: key, mailbox: inbox}
	}
	return l.promises[id]
}

// note changes what is known of a letter.
func (l *ledger) note(account, key string, change func(*promise)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change(l.of(account, key))
}

// told counts the letters that were promised.
func (l *ledger) told() (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range l.promises {
		if p.told {
			n++
		}
	}
	return n
}

// unheard counts the answers that were lost.
func (l *ledger) unheard() (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range l.promises {
		n += p.unheard
	}
	return n
}

// held is one message that an account has.
type held struct {
	account, mailbox, key string
	text                  []byte
	flags                 string
}

// What can be wrong with what is held.
const (
	lost       = "lost"
	altered    = "altered"
	duplicated = "duplicated"
	misfiled   = "misfiled"
	returned   = "back though deleted"
	strange    = "of nobody known"
	misflagged = "with other flags"
)

// wrong is one thing that is wrong.
type wrong struct{ kind, what string }

func (w wrong) String() string { return w.kind + ": " + w.what }

// compare says where what is held is not what was promised, in order.
func (l *ledger) compare(all []held) []wrong {
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []wrong
	copies := map[string]int{}
	for i := range all {
		h := &all[i]
		p := l.promises[h.account+" "+h.key]
		if kind := judge(p, h); kind != "" {
			if kind == strange && l.known(h.key) {
				kind = misfiled
			}
			found = append(found, wrong{kind, fmt.Sprintf("%s in %s of %s, flags %q, promised %+v", h.key, h.mailbox, h.account, h.flags, p.brief())})
		}
		if p != nil && h.mailbox == p.mailbox {
			copies[h.account+" "+h.key]++
		}
	}
	for _, id := range slices.Sorted(maps.Keys(l.promises)) {
		if kind := l.promises[id].count(copies[id]); kind != "" {
			found = append(found, wrong{kind, fmt.Sprintf("%d of %s", copies[id], id)})
		}
	}
	slices.SortStableFunc(found, func(a, b wrong) int { return strings.Compare(a.String(), b.String()) })
	return found
}

// known says whether anybody was promised a letter.
func (l *ledger) known(key string) bool {
	for _, p := range l.promises {
		if p.key == key && p.told {
			return true
		}
	}
	return false
}

func (p *promise) brief() string {
	if p == nil {
		return "nowhere"
	}
	return fmt.Sprintf("in %s with flags %q", p.mailbox, p.flags)
}

// judge says what is wrong with one message, or "".
func judge(p *promise, h *held) string {
	switch {
	case p == nil || !p.told && p.unheard == 0:
		return strange
	case p.gone:
		return returned
	case h.mailbox != p.mailbox:
		return misfiled
	case !bytes.Equal(h.text, p.text):
		return altered
	case h.flags != p.flags:
		return misflagged
	}
	return ""
}

// count says whether a letter is there as often as it may be.
func (p *promise) count(copies int) string {
	most := p.unheard
	if p.told {
		most++
	}
	switch {
	case p.gone || most == 0: // judge has seen those
		return ""
	case p.told && copies == 0:
		return lost
	case copies > most:
		return duplicated
	}
	return ""
}

// compareReplica says where the messages of an account on a replica, counted by
// their digests, are not those that were promised.
func (l *ledger) compareReplica(account string, copies map[string]int) (found []wrong) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(l.promises)) {
		p := l.promises[id]
		if p.account != account || p.digest == "" {
			continue
		}
		kind := p.count(copies[p.digest])
		if p.gone && copies[p.digest] > 0 {
			kind = returned
		}
		if kind != "" {
			found = append(found, wrong{kind, fmt.Sprintf("%d of %s", copies[p.digest], id)})
		}
	}
	return found
}

// part keeps what is wrong in ways that a part of the mail can be wrong as well:
// who has not read all has lost nothing.
func part(all []wrong) []wrong {
	return slices.DeleteFunc(all, func(w wrong) bool { return w.kind == lost || w.kind == misflagged || w.kind == returned })
}
