package sweep

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"time"

	"fourdays/harness/live"
)

// engineWait is how long the container engine may take. Picked.
const engineWait = 20 * time.Second

// The labels of what the container world makes: ours, and whose.
const (
	label        = "fourdays"
	harnessLabel = "fourdays.harness"
)

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
func labelled(ctx context.Context, mine func(mark string) bool, what string, list, remove []string) ([]leftover, error) {
	format := `{{.ID}};{{.Label "` + harnessLabel + `"}};{{.` + map[bool]string{true: "Names", false: "Name"}[what == "container"] + `}}`
	lines, err := docker(ctx, append(list, "--filter", "label="+label, "--format", format)...)
	var all []leftover
	for _, line := range lines {
		id, rest, _ := strings.Cut(line, ";")
		mark, name, _ := strings.Cut(rest, ";")
		if mine(mark) {
			all = append(all, leftover{what + " " + name + ", whose harness is gone", func(ctx context.Context) error {
				_, err := docker(ctx, append(remove, id)...)
				return err
			}})
		}
	}
	return all, err
}

func gone(mark string) bool { return !live.Alive(mark) }

func containers(ctx context.Context) ([]leftover, error) {
	return labelled(ctx, gone, "container", []string{"ps", "-a", "--no-trunc"}, []string{"rm", "-f", "-v"})
}

func networks(ctx context.Context) ([]leftover, error) {
	return labelled(ctx, gone, "network", []string{"network", "ls", "--no-trunc"}, []string{"network", "rm"})
}

// images are kept from one run to the next, so they are left over only while no
// container of ours is there. To make one anew takes a second.
func images(ctx context.Context) ([]leftover, error) {
	used, err := docker(ctx, "ps", "-aq", "--filter", "label="+label)
	if err != nil || len(used) > 0 {
		return nil, err
	}
	lines, err := docker(ctx, "image", "ls", "-a", "--filter", "label="+label, "--format", "{{.ID}};{{.Repository}}:{{.Tag}}")
	var all []leftover
	for _, line := range lines {
		id, name, _ := strings.Cut(line, ";")
		all = append(all, leftover{"image " + name, func(ctx context.Context) error {
			_, err := docker(ctx, "image", "rm", "-f", id)
			return err
		}})
	}
	return all, err
}
