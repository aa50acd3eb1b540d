package docker

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
)

// imageName begins with a registry on this machine, where nobody listens: an
// engine that misses the image cannot be sent to look for it elsewhere.
const imageName = "localhost/fourdays/"

// dockerfile makes an image of one static program. No base is pulled.
const dockerfile = `FROM scratch
COPY program /program
ENTRYPOINT ["/program"]
`

// imageAge is when an image that nobody uses is removed: a program that is
// worked on leaves one for every build. Picked.
const imageAge = 24 * time.Hour

// image makes an image of a static program, unless the engine has it, and
// returns its name. log takes what the engine says about it; it may be nil.
func (e *engine) image(ctx context.Context, program, path string, log io.Writer) (string, error) {
	binary, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("make image: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, buildTimeout)
	defer cancel()
	sum := sha256.Sum256(append([]byte(dockerfile), binary...))
	repo, tag := imageName+program, hex.EncodeToString(sum[:8])
	if _, err = e.api.ImageInspect(ctx, repo+":"+tag); err == nil {
		return repo + ":" + tag, nil
	}
	if !errdefs.IsNotFound(err) {
		return "", fmt.Errorf("look for image %s: %w", repo, err)
	}
	files, err := archive([]file{{"Dockerfile", 0o644, []byte(dockerfile)}, {"program", 0o755, binary}})
	if err != nil {
		return "", fmt.Errorf("make image: %w", err)
	}
	return e.build(ctx, repo, tag, files, log)
}

func (e *engine) build(ctx context.Context, repo, tag string, files []byte, log io.Writer) (string, error) {
	name, err := e.provider.BuildImage(ctx, &testcontainers.ContainerRequest{FromDockerfile: testcontainers.FromDockerfile{
		ContextArchive: bytes.NewReader(files), Repo: repo, Tag: tag, KeepImage: true, BuildLogWriter: log,
		BuildOptionsModifier: func(o *client.ImageBuildOptions) {
			o.Labels = map[string]string{runLabel: sharedRun}
			o.ForceRemove, o.NoCache, o.PullParent = true, true, false
		},
	}})
	if err != nil {
		return "", fmt.Errorf("make image %s: %w", repo, err)
	}
	return name, nil
}

// file is one of an archive.
type file struct {
	name string
	mode int64
	data []byte
}

// archive is what the engine makes an image from.
func archive(files []file) ([]byte, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range files {
		if err := w.WriteHeader(&tar.Header{Name: f.name, Mode: f.mode, Size: int64(len(f.data))}); err != nil {
			return nil, err
		}
		if _, err := w.Write(f.data); err != nil {
			return nil, err
		}
	}
	return b.Bytes(), w.Close()
}

// forgetImages removes images of programs that have changed since. The engine
// keeps those that a container uses.
func (e *engine) forgetImages(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	old, err := e.api.ImageList(ctx, client.ImageListOptions{Filters: ofRun(sharedRun)})
	if err != nil {
		return fmt.Errorf("list images: %w", err)
	}
	for _, image := range old.Items {
		if time.Since(time.Unix(image.Created, 0)) <= imageAge {
			continue
		}
		for _, name := range image.RepoTags {
			if strings.HasPrefix(name, imageName) { // else somebody made it of one of ours
				_, _ = e.api.ImageRemove(ctx, name, client.ImageRemoveOptions{PruneChildren: true})
			}
		}
	}
	return nil
}
