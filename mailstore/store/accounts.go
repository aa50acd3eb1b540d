package store

import "fourdays/mailstore/mail"

func (s *state) createAccounts(c *mail.CreateAccounts) mail.Reply {
	reply := mail.Reply{Codes: make([]mail.Code, 0, len(c.Accounts))}
	for _, a := range c.Accounts {
		reply.Codes = append(reply.Codes, s.createAccount(a))
	}
	return reply
}

func (s *state) createAccount(a mail.NewAccount) mail.Code {
	key := keyAccount(a.Address)
	if _, found := s.get(key); found {
		return mail.Exists
	}
	if s.newMailbox(a.Address, mail.Inbox) == 0 {
		return mail.Exhausted
	}
	record := mail.Account{Password: a.Password}
	s.set(key, record.Encode())
	return mail.OK
}

func (s *state) setClosed(c *mail.SetClosed) mail.Reply {
	reply := mail.Reply{Codes: make([]mail.Code, 0, len(c.Accounts))}
	for _, address := range c.Accounts {
		record, found := s.accountRecord(address)
		if !found {
			reply.Codes = append(reply.Codes, mail.NoAccount)
			continue
		}
		if record.Closed != c.Closed {
			record.Closed = c.Closed
			s.set(keyAccount(address), record.Encode())
		}
		reply.Codes = append(reply.Codes, mail.OK)
	}
	return reply
}
