package generate

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"strings"
	"testing"

	"event-processor/internal/event"
)

// rewrite is what a poller in Python makes of bodies that it reads as JSON and writes anew. What is no JSON to it
// goes on as it is.
const rewrite = `
import json, sys
def anew(body):
    try:
        read = json.loads(body)
    except ValueError:
        return body
    return read if isinstance(read, str) else json.dumps(read)
json.dump([anew(body) for body in json.load(sys.stdin)], sys.stdout)
`

// TestFaultsThatARewriteHides holds each kind of fault against a real rewrite: a fault is marked where it is no longer
// the one that was sent, and only there.
func TestFaultsThatARewriteHides(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("there is no python3 to write bodies anew")
	}
	marked := map[string]bool{}
	for _, f := range faultsFor(&Options{}, new(Options).sources()) {
		marked[f.name] = f.inWriting
	}
	var sent []Message
	var bodies []string
	for m := range plan(t, Options{Count: 2 * len(marked), Invalid: 1}).All() {
		sent, bodies = append(sent, m), append(bodies, m.Body)
	}
	in, err := json.Marshal(bodies)
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), python, "-c", rewrite)
	command.Stdin = bytes.NewReader(in)
	out, err := command.Output()
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(out, &bodies); err != nil {
		t.Fatal(err)
	}
	for i, m := range sent {
		if m.Reason == event.EventIDConflict || m.Reason == event.UnknownEventVersion {
			continue // proves looks for their text as it was written
		}
		m.Body = bodies[i]
		if err := proves(m); (err != nil) != marked[m.Fault] {
			t.Errorf("%s: marked as hidden by a rewrite: %t, but %v", m.Fault, marked[m.Fault], err)
		}
	}
}

func TestOptionsLeaveOutWhatDoesNotArrive(t *testing.T) {
	for name, tt := range map[string]struct {
		options Options
		lost    []string // names of faults
		says    string
	}{
		"nothing":                      {Options{MaxBodyBytes: maxBodyBytes}, nil, ""},
		"a queue that is large enough": {Options{MaxBodyBytes: maxBodyBytes, MaxMessageBytes: maxBodyBytes + 2000}, nil, ""},
		"a queue that is too small": {
			Options{MaxBodyBytes: maxBodyBytes, MaxMessageBytes: maxBodyBytes + 1999},
			[]string{"the body is too large"},
			"no message above",
		},
		"bodies written anew": {
			Options{MaxBodyBytes: maxBodyBytes, Rewritten: true},
			[]string{"a member stands there twice", "an exponent is too large"},
			"that a member stands there twice, that",
		},
	} {
		t.Run(name, func(t *testing.T) {
			tt.options.Count, tt.options.Invalid = 600, 0.5
			seen := map[string]bool{}
			for m := range plan(t, tt.options).All() {
				seen[m.Fault] = true
			}
			if len(seen) < 50 {
				t.Errorf("only %d kinds of faults are left", len(seen))
			}
			for _, f := range faultsFor(&Options{}, new(Options).sources()) {
				if tt.lost == nil && !seen[f.name] {
					t.Errorf("%s is left out", f.name)
				}
			}
			for _, f := range tt.lost {
				if seen[f] {
					t.Errorf("%s is sent all the same", f)
				}
			}
			if says := strings.Join(tt.options.LeftOut(), "\n"); (says == "") != (tt.says == "") || !strings.Contains(says, tt.says) {
				t.Errorf("LeftOut() = %q, want %q in it", says, tt.says)
			}
		})
	}
}
