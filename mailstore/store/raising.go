package store

import (
	"context"

	"fourdays/mailstore/mail"
)

// Raise gives every mailbox a UIDVALIDITY that is higher by more than jump: for a
// store whose users have been served by another one meanwhile, so that no client
// takes the mailboxes of one for those of the other. To ask twice raises twice,
// and does no harm.
func (s *Store) Raise(ctx context.Context, jump uint64) error {
	reply, err := s.change(ctx, &mail.Raise{Jump: jump})
	if err == nil && reply.Code == mail.Exhausted {
		err = ErrExhausted
	}
	return err
}
