package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
)

// The functions as template.yaml names them.
const (
	processor = "ProcessorFunction"
	producer  = "ProducerFunction"
	health    = "HealthFunction"
)

// golden is an event of a function with the answer that it must get.
type golden struct {
	name     string // the file's, with its function's folder: processor/mixed
	function string
	file     string
	want     []byte
}

// find finds the golden events of all functions: functions/*/testdata/*.json, each with its .want.json.
func find(root string) (events []golden, err error) {
	for _, function := range []string{processor, producer, health} {
		folder := strings.ToLower(strings.TrimSuffix(function, "Function"))
		files, err := filepath.Glob(filepath.Join(root, "functions", folder, "testdata", "*.json"))
		if err != nil {
			return nil, err
		}
		before := len(events)
		for _, file := range files {
			name, isWant := strings.CutSuffix(strings.TrimSuffix(file, ".json"), ".want")
			if isWant {
				continue
			}
			want, err := os.ReadFile(name + ".want.json")
			if err != nil {
				return nil, fmt.Errorf("golden event without an answer: %w", err)
			}
			events = append(events, golden{folder + "/" + filepath.Base(name), function, file, want})
		}
		if len(events) == before {
			return nil, fmt.Errorf("functions/%s/testdata has no golden event", folder)
		}
	}
	return events, nil
}

// compare says how an answer differs from the wanted one. A partial batch response must be the wanted one; other
// answers, which hold times and random ids, must have what is wanted.
func (g golden) compare(answer []byte) error {
	var got, want any
	if err := json.Unmarshal(g.want, &want); err != nil {
		return fmt.Errorf("%s.want.json: %w", g.name, err)
	}
	same := json.Unmarshal(answer, &got) == nil
	if g.function == processor {
		same = same && reflect.DeepEqual(got, want)
	} else {
		same = same && has(got, want)
	}
	if same {
		return nil
	}
	return fmt.Errorf("the answer differs\n    got  %s\n    want %s", oneLine(answer), oneLine(g.want))
}

// has is whether got has all that is wanted: an object may have further members. Where an object is wanted and a
// text is there, as the body of an HTTP answer, the text is read as JSON.
func has(got, want any) bool {
	members, isObject := want.(map[string]any)
	if !isObject {
		return reflect.DeepEqual(got, want)
	}
	if text, isText := got.(string); isText && json.Unmarshal([]byte(text), &got) != nil {
		return false
	}
	object, isObject := got.(map[string]any)
	if !isObject {
		return false
	}
	for name, member := range members {
		if value, there := object[name]; !there || !has(value, member) {
			return false
		}
	}
	return true
}

func oneLine(answer []byte) string {
	text := strings.Join(strings.Fields(string(answer)), " ")
	if text == "" {
		return "nothing"
	}
	if len(text) > 1000 {
		return text[:1000] + "…"
	}
	return text
}
