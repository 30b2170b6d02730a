package decode

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v5"
)

// A keyword holds no schema, one or a list of them, or one for each name.
const (
	holdsNone = iota
	holdsSome
	holdsNamed
)

// keywords are those of draft 2020-12, and of the drafts before it that $schema may name.
var keywords = func() map[string]int {
	all := map[string]int{}
	for holds, names := range map[int]string{
		holdsNone: `$schema $vocabulary $id id $ref $anchor $dynamicRef $dynamicAnchor $recursiveRef $recursiveAnchor $comment
			type enum const multipleOf maximum exclusiveMaximum minimum exclusiveMinimum maxLength minLength pattern
			maxItems minItems uniqueItems maxContains minContains maxProperties minProperties required dependentRequired
			format contentEncoding contentMediaType title description default deprecated readOnly writeOnly examples`,
		holdsSome: `allOf anyOf oneOf not if then else prefixItems items additionalItems contains unevaluatedItems
			additionalProperties propertyNames unevaluatedProperties contentSchema`,
		holdsNamed: `$defs definitions properties patternProperties dependentSchemas dependencies`,
	} {
		for _, name := range strings.Fields(names) {
			all[name] = holds
		}
	}
	return all
}()

// idle lists what stands in a schema and can never fail, or never match, although the library compiles it: a
// format or a keyword that it does not know, an enum without members.
func idle(schema any) (faults []error) {
	fault := func(pointer, format string, args ...any) {
		faults = append(faults, fmt.Errorf("%s: "+format, append([]any{pointer}, args...)...))
	}
	var walk func(pointer string, schema any)
	walk = func(pointer string, schema any) {
		object, _ := schema.(map[string]any) // true and false are schemas, too, and dependencies may be names
		for _, keyword := range slices.Sorted(maps.Keys(object)) {
			value, at := object[keyword], pointer+"/"+escape(keyword)
			holds, known := keywords[keyword]
			switch {
			case !known && !strings.HasPrefix(keyword, "x-"):
				fault(at, "no keyword of JSON Schema, so it would check nothing; names of one's own begin with x-")
			case holds == holdsSome:
				if list, ok := value.([]any); ok {
					for i, one := range list {
						walk(at+"/"+strconv.Itoa(i), one)
					}
					continue
				}
				walk(at, value)
			case holds == holdsNamed:
				members, _ := value.(map[string]any)
				for _, name := range slices.Sorted(maps.Keys(members)) {
					walk(at+"/"+escape(name), members[name])
				}
			case keyword == "format":
				if name, ok := value.(string); ok && jsonschema.Formats[name] == nil {
					fault(at, "no format %q, so it would check nothing; there are %s", name,
						strings.Join(slices.Sorted(maps.Keys(jsonschema.Formats)), ", "))
				}
			case keyword == "enum":
				if list, ok := value.([]any); ok && len(list) == 0 {
					fault(at, "no member, so nothing could match; list what is allowed, or leave it out")
				}
			}
		}
	}
	walk("", schema)
	return faults
}

// escape writes a name as a part of a JSON pointer.
func escape(name string) string { return pointerEscapes.Replace(name) }

var pointerEscapes = strings.NewReplacer("~", "~0", "/", "~1")
