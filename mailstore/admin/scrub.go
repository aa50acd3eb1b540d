package admin

import (
	"bytes"
	"context"
	"io"
	"net/http"
)

// scrub reads all that this node keeps, repairs from other nodes what is bad, and
// answers the counters of this pass. It takes as long as the node's scrub rate
// asks for, after a pass that is under way already. 503 says that the node does
// not serve or that its storage does not answer; what was repaired stays so.
func (f *face) scrub(w http.ResponseWriter, r *http.Request) {
	if err := parseNothing(r.Body); err != nil {
		refuse(w, http.StatusBadRequest, err)
		return
	}
	// Not r.Context(): net/http ends that when the time to read a request is up.
	got, err := f.replica.Scrub(context.WithoutCancel(r.Context()))
	if err != nil {
		fail(w, err)
		return
	}
	answer(w, http.StatusOK, got)
}

// parseNothing takes no body, or an empty object.
func parseNothing(body io.Reader) error {
	content, err := io.ReadAll(io.LimitReader(body, maxBody))
	if err != nil || len(content) == 0 {
		return err
	}
	return parse(bytes.NewReader(content), &struct{}{})
}
