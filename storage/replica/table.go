package replica

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/table"
)

// checkTables looks at the tables of a volume before Badger does. Badger opens
// them in goroutines of its own, and panics there over a table whose end is zeroed
// or torn (v4.9.6, Table.initBiggestAndSmallest): nobody can catch that, and the
// process would end, again and again, before it could say what is wrong. Which
// files count says the manifest; one that cannot be read is for Badger to refuse,
// and so is a table that is not there. Nothing is mapped: what an open that failed
// leaves mapped is still known to the simulator when its memory is another's.
//
// A table whose index is whole can be opened, whatever its blocks are: those of
// which a block does not match its checksum, reading after reading, are rotten.
func checkTables(opt badger.Options) (rotten []string, err error) {
	manifest, err := readManifest(opt)
	if err != nil {
		return nil, nil
	}
	for _, id := range slices.Sorted(maps.Keys(manifest.Tables)) {
		name := table.NewFilename(id, opt.Dir)
		err := checkTable(name)
		switch base := filepath.Base(name); {
		case err == nil || errors.Is(err, fs.ErrNotExist):
		case errors.Is(err, errRotten):
			rotten = append(rotten, base)
		default:
			return nil, fmt.Errorf("table %s: %w", base, err)
		}
	}
	return rotten, nil
}

// errRotten is for a table that can be opened and holds something else than what
// was written.
var errRotten = fmt.Errorf("a block does not match its checksum: %w", ErrDamaged)

func readManifest(opt badger.Options) (m badger.Manifest, err error) {
	defer catch(&err)
	file, err := os.Open(filepath.Join(opt.Dir, badger.ManifestFilename))
	if err != nil {
		return m, err
	}
	defer file.Close()
	m, _, err = badger.ReplayManifestFile(file, opt.ExternalMagicVersion, opt)
	return m, err
}

// errUnsteady is for a table that is not the same twice: the next reading may be
// right.
var errUnsteady = errors.New("it was read twice, and differed; no checksum matched")

// checkTable does with a table what Badger will do, where a panic can be caught.
func checkTable(name string) (err error) {
	content, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	if err = openTable(content); !errors.Is(err, errRotten) {
		return err
	}
	again, failed := os.ReadFile(name)
	if failed != nil || !bytes.Equal(content, again) {
		return errUnsteady
	}
	return err
}

func openTable(content []byte) (err error) {
	defer func() {
		if p := recover(); p != nil { // what Badger says then is a dump of the table
			err = fmt.Errorf("cannot be read: %w", ErrDamaged)
		}
	}()
	t, err := table.OpenInMemoryTable(content, 0, &table.Options{ReadOnly: true})
	if err != nil {
		return err
	}
	if err := t.VerifyChecksum(); err != nil {
		return fmt.Errorf("%w: %w", errRotten, err)
	}
	return nil
}
