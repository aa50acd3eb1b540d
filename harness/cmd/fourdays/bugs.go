package main

import (
	"bytes"
	"fmt"
	"strings"
	"text/tabwriter"

	"fourdays/storage/catalog"
)

type bugsCmd struct {
	List listCmd `cmd:"" default:"1" help:"List the catalogue (the default)."`
	Show showCmd `cmd:"" help:"Print one bug with its evidence, as its file has it."`
}

type listCmd struct{}

// Run lists the catalogue.
func (listCmd) Run(a *app) error {
	var b bytes.Buffer
	tw := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, bug := range catalog.All() {
		fmt.Fprintf(tw, "%s\t%s\t%s\n", bug.ID, bug.Evidence.Label, bug.Title)
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	_, err := a.out.Write(b.Bytes())
	return err
}

type showCmd struct {
	ID string `arg:"" help:"The bug's ID, as fourdays bugs lists it."`
}

// Run prints one bug.
func (c *showCmd) Run(a *app) error {
	source, ok := catalog.Source(c.ID)
	if !ok {
		var ids []string
		for _, bug := range catalog.All() {
			ids = append(ids, bug.ID)
		}
		return fail(exitUsage, "there is no bug %q; want one of %s", c.ID, strings.Join(ids, ", "))
	}
	_, err := a.out.Write(source)
	return err
}
