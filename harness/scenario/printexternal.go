package scenario

import "strconv"

// external prints the target, if it is not ours.
func (p *printer) external(x *External) {
	if x == nil {
		return
	}
	p.line("\ntarget: external\nexternal:\n  server: %s", strconv.Quote(x.Server))
	for _, at := range []struct{ key, address string }{{"lmtp", x.LMTP}, {"smtp", x.SMTP}, {"imap", x.IMAP}} {
		if at.address != "" {
			p.line("  %s: %s", at.key, strconv.Quote(at.address))
		}
	}
	p.line("  user: %s\n  password: %s", strconv.Quote(x.User), strconv.Quote(x.Password))
	if len(x.Logins) > 0 {
		p.line("  accounts:")
	}
	for _, l := range x.Logins {
		p.line("    %s: %s", strconv.Quote(l.Account), strconv.Quote(l.Password))
	}
	if len(x.Env) > 0 {
		p.line("  env:")
	}
	for _, v := range x.Env {
		p.line("    %s: %s", v.Name, strconv.Quote(v.Value))
	}
	p.line("  hooks:")
	for _, k := range x.Hooks.all() {
		if k.hook.Run != "" {
			p.line("    %s: {run: %s, within: %s}", k.key, strconv.Quote(k.hook.Run), Duration(k.hook.Within))
		}
	}
}
