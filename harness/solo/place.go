package solo

import (
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
)

// homes are the folders in which sockets may be, the preferred one first.
func homes() []string {
	var all []string
	if dir := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) {
		all = append(all, filepath.Join(dir, "fourdays"))
	}
	return append(all, filepath.Join(os.TempDir(), "fourdays-"+strconv.Itoa(os.Getuid())))
}

var unsafe = regexp.MustCompile(`[^A-Za-z0-9.-]+`)

// label is what files about a directory are called: short, as a socket's path
// must be, and another one for every directory.
func label(dir string) string {
	h := fnv.New64a()
	h.Write([]byte(dir))
	base := unsafe.ReplaceAllString(filepath.Base(dir), "_")
	return fmt.Sprintf("%.24s-%012x", base, h.Sum64()&(1<<48-1))
}

// mostLinks is how many links Real follows from one to the next, as the kernel.
const mostLinks = 40

// Real is a directory's path without links. The mount on it is never asked, for
// it may be dead, or hang. So this is not EvalSymlinks, which looks at the last
// element: to read a link takes no answer from a mount, to look at a file does.
func Real(dir string) (string, error) {
	abs, err := absolute(dir)
	for range mostLinks {
		if err != nil {
			return dir, err
		}
		parent, missing := filepath.EvalSymlinks(filepath.Dir(abs))
		if missing != nil {
			return abs, nil
		}
		abs = filepath.Join(parent, filepath.Base(abs))
		to, err := os.Readlink(abs)
		if err != nil {
			return abs, nil
		}
		if abs = filepath.Clean(to); !filepath.IsAbs(to) {
			abs = filepath.Join(parent, to)
		}
	}
	return dir, syscall.ELOOP
}

// absolute is as filepath.Abs, which looks at the working directory: that may be
// the mount.
func absolute(dir string) (string, error) {
	if filepath.IsAbs(dir) {
		return filepath.Clean(dir), nil
	}
	wd, err := syscall.Getwd()
	return filepath.Join(wd, dir), err
}

// longestSocket is how long the path of a socket may be: sun_path of unix(7).
const longestSocket = 107

// Place makes the folder for the files of a mount that is to be at dir, and
// returns the path of its socket and of its log.
func Place(dir string) (socket, log string, err error) {
	for _, home := range homes() {
		path := filepath.Join(home, label(dir))
		if socket = path + ".sock"; len(socket) > longestSocket {
			err = fmt.Errorf("%s is too long for the path of a socket", socket)
			continue
		}
		if err = makePrivate(home); err == nil {
			return socket, path + ".log", nil
		}
	}
	return "", "", err
}

func makePrivate(dir string) error {
	err := os.Mkdir(dir, 0o700)
	if err == nil || os.IsExist(err) {
		err = private(dir)
	}
	if err != nil {
		return fmt.Errorf("make folder for sockets: %w", err)
	}
	return nil
}

// private makes sure that nobody else can look into a folder, or has made it for
// us.
func private(dir string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !info.IsDir() || info.Mode().Perm()&0o077 != 0 || !ok || int(owner.Uid) != os.Getuid() {
		return fmt.Errorf("%s is not a folder of ours alone: remove it, or set XDG_RUNTIME_DIR", dir)
	}
	return nil
}

// Find is the socket of what is mounted at dir, or "" if there is none.
func Find(dir string) string {
	for _, path := range Sockets() {
		if filepath.Base(path) == label(dir)+".sock" {
			return path
		}
	}
	return ""
}

// Sockets lists all sockets of this user's mounts, answered or not.
func Sockets() []string { return listed("*.sock") }

// Begun is how the logs of mounts are called that are not ready yet. Begun, and
// not ended, by whoever was killed meanwhile, they are left over.
const Begun = "*.new"

// Logs lists the logs of mounts that are not ready yet.
func Logs() []string { return listed(Begun) }

func listed(glob string) []string {
	var all []string
	for _, home := range homes() {
		if private(home) == nil {
			found, _ := filepath.Glob(filepath.Join(home, glob))
			all = append(all, found...)
		}
	}
	return all
}

// Forget removes a socket that nobody answers any more, and the log beside it.
func Forget(socket string) error {
	_ = os.Remove(strings.TrimSuffix(socket, ".sock") + ".log") // there may be none
	return os.Remove(socket)
}
