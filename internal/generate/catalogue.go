package generate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"

	"event-processor/schemas"
)

// catalogue says which event types there are, by the schemas, and how the payloads of each are made.
type catalogue struct {
	types   []string
	recipes map[string]recipe // of the types that can be made
	newest  map[string]string // version of each type
}

// recipe makes the payloads of a type in one version.
type recipe struct {
	version string
	make    func(*rand.Rand) object
	asIs    bool // what is made has a place for nothing more: its schema may be closed
}

// byHand are recipes that say enough to pass their schemas, and more: these payloads are open. Any other type is made
// of the examples that its schema gives.
var byHand = map[string]recipe{
	"monitoring":  {version: "1.0", make: monitoring},
	"user_action": {version: "1.0", make: userAction},
	"transaction": {version: "1.0", make: transaction},
	"integration": {version: "1.0", make: integration},
}

var embedded = sync.OnceValue(func() *catalogue {
	c, err := catalogueOf(schemas.Files)
	if err != nil {
		panic("the embedded schemas:\n" + err.Error()) // a test of the decoder says so, too
	}
	return c
})

func catalogueOf(files fs.FS) (*catalogue, error) {
	index, err := schemas.Read(files)
	if err != nil {
		return nil, err
	}
	c := &catalogue{types: index.Types, recipes: map[string]recipe{}, newest: map[string]string{}}
	for _, p := range index.Payloads { // of each type the oldest first
		c.newest[p.Type] = p.Version
		if r, ok := byHand[p.Type]; ok && r.version == p.Version {
			c.recipes[p.Type] = r
		}
		if r, ok := c.recipes[p.Type]; ok && !r.asIs {
			continue
		}
		examples, err := examplesIn(files, p.File)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.File, err)
		}
		if len(examples) > 0 {
			c.recipes[p.Type] = recipe{p.Version, func(rng *rand.Rand) object { return slices.Clone(examples[rng.IntN(len(examples))]) }, true}
		}
	}
	return c, nil
}

// examplesIn are the payloads that a schema gives as its examples.
func examplesIn(files fs.FS, file string) ([]object, error) {
	text, err := fs.ReadFile(files, file)
	if err != nil {
		return nil, err
	}
	var schema struct{ Examples []json.RawMessage }
	if err := json.Unmarshal(text, &schema); err != nil {
		return nil, err
	}
	var examples []object
	for _, example := range schema.Examples {
		if o, err := readObject(example); err == nil && len(o) > 0 { // nothing else is a payload
			examples = append(examples, o)
		}
	}
	return examples, nil
}

// readObject reads an object with its members in their order, and their values as they stand there.
func readObject(text []byte) (object, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	if token, err := d.Token(); err != nil || token != json.Delim('{') {
		return nil, fmt.Errorf("not an object: %v", token)
	}
	var o object
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, err
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, err
		}
		var compact bytes.Buffer
		if err := json.Compact(&compact, value); err != nil {
			return nil, err
		}
		o = append(o, member{name.(string), raw(compact.String())})
	}
	return o, nil
}

// check says why a type cannot be sent, "" where it can.
func (c *catalogue) check(eventType string) string {
	if !slices.Contains(c.types, eventType) {
		return clip(eventType) + " is not an event type; they are " + strings.Join(c.types, ", ")
	}
	if _, ok := c.recipes[eventType]; !ok {
		return fmt.Sprintf("nobody has said what a payload of %s is like; put some into the examples of schemas/payloads/%s/%s.json, or send your own as events",
			eventType, eventType, c.newest[eventType])
	}
	return ""
}

// beyond lists the types that can be made and are not among these.
func (c *catalogue) beyond(types []string) []string {
	var others []string
	for _, t := range c.types {
		if _, ok := c.recipes[t]; ok && !slices.Contains(types, t) {
			others = append(others, t)
		}
	}
	return others
}
