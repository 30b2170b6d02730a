package decode

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
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

func compileAll() (schemaSet, error) {
	compiler := jsonschema.NewCompiler()
	compiler.Draft = jsonschema.Draft2020
	compiler.AssertFormat = true
	compiler.LoadURL = func(url string) (io.ReadCloser, error) { // no $ref opens a file or a socket
		return nil, errors.New("schemas refer only to one another, not to " + url)
	}
	files, err := fs.Glob(schemas.Files, "payloads/*/*.json")
	if err != nil {
		return schemaSet{}, err
	}
	for _, file := range append(files, "event-schema.json") {
		text, err := schemas.Files.Open(file)
		if err != nil {
			return schemaSet{}, err
		}
		if err := compiler.AddResource(file, text); err != nil {
			return schemaSet{}, fmt.Errorf("read schema %s: %w", file, err)
		}
	}
	set := schemaSet{payloads: map[version]schema{}}
	if set.envelope, err = compile(compiler, "event-schema.json"); err != nil {
		return schemaSet{}, err
	}
	for _, file := range files {
		v := version{path.Base(path.Dir(file)), strings.TrimSuffix(path.Base(file), ".json")}
		if set.payloads[v], err = compile(compiler, file); err != nil {
			return schemaSet{}, err
		}
	}
	return set, nil
}

func compile(compiler *jsonschema.Compiler, file string) (schema, error) {
	compiled, err := compiler.Compile(file)
	if err != nil {
		return schema{}, fmt.Errorf("compile schema %s: %w", file, err)
	}
	return schema{compiled, planOf(compiled)}, nil
}

// validate checks a document against the envelope's schema and the schema of its type and version, and returns
// the payload. What the plans do not accept at once is read whole and shown to the library. The error is an
// *event.Rejection.
func (s schemaSet) validate(body string, doc any) (map[string]any, error) {
	if s.envelope.plan.accepts(doc) {
		envelope := doc.(map[string]any)
		payload, err := s.payloadSchema(envelope)
		if err != nil {
			return nil, err
		}
		if payload.plan.accepts(envelope["payload"]) {
			return envelope["payload"].(map[string]any), nil
		}
	}
	return s.validateWhole(body)
}

func (s schemaSet) validateWhole(body string) (map[string]any, error) {
	doc, err := parse(body, whole)
	if err != nil {
		return nil, event.Reject(event.MalformedJSON, err.Error())
	}
	if err := s.envelope.Validate(doc.value); err != nil {
		return nil, event.Reject(event.SchemaViolation, summary(violations(err, "")))
	}
	envelope := doc.value.(map[string]any)
	payload, err := s.payloadSchema(envelope)
	if err != nil {
		return nil, err
	}
	if err := payload.Validate(envelope["payload"]); err != nil {
		return nil, event.Reject(event.SchemaViolation, summary(violations(err, "/payload")))
	}
	return envelope["payload"].(map[string]any), nil
}

func (s schemaSet) payloadSchema(envelope map[string]any) (schema, error) {
	v := version{envelope["eventType"].(string), envelope["version"].(string)}
	found, ok := s.payloads[v]
	if !ok {
		return schema{}, event.Reject(event.UnknownEventVersion, "no version "+v.version+" of "+v.eventType)
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
