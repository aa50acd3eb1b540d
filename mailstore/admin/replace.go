package admin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"

	"fourdays/storage/replica"
)

// parseReplacement reads {"remove":"n2","add":"n2.2","address":"IP:PORT"}.
func parseReplacement(body io.Reader) (q replica.Replacement, err error) {
	if err := parse(body, &q); err != nil {
		return q, err
	}
	if err := q.Check(); err != nil {
		return q, err
	}
	if _, err := netip.ParseAddrPort(q.Address); err != nil {
		return q, fmt.Errorf("address: %q is not IP:PORT", q.Address)
	}
	return q, nil
}

// replace advances a replacement as far as it goes now. The operator asks again
// until the answer is "promoted"; it does not matter on which node, nor what
// crashed in between.
func (f *face) replace(w http.ResponseWriter, r *http.Request) {
	q, err := parseReplacement(r.Body)
	if err != nil {
		refuse(w, http.StatusBadRequest, err)
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), f.patience)
	defer cancel()
	progress, err := f.replica.Replace(ctx, q)
	var no *replica.Refusal
	switch {
	case err == nil:
		answer(w, http.StatusOK, progress)
	case errors.As(err, &no):
		refuse(w, http.StatusConflict, no)
	default:
		fail(w, err)
	}
}
