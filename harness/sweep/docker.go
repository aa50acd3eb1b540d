package sweep

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// engineWait is how long the container engine may take. Picked.
const engineWait = 20 * time.Second

// The labels of what the container world makes: ours, and whose.
const (
	label        = "fourdays"
	harnessLabel = "fourdays.harness"
)

// What is the same for all runs: the label of images, and how their names begin.
// Images made from ours inherit the label alone.
const (
	imageLabel  = label + "=image"
	imagePrefix = "localhost/fourdays/"
)

// elsewhere says whether the docker command talks to an engine of another machine.
// Runs have theirs on this one, so there is nothing for us, and no process there
// could be looked for here. A command that cannot tell is asked on.
func elsewhere(ctx context.Context) bool {
	host, err := docker(ctx, "context", "inspect", "--format", "{{.Endpoints.docker.Host}}")
	return err == nil && len(host) == 1 && strings.Contains(host[0], "://") && !strings.HasPrefix(host[0], "unix://")
}

// docker runs the docker command. Where there is none, there is nothing.
func docker(ctx context.Context, args ...string) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, engineWait)
	defer cancel()
	out, err := exec.CommandContext(ctx, "docker", args...).CombinedOutput()
	text := strings.TrimSpace(string(out))
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return nil, nil
	case err != nil && noEngine(text):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("docker %s: %w: %s", args[0], err, text)
	case text == "":
		return nil, nil
	}
	return strings.Split(text, "\n"), nil
}

// refusals are what the command says when there is nothing that it could talk to,
// or this user may not: then there are no containers of his either.
var refusals = []string{"Cannot connect to the Docker daemon", "failed to connect to the docker API", "permission denied while trying to connect"}

func noEngine(text string) bool {
	return slices.ContainsFunc(refusals, func(r string) bool { return strings.Contains(text, r) })
}

// labelled lists things with our label: the ID, the mark of the harness and the
// name of each.
func labelled(ctx context.Context, what string, list, remove []string) ([]leftover, error) {
	if elsewhere(ctx) {
		return nil, nil
	}
	format := `{{.ID}};{{.Label "` + harnessLabel + `"}};{{.` + map[bool]string{true: "Names", false: "Name"}[what == "container"] + `}}`
	lines, err := docker(ctx, append(list, "--filter", "label="+label, "--format", format)...)
	var all []leftover
	for _, line := range lines {
		id, rest, _ := strings.Cut(line, ";")
		mark, name, _ := strings.Cut(rest, ";")
		all = append(all, marked(mark, what+" "+name, func(ctx context.Context) error {
			_, err := docker(ctx, append(slices.Clone(remove), id)...)
			return err
		})...)
	}
	return all, err
}

func containers(ctx context.Context) ([]leftover, error) {
	return labelled(ctx, "container", []string{"ps", "-a", "--no-trunc"}, []string{"rm", "-f", "-v"})
}

func networks(ctx context.Context) ([]leftover, error) {
	return labelled(ctx, "network", []string{"network", "ls", "--no-trunc"}, []string{"network", "rm"})
}

// images are kept from one run to the next, so they are left over only while no
// run is there: each has a network from its start, and containers. What an image
// is used for otherwise, the engine knows. To make one anew takes a second.
func images(ctx context.Context) ([]leftover, error) {
	if elsewhere(ctx) {
		return nil, nil
	}
	for _, list := range [][]string{{"ps", "-aq"}, {"network", "ls", "-q"}} {
		if used, err := docker(ctx, append(list, "--filter", "label="+label)...); err != nil || len(used) > 0 {
			return nil, err
		}
	}
	lines, err := docker(ctx, "image", "ls", "--filter", "label="+imageLabel, "--format", "{{.Repository}}:{{.Tag}}")
	var all []leftover
	for _, name := range lines {
		if strings.HasPrefix(name, imagePrefix) {
			all = append(all, leftover{"image " + name, func(ctx context.Context) error {
				_, err := docker(ctx, "image", "rm", name)
				return err
			}})
		}
	}
	return all, err
}
