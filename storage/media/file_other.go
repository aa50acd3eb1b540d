//go:build !linux

package media

import (
	"errors"
	"os"
)

func reserve(*os.File, int64, int64) error { return errors.New("media in a directory need Linux") }

func syncData(f *os.File) error { return f.Sync() }
