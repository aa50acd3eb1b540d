package main

import (
	"errors"
	"fmt"
	"net"
	"strings"
)

// target is where the faces of a node are.
type target struct{ lmtp, imap, admin string }

func parseTargets(text string) (map[string]target, error) {
	targets := map[string]target{}
	for _, part := range strings.Split(text, ";") {
		name, faces, ok := strings.Cut(part, "=")
		addresses := strings.Split(faces, ",")
		if !ok || name == "" || len(addresses) != 3 {
			return nil, fmt.Errorf("parse nodes: %q is not name=LMTP,IMAP,ADMIN", part)
		}
		if _, twice := targets[name]; twice {
			return nil, fmt.Errorf("parse nodes: %s is there twice", name)
		}
		var errs []error
		for _, a := range addresses {
			_, _, err := net.SplitHostPort(a)
			errs = append(errs, err)
		}
		if err := errors.Join(errs...); err != nil {
			return nil, fmt.Errorf("parse nodes: %s: %w", name, err)
		}
		targets[name] = target{addresses[0], addresses[1], addresses[2]}
	}
	return targets, nil
}
