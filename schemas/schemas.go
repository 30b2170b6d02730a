// Package schemas embeds the JSON Schemas (draft 2020-12) of events, and says which there are: event-schema.json for
// the envelope and payloads/<eventType>/<version>.json. A new version is a new file, a new type a new folder and
// its name in the envelope: no other list of either exists.
package schemas

import (
	"cmp"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Files are the schemas, by their paths in this folder.
//
//go:embed event-schema.json payloads
var Files embed.FS

// Envelope is the file of the envelope's schema.
const Envelope = "event-schema.json"

// Index is what a folder of schemas holds.
type Index struct {
	Types    []string  // in the order of the envelope's eventType
	Payloads []Payload // in the order of the types, of each the oldest version first
}

// Payload is the schema of one version of a type's payload.
type Payload struct{ Type, Version, File string }

// Types are the event types, in the order in which the envelope lists them. The list is not to be changed.
func Types() []string { return embedded().Types }

// embedded panics where the embedded files are not in order: every test of this repository that needs them says so.
var embedded = sync.OnceValue(func() Index {
	index, err := Read(Files)
	if err != nil {
		panic("the embedded schemas:\n" + err.Error())
	}
	return index
})

var (
	typeName    = regexp.MustCompile(`^[A-Za-z0-9_-]{1,100}$`) // a folder, and a word in logs
	versionName = regexp.MustCompile(`^(0|[1-9][0-9]{0,4})\.(0|[1-9][0-9]{0,4})$`)
)

// Read lists the schemas in a folder. The error names everything there that no event could ever match: a file that
// is no version, a folder that is no type and a type without a folder. The index holds the rest all the same.
func Read(files fs.FS) (Index, error) {
	types, err := readTypes(files)
	index := Index{Types: types}
	faults := []error{err}
	strange := map[string]bool{} // folders
	err = fs.WalkDir(files, "payloads", func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		folder, name := path.Split(strings.TrimPrefix(file, "payloads/"))
		eventType, version := strings.TrimSuffix(folder, "/"), strings.TrimSuffix(name, ".json")
		switch {
		case !strings.HasSuffix(name, ".json") || !versionName.MatchString(version):
			faults = append(faults, fmt.Errorf("payloads/%s%s: no event's version is this; a payload's schema is named MAJOR.MINOR.json, such as 1.0.json", folder, name))
		case slices.Contains(types, eventType):
			index.Payloads = append(index.Payloads, Payload{eventType, version, file})
		case !strange[folder] && len(types) > 0:
			strange[folder] = true
			faults = append(faults, fmt.Errorf("payloads/%s: the eventType of %s does not name %q; it names %s", folder, Envelope, eventType, strings.Join(types, ", ")))
		}
		return nil
	})
	faults = append(faults, err)
	for _, t := range types {
		if !slices.ContainsFunc(index.Payloads, func(p Payload) bool { return p.Type == t }) {
			faults = append(faults, fmt.Errorf("%s: %s: %q has no schema; it needs payloads/%s/1.0.json, or another version", Envelope, enum, t, t))
		}
	}
	slices.SortFunc(index.Payloads, func(a, b Payload) int {
		return cmp.Or(cmp.Compare(slices.Index(types, a.Type), slices.Index(types, b.Type)), byVersion(a.Version, b.Version))
	})
	return index, errors.Join(faults...)
}

// enum is where the envelope lists the types.
const enum = "/properties/eventType/enum"

func readTypes(files fs.FS) ([]string, error) {
	text, err := fs.ReadFile(files, Envelope)
	if err != nil {
		return nil, err
	}
	var envelope struct {
		Properties struct{ EventType struct{ Enum []any } }
	}
	if err := json.Unmarshal(text, &envelope); err != nil {
		return nil, fmt.Errorf("%s: %w", Envelope, err)
	}
	var types []string
	var faults []error
	for _, value := range envelope.Properties.EventType.Enum {
		name, isText := value.(string)
		switch {
		case !isText || !typeName.MatchString(name):
			faults = append(faults, fmt.Errorf("%s: %s: %#v cannot be a folder's name; a type is 1–100 of A–Z, a–z, 0–9, _ and -", Envelope, enum, value))
		case slices.Contains(types, name):
			faults = append(faults, fmt.Errorf("%s: %s: %q stands there twice", Envelope, enum, name))
		default:
			types = append(types, name)
		}
	}
	if len(types) == 0 {
		faults = append(faults, fmt.Errorf("%s: %s: the event types must be listed there", Envelope, enum))
	}
	return types, errors.Join(faults...)
}

// byVersion compares numbers as numbers: 1.10 comes after 1.9.
func byVersion(a, b string) int {
	number := func(v string, part int) int { n, _ := strconv.Atoi(strings.Split(v, ".")[part]); return n }
	return cmp.Or(cmp.Compare(number(a, 0), number(b, 0)), cmp.Compare(number(a, 1), number(b, 1)))
}
