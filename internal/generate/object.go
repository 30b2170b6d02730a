package generate

import (
	"encoding/json"
	"slices"
	"strconv"
)

// object is a JSON object whose members keep their order, so that a run is repeatable to the byte.
type object []member

type member struct {
	name  string
	value any // what append knows
}

// set replaces a member, or adds it.
func (o *object) set(name string, value any) {
	if i := o.index(name); i >= 0 {
		(*o)[i].value = value
		return
	}
	*o = append(*o, member{name, value})
}

func (o *object) drop(name string) {
	*o = slices.DeleteFunc(*o, func(m member) bool { return m.name == name })
}

func (o *object) index(name string) int {
	return slices.IndexFunc(*o, func(m member) bool { return m.name == name })
}

// raw is JSON text that is written as it stands.
type raw string

// appendJSON writes a value. It does by hand what a run needs a hundred thousand times, and leaves strings to
// encoding/json.
func appendJSON(to []byte, value any) []byte {
	switch v := value.(type) {
	case object:
		to = append(to, '{')
		for i, m := range v {
			if i > 0 {
				to = append(to, ',')
			}
			to = append(appendJSON(to, m.name), ':')
			to = appendJSON(to, m.value)
		}
		return append(to, '}')
	case raw:
		return append(to, v...)
	case int:
		return strconv.AppendInt(to, int64(v), 10)
	case bool:
		return strconv.AppendBool(to, v)
	case string:
		text, _ := json.Marshal(v) // a string always can be
		return append(to, text...)
	default:
		panic("no way to write such a value") // a fault of this package
	}
}
