package admin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"fourdays/mailstore/store"
)

// maxJump bounds one raise: what there is has room for a thousand of them. Picked.
const maxJump = 1 << 21

// parseRaise reads {"by":1048576}.
func parseRaise(body io.Reader) (by uint64, err error) {
	var q struct {
		By uint64 `json:"by"`
	}
	if err := parse(body, &q); err != nil {
		return 0, err
	}
	if q.By < 1 || q.By > maxJump {
		return 0, fmt.Errorf(`by: want 1 to %d, by how much every UIDVALIDITY is to rise at least`, maxJump)
	}
	return q.By, nil
}

// raise gives every mailbox a higher UIDVALIDITY: clients then read everything
// anew. It is for a store that comes back after its users were served by another.
func (f *face) raise(w http.ResponseWriter, r *http.Request) {
	by, err := parseRaise(r.Body)
	if err != nil {
		refuse(w, http.StatusBadRequest, err)
		return
	}
	switch err := f.store.Raise(context.WithoutCancel(r.Context()), by); {
	case errors.Is(err, store.ErrExhausted):
		refuse(w, http.StatusConflict, err)
	case err != nil:
		fail(w, err)
	default:
		answer(w, http.StatusOK, map[string]uint64{"raised": by})
	}
}
