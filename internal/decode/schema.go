package decode

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/url"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v5"

	"event-processor/internal/event"
	"event-processor/schemas"
)

// schemaSet holds the compiled schemas.
type schemaSet struct {
	envelope schema
	payloads map[version]schema
}

// schema is one that the library compiled, and its plan.
type schema struct {
	*jsonschema.Schema
	plan *plan
}

// version names the schema of a payload.
type version struct{ eventType, version string }

// home is where a schema is that does not say where by its $id: its path follows.
const home = "https://event-processor.example/"

// compileAll compiles every schema in a folder. The error names everything that is wrong with any of them.
func compileAll(files fs.FS) (schemaSet, error) {
	index, err := schemas.Read(files)
	faults := []error{err}
	s := sources{texts: map[string]string{}, urls: map[string]string{}, files: map[string]string{}}
	all := []string{schemas.Envelope}
	for _, p := range index.Payloads {
		all = append(all, p.File)
	}
	for _, file := range all {
		for _, err := range s.add(files, file) {
			faults = append(faults, fmt.Errorf("%s: %w", file, err))
		}
	}
	s.nameNeighbours()
	compiler := jsonschema.NewCompiler()
	compiler.Draft = jsonschema.Draft2020
	compiler.AssertFormat = true
	compiler.LoadURL = s.load
	compile := func(file string) (compiled schema) {
		url, readable := s.urls[file]
		if !readable {
			return schema{}
		}
		if compiled.Schema, err = compiler.Compile(url); err != nil {
			if within := (*jsonschema.SchemaError)(nil); errors.As(err, &within) {
				err = within.Err // without the URL, which is the file's
			}
			faults = append(faults, fmt.Errorf("%s: %w", file, err))
			return schema{}
		}
		compiled.plan = planOf(compiled.Schema)
		return compiled
	}
	set := schemaSet{envelope: compile(schemas.Envelope), payloads: map[version]schema{}}
	for _, p := range index.Payloads {
		set.payloads[version{p.Type, p.Version}] = compile(p.File)
	}
	if err := errors.Join(faults...); err != nil {
		return schemaSet{}, fmt.Errorf("schemas:\n%w", err)
	}
	return set, nil
}

// sources are the texts of the schemas and the names by which these may refer to one another.
type sources struct {
	texts map[string]string // by file
	urls  map[string]string // by file: its $id, or where it is
	files map[string]string // by URL
}

// add reads a file and says what is wrong with it. One that is no JSON gets no name.
func (s *sources) add(files fs.FS, file string) []error {
	text, err := fs.ReadFile(files, file)
	if err != nil {
		return []error{err}
	}
	doc, err := parse(string(text), whole)
	if err == nil && doc.badNumber != nil {
		err = errors.New(doc.badNumber.pointer + ": " + numberLimits)
	}
	if err != nil {
		return []error{err}
	}
	faults := idle(doc.value)
	at := home + file
	object, _ := doc.value.(map[string]any)
	if id, ok := object["$id"].(string); ok {
		if u, err := url.Parse(strings.TrimSuffix(id, "#")); err == nil && u.IsAbs() {
			at = u.String()
		}
	}
	if other, taken := s.files[at]; taken {
		return append(faults, fmt.Errorf("/$id: %s is %s already; each schema has an $id of its own, or none", at, other))
	}
	s.texts[file], s.urls[file], s.files[at] = string(text), at, file
	return faults
}

// nameNeighbours lets every schema call the others by their files, seen from its own, wherever its $id says that it
// is. An $id goes first, and what could mean two files means none.
func (s *sources) nameNeighbours() {
	named := map[string]string{}
	for file, at := range s.urls {
		base, err := url.Parse(at)
		if err != nil {
			continue // add has parsed it
		}
		for other := range s.urls {
			relative, err := filepath.Rel(path.Dir(file), other)
			if err != nil {
				continue // both are below the same folder
			}
			at := base.ResolveReference(&url.URL{Path: filepath.ToSlash(relative)}).String()
			if before, twice := named[at]; twice && before != other {
				other = ""
			}
			named[at] = other
		}
	}
	for at, file := range named {
		if s.files[at] == "" && file != "" {
			s.files[at] = file
		}
	}
}

// load is how the library opens what a schema refers to: never a file nor a socket.
func (s *sources) load(url string) (io.ReadCloser, error) {
	file, ok := s.files[url]
	if !ok {
		return nil, fmt.Errorf("no schema is %s; schemas refer only to one another, and there are %s",
			url, strings.Join(slices.Sorted(maps.Values(s.urls)), ", "))
	}
	return io.NopCloser(strings.NewReader(s.texts[file])), nil
}

// validate checks a document against the envelope's schema and the schema of its type and version, and returns
// what it says. What the plans do not accept at once is read whole and shown to the library. The error is an
// *event.Rejection.
func (s schemaSet) validate(body string, doc any) (content, error) {
	if s.envelope.plan.accepts(doc) {
		c, err := contentOf(doc)
		if err != nil {
			return content{}, err
		}
		payload, err := s.payloadSchema(c)
		if err != nil {
			return content{}, err
		}
		if payload.plan.accepts(c.payload) {
			return c, nil
		}
	}
	return s.validateWhole(body)
}

func (s schemaSet) validateWhole(body string) (content, error) {
	doc, err := parse(body, whole)
	if err != nil {
		return content{}, event.Reject(event.MalformedJSON, err.Error())
	}
	if err := s.envelope.Validate(doc.value); err != nil {
		return content{}, event.Reject(event.SchemaViolation, summary(violations(err, "")))
	}
	c, err := contentOf(doc.value)
	if err != nil {
		return content{}, err
	}
	payload, err := s.payloadSchema(c)
	if err != nil {
		return content{}, err
	}
	if err := payload.Validate(c.payload); err != nil {
		return content{}, event.Reject(event.SchemaViolation, summary(violations(err, "/payload")))
	}
	return c, nil
}

// content is what an event is made of, out of a valid envelope.
type content struct {
	eventType, version, timestamp string
	payload                       map[string]any
}

// contentOf reads a valid envelope. Its schema asks for all of this today; but it is data, and what it lets through
// tomorrow is no reason to panic.
func contentOf(doc any) (c content, err error) {
	envelope, _ := doc.(map[string]any)
	for _, text := range [...]struct {
		name string
		into *string
	}{{"eventType", &c.eventType}, {"version", &c.version}, {"timestamp", &c.timestamp}} {
		var ok bool
		if *text.into, ok = envelope[text.name].(string); !ok {
			return content{}, needed(text.name, "text")
		}
	}
	if c.payload, _ = envelope["payload"].(map[string]any); c.payload == nil {
		return content{}, needed("payload", "object")
	}
	return c, nil
}

// needed rejects what an envelope's schema lets through and nobody can keep.
func needed(name, kind string) error {
	return event.Reject(event.SchemaViolation, "/"+name+": no event can be kept without this "+kind)
}

func (s schemaSet) payloadSchema(c content) (schema, error) {
	found, ok := s.payloads[version{c.eventType, c.version}]
	if !ok {
		return schema{}, event.Reject(event.UnknownEventVersion, "no version "+c.version+" of "+c.eventType)
	}
	return found, nil
}

// Violation is one place in which an event breaks a schema.
type Violation struct {
	Pointer string // JSON pointer into the body, "" for the whole
	Keyword string // of the schema
	Message string // for whoever may see the body: it can hold pieces of it
}

// Violations lists every violation of a body, for a human who looks at it; none where Decode would not say
// schema_violation.
func (d *Decoder) Violations(body string) []Violation {
	doc, err := parse(body, whole)
	if err != nil {
		return nil
	}
	if doc.badNumber != nil {
		return []Violation{{doc.badNumber.pointer, "number", numberLimits}}
	}
	var found []Violation
	if err := d.schemas.envelope.Validate(doc.value); err != nil {
		found = violations(err, "")
	}
	envelope, _ := doc.value.(map[string]any)
	eventType, _ := envelope["eventType"].(string)
	v, _ := envelope["version"].(string)
	if payload, ok := d.schemas.payloads[version{eventType, v}]; ok && envelope["payload"] != nil {
		if err := payload.Validate(envelope["payload"]); err != nil {
			found = append(found, violations(err, "/payload")...)
		}
	}
	return found
}

// violations are the leaves of the validator's tree of errors, in the order of their pointers.
func violations(err error, prefix string) []Violation {
	var root *jsonschema.ValidationError
	if !errors.As(err, &root) {
		return []Violation{{prefix, "", err.Error()}}
	}
	var found []Violation
	var walk func(*jsonschema.ValidationError)
	walk = func(e *jsonschema.ValidationError) {
		if len(e.Causes) == 0 {
			found = append(found, Violation{prefix + e.InstanceLocation, path.Base(e.KeywordLocation), e.Message})
		}
		for _, cause := range e.Causes {
			walk(cause)
		}
	}
	walk(root)
	slices.SortStableFunc(found, func(a, b Violation) int { return strings.Compare(a.Pointer, b.Pointer) })
	return found
}

// maxSummary bounds what a rejection says, in bytes.
const maxSummary = 200

// tellsNothing are the keywords whose messages hold only what the schema says. Others hold pieces of the payload.
var tellsNothing = []string{"required", "type", "enum", "minProperties"}

// summary names the violations by pointer and keyword, without a piece of the payload.
func summary(found []Violation) string {
	var b strings.Builder
	for i, v := range found {
		if i > 0 {
			b.WriteString("; ")
		}
		pointer := v.Pointer
		if pointer == "" {
			pointer = "/"
		}
		b.WriteString(pointer + ": " + v.Keyword)
		if slices.Contains(tellsNothing, v.Keyword) {
			b.WriteString(", " + v.Message)
		}
	}
	return clip(b.String())
}

func clip(s string) string {
	if len(s) > maxSummary {
		return strings.ToValidUTF8(s[:maxSummary], "") + "…"
	}
	return s
}
