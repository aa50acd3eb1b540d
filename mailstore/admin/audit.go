package admin

import (
	"encoding/hex"
	"net/http"

	"fourdays/mailstore/mail"
	"fourdays/mailstore/store"
)

// audited is what /audit answers for an account. The shape of view is that of
// the harness's history.
type audited struct {
	Mailboxes []auditedMailbox `json:"mailboxes"`
}

type auditedMailbox struct {
	Mailbox string `json:"mailbox"`
	View    view   `json:"view"`
	Damage  string `json:"damage,omitempty"`
}

type view struct {
	UIDValidity uint32    `json:"uidvalidity"`
	UIDNext     uint32    `json:"uidnext"`
	Exists      uint32    `json:"exists"`
	ModSeq      uint64    `json:"modseq"`
	Messages    []message `json:"messages,omitempty"`
}

type message struct {
	Seq          uint32   `json:"seq"`
	UID          uint32   `json:"uid"`
	Flags        []string `json:"flags,omitempty"`
	InternalDate int64    `json:"internaldate"`
	Size         int64    `json:"size"`
	Digest       string   `json:"digest,omitempty"`
	ModSeq       uint64   `json:"modseq"`
	Stored       string   `json:"stored"`
	Damage       string   `json:"damage,omitempty"`
}

func (f *face) audit(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	if !query.Has("account") {
		f.accounts(w)
		return
	}
	address, err := mail.Address(query.Get("account"))
	if err != nil {
		refuse(w, http.StatusBadRequest, err)
		return
	}
	found, err := local(f, func() ([]store.AuditedMailbox, error) { return f.store.Audit(address) })
	if err != nil {
		fail(w, err)
		return
	}
	result := audited{Mailboxes: make([]auditedMailbox, len(found))}
	for i := range found {
		result.Mailboxes[i] = show(&found[i])
	}
	answer(w, http.StatusOK, result)
}

func (f *face) accounts(w http.ResponseWriter) {
	accounts, err := local(f, f.store.Accounts)
	if err != nil {
		fail(w, err)
		return
	}
	answer(w, http.StatusOK, map[string][]string{"accounts": append([]string{}, accounts...)})
}

func show(m *store.AuditedMailbox) auditedMailbox {
	shown := auditedMailbox{Mailbox: m.Name, Damage: m.Damage, View: view{
		UIDValidity: m.UIDValidity, UIDNext: m.UIDNext, Exists: uint32(len(m.Messages)), ModSeq: m.ModSeq,
		Messages: make([]message, len(m.Messages)),
	}}
	for i := range m.Messages {
		a := &m.Messages[i]
		shown.View.Messages[i] = message{
			Seq: uint32(i + 1), UID: a.UID, Flags: a.Flags.Names(), InternalDate: a.Date, Size: int64(a.Size),
			ModSeq: a.ModSeq, Stored: hex.EncodeToString(a.Digest[:]), Damage: a.Damage,
		}
		if a.Found != (mail.Digest{}) {
			shown.View.Messages[i].Digest = hex.EncodeToString(a.Found[:])
		}
	}
	return shown
}
