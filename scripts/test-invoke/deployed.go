package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"event-processor/internal/dynamo"
	"event-processor/internal/generate"
	"event-processor/internal/stack"
)

// functions are those of the deployed stack, with tables of their own for as long as this program runs.
type functions struct {
	settings settings
	endpoint string
	tables   []*dynamo.Table
}

// settings are the environment variables of each function, by its name in template.yaml.
type settings map[string]map[string]string

// deployed reads from the deployed functions what they are set to: the expressions in template.yaml (!Ref EventsTable)
// have no values outside a cloud. Events and clients are kept in tables beside the stack's, with the sample clients in
// them and nothing else, so that no answer depends on what somebody did to the stack's.
func deployed(ctx context.Context) (*functions, error) {
	d, err := stack.Open(ctx)
	if err != nil {
		return nil, err
	}
	if d.Config.BaseEndpoint == nil {
		return nil, errors.New("AWS_ENDPOINT_URL is not set: golden events are for a local cloud only")
	}
	f := &functions{settings: settings{}, endpoint: *d.Config.BaseEndpoint}
	for name, function := range map[string]string{processor: d.Processor, producer: d.Producer, health: d.Health} {
		if f.settings[name], err = d.Settings(ctx, function); err != nil {
			return nil, err
		}
	}
	db := dynamo.Open(d.Config, 1)
	for setting, table := range map[string]string{"EVENTS_TABLE": d.EventsTable, "CLIENTS_TABLE": d.ClientsTable} {
		own := table + "-golden"
		f.tables = append(f.tables, dynamo.NewTable(db, own))
		if err := f.tables[len(f.tables)-1].CreateLike(ctx, table); err != nil {
			f.close(ctx)
			return nil, err
		}
		for _, name := range []string{processor, producer} { // the health function looks at the stack's own
			if f.settings[name][setting] != "" {
				f.settings[name][setting] = own
			}
		}
	}
	if _, err := dynamo.NewClients(db, d.ClientsTable+"-golden").CreateMissing(ctx, generate.Clients()); err != nil {
		f.close(ctx)
		return nil, err
	}
	return f, nil
}

// close deletes the tables, even where the program was interrupted.
func (f *functions) close(ctx context.Context) {
	for _, t := range f.tables {
		if err := t.Delete(context.WithoutCancel(ctx)); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
}
