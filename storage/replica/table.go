package replica

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

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
func checkTables(opt badger.Options) error {
	manifest, err := readManifest(opt)
	if err != nil {
		return nil
	}
	for id := range manifest.Tables {
		name := table.NewFilename(id, opt.Dir)
		if err := checkTable(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("table %s: %w", filepath.Base(name), err)
		}
	}
	return nil
}

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

// checkTable does with a table what Badger will do, where a panic can be caught.
func checkTable(name string) (err error) {
	content, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	defer func() {
		if p := recover(); p != nil { // what Badger says then is a dump of the table
			err = fmt.Errorf("cannot be read: %w", ErrDamaged)
		}
	}()
	t, err := table.OpenInMemoryTable(content, 0, &table.Options{ReadOnly: true})
	if err != nil {
		return err
	}
	return t.VerifyChecksum()
}
