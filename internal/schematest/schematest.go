// Package schematest makes folders of schemas for tests: the embedded ones, and others beside them.
package schematest

import (
	"io/fs"
	"testing"
	"testing/fstest"

	"event-processor/schemas"
)

// With is the embedded schemas with these files beside them, or in their place. An empty text takes a file away.
func With(tb testing.TB, others map[string]string) fstest.MapFS {
	tb.Helper()
	all := fstest.MapFS{}
	err := fs.WalkDir(schemas.Files, ".", func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := fs.ReadFile(schemas.Files, file)
		all[file] = &fstest.MapFile{Data: text}
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	for file, text := range others {
		if text == "" {
			delete(all, file)
			continue
		}
		all[file] = &fstest.MapFile{Data: []byte(text)}
	}
	return all
}
