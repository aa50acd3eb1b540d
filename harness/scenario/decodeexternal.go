package scenario

import (
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"go.yaml.in/yaml/v3"
)

var varForm = regexp.MustCompile(`^[A-Z][A-Z0-9_]*$`)

// ownPrefix is of the variables by which the harness finds its processes again.
const ownPrefix = "FOURDAYS_"

// HookVars are what the harness itself puts into the environment of hooks.
func HookVars() []string {
	return []string{"NODE", "DATA", "RUN", "HOST", "LMTP", "LMTP_PORT", "SMTP", "SMTP_PORT", "IMAP", "IMAP_PORT", "ACCOUNTS"}
}

// targets reads target and external. The two checks look at the whole file.
func (d *decoder) targets(s *Scenario) (target, external field) {
	var at, section place
	var what string
	d.later(func() { d.external(at, section, s) })
	target = may("target", func(n *yaml.Node) {
		d.choice(&what, "mailstore", ExternalTarget)(n)
		if what == ExternalTarget {
			at = place{n.Line, n.Column}
		}
	})
	external = may(ExternalTarget, func(n *yaml.Node) {
		section = place{n.Line, n.Column}
		s.External = d.server(n)
	})
	return target, external
}

func (d *decoder) server(n *yaml.Node) *External {
	x := &External{User: "{account}", Password: "pw-{account}", where: place{n.Line, n.Column}}
	d.mapping(n, ExternalTarget,
		must("server", d.text(&x.Server)),
		may("lmtp", d.endpoint(&x.LMTP)),
		may("smtp", d.endpoint(&x.SMTP)),
		must("imap", d.endpoint(&x.IMAP)),
		may("user", d.pattern(&x.User)),
		may("password", d.pattern(&x.Password)),
		may("accounts", func(n *yaml.Node) { d.logins(n, x) }),
		may("env", func(n *yaml.Node) { d.vars(n, x) }),
		must("hooks", func(n *yaml.Node) { d.hooks(n, &x.Hooks) }),
	)
	if n.Kind == yaml.MappingNode && (x.LMTP == "") == (x.SMTP == "") {
		d.wrong(n, "want lmtp: :24 or smtp: :25", "external takes mail by one of LMTP and SMTP")
	}
	return x
}

func (d *decoder) endpoint(dst *string) func(*yaml.Node) {
	const want = `want IP:port, or ":24" for a port at the address that the node gets`
	return func(n *yaml.Node) {
		s, ok := d.scalar(n, want, "!!str")
		if ok && !endpoint(s) {
			d.wrong(n, want, "found %s", kindOf(n))
		}
		*dst = s
	}
}

func (d *decoder) pattern(dst *string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		d.credential(dst)(n)
		if word := unknownBlank(*dst); word != "" {
			d.wrong(n, "want "+strings.Join(blanks, ", "), "there is no %s to fill in", word)
		}
	}
}

// credential is a text for one field of the list of accounts, which has a line
// for each and tabs between them.
func (d *decoder) credential(dst *string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		d.text(dst)(n)
		if strings.ContainsFunc(*dst, unicode.IsControl) {
			d.wrong(n, "leave it out", "a user or password with a tab, a line break or another control character has no place in the list of accounts")
		}
	}
}

func (d *decoder) logins(n *yaml.Node, x *External) {
	d.pairs(n, "external.accounts", func(key, value *yaml.Node) {
		l := Login{Account: key.Value}
		local, domain, _ := strings.Cut(l.Account, "@")
		if local == "" || !domainForm.MatchString(domain) || strings.ContainsAny(l.Account, " \t\n") {
			d.wrong(key, "want an address, such as ann@libero.example", "%q is no account", l.Account)
		}
		d.credential(&l.Password)(value)
		x.Logins = append(x.Logins, l)
	})
}

func (d *decoder) vars(n *yaml.Node, x *External) {
	d.pairs(n, "external.env", func(key, value *yaml.Node) {
		v := Var{Name: key.Value}
		switch {
		case !varForm.MatchString(v.Name):
			d.wrong(key, "want capital letters, digits and underscores", "%q cannot name a variable", v.Name)
		case slices.Contains(HookVars(), v.Name), strings.HasPrefix(v.Name, ownPrefix):
			d.wrong(key, "give it another name", "the harness itself sets %s", v.Name)
		}
		d.text(&v.Value)(value)
		x.Env = append(x.Env, v)
	})
}

func (d *decoder) hooks(n *yaml.Node, h *Hooks) {
	var fields []field
	for _, k := range h.all() {
		set := func(n *yaml.Node) { d.hook(n, k.key, k.hook) }
		fields = append(fields, field{k.key, k.key == "start", set})
	}
	d.mapping(n, "hooks", fields...)
}

func (d *decoder) hook(n *yaml.Node, key string, h *Hook) {
	h.Within = hookWithin
	if n.Kind != yaml.MappingNode {
		d.text(&h.Run)(n)
		return
	}
	d.mapping(n, "a hook", must("run", d.text(&h.Run)), may("within", d.duration(&h.Within, 100*time.Millisecond)))
}

func (d *decoder) stop(s *Scenario, _ *Step, n *yaml.Node) Action { return Stop{d.nodes(n, s)} }
