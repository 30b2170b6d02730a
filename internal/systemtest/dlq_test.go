package systemtest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/google/uuid"

	"event-processor/internal/event"
	"event-processor/internal/queue"
	"event-processor/schemas"
)

// dlqScript runs scripts/dlq.sh on the stack of the test and returns what it prints to stdout.
func (s *system) dlqScript(args ...string) string {
	s.t.Helper()
	endpoint, err := url.Parse(aws.ToString(s.Config.BaseEndpoint))
	if err != nil {
		s.t.Fatal(err)
	}
	command := exec.CommandContext(s.t.Context(), "../../scripts/dlq.sh", args...)
	command.Env = append(os.Environ(), "AWS_ENDPOINT_URL="+endpoint.String(), "LOCAL_PORT="+endpoint.Port(), "STAGE=local")
	var notes bytes.Buffer
	command.Stderr = &notes
	out, err := command.Output()
	s.t.Logf("dlq.sh %s\n%s%s", strings.Join(args, " "), out, &notes)
	if err != nil {
		s.t.Fatalf("dlq.sh %s: %v", strings.Join(args, " "), err)
	}
	return string(out)
}

// listed are the reasons that dlq.sh gives for the dead letters of these clients, by message id.
func (s *system) listed(clients ...string) map[string]string {
	s.t.Helper()
	reasons := map[string]string{}
	for line := range strings.Lines(s.dlqScript("list", "--json", "--client", strings.Join(clients, ","))) {
		var l struct{ MessageID, Reason string }
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			s.t.Fatalf("%s: %v", line, err)
		}
		reasons[l.MessageID] = l.Reason
	}
	return reasons
}

// TestDeadLettersAndTheirWayBack has one message of each permanent reason end in the dead-letter queue, where dlq.sh
// names the reason. When the client's rights are wider, a redrive by that reason brings back exactly those that died
// for it.
func TestDeadLettersAndTheirWayBack(t *testing.T) {
	s := open(t)
	s.reconfigure(30, map[string]string{"CLIENT_CACHE_TTL": "0s"}) // new rights hold at once
	few := s.client(true, "integration")
	inactive := s.client(false, "integration")
	foreign := "test-" + uuid.NewString()
	s.putClient(foreign, true, schemas.Types(), []string{"AROASOMEONEELSE"})
	nobody := "test-" + uuid.NewString()

	good, id := payloads["integration"], uuid.NewString
	first := id()
	s.send(body(few, "integration", first, good))
	s.eventually("the first event is stored", func() bool { _, ok := s.item(few, first); return ok })

	want := map[string]string{}
	dead := func(reason event.Reason, client, text string) {
		want[s.send(text, "ClientId", client)] = string(reason)
	}
	dead(event.MalformedJSON, few, `{"eventId":`)
	dead(event.EventTooLarge, few, body(few, "integration", id(), `{"x":"`+strings.Repeat("x", 256<<10)+`"}`))
	dead(event.SchemaViolation, few, body(few, "integration", id(), `{"source":1}`))
	dead(event.UnknownEventVersion, few, strings.Replace(body(few, "integration", id(), good), `"1.0"`, `"9.9"`, 1))
	dead(event.UnknownClient, nobody, body(nobody, "integration", id(), good))
	dead(event.ClientInactive, inactive, body(inactive, "integration", id(), good))
	dead(event.SenderNotAllowed, foreign, body(foreign, "integration", id(), good))
	dead(event.EventIDConflict, few, body(few, "integration", first, strings.Replace(good, "12", "13", 1)))
	refused := []string{id(), id(), id()}
	for _, eventID := range refused {
		dead(event.TypeNotAllowed, few, body(few, "transaction", eventID, payloads["transaction"]))
	}

	clients := []string{few, inactive, foreign, nobody}
	s.eventually("all are dead letters", func() bool {
		lying := s.deadLetters()
		for messageID := range want {
			if _, ok := lying[messageID]; !ok {
				return false
			}
		}
		return true
	})
	s.eventually("their reasons are in the log", func() bool { // in which dlq.sh looks for them
		s.log()
		for messageID, reason := range want {
			if l, _ := s.outcome(messageID); l.Reason != reason {
				return false
			}
		}
		return true
	})
	if got := s.listed(clients...); !includes(got, want) {
		t.Errorf("listed as %v, want %v", got, want)
	}

	s.putClient(few, true, []string{"integration", "transaction"}, nil)
	s.dlqScript("redrive", "--reason", string(event.TypeNotAllowed))
	s.eventually("they are stored", func() bool {
		return !slices.ContainsFunc(refused, func(eventID string) bool { _, ok := s.item(few, eventID); return !ok })
	})
	maps.DeleteFunc(want, func(_, reason string) bool { return reason == string(event.TypeNotAllowed) })
	got := s.listed(clients...)
	if !includes(got, want) {
		t.Errorf("left are %v, want %v", got, want)
	}
	for messageID, reason := range got {
		if reason == string(event.TypeNotAllowed) || reason == "" {
			t.Errorf("%s is left, too: %q", messageID, reason)
		}
	}
}

// includes reports whether everything wanted is there. There may be more: where the answer to a send is lost, the
// SDK sends once more.
func includes(got, want map[string]string) bool {
	for key, value := range want {
		if got[key] != value {
			return false
		}
	}
	return true
}

// TestAKilledRedriveLosesNothing kills a redrive of 500 dead letters ten times, each time soon after it was seen to
// move some. The last one is left to do the rest, and every event is in the table.
func TestAKilledRedriveLosesNothing(t *testing.T) {
	const letters, kills = 500, 10
	s := open(t)
	client := s.client(true, "integration")
	messages, keys := make([]queue.Message, letters), make([]event.Key, letters)
	for i := range messages {
		keys[i] = event.Key{ClientID: client, EventID: uuid.NewString()}
		messages[i].Body = body(client, "integration", keys[i].EventID, payloads["integration"])
	}
	depth := func() (all, inFlight int) {
		waiting, inFlight, err := s.dlq.Depth(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return waiting + inFlight, inFlight
	}
	others, _ := depth() // that lie there already
	for i, err := range s.dlq.SendAll(t.Context(), messages) {
		if err != nil {
			t.Fatalf("message %d: %v", i, err)
		}
	}
	left := func() int { all, _ := depth(); return all - others }

	program := filepath.Join(t.TempDir(), "dlq")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, "../../scripts/dlq").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	redrive := func(rate string) *exec.Cmd {
		command := exec.CommandContext(t.Context(), program, "redrive", "--hold=5s", "--client="+client, "--rate="+rate)
		command.Env = append(os.Environ(), "STACK_NAME="+cmp.Or(os.Getenv("STACK_NAME"), "event-processor"), "AWS_ENDPOINT_URL="+aws.ToString(s.Config.BaseEndpoint), "AWS_REGION=us-east-1",
			"AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test")
		return command
	}
	// kill starts a redrive and kills it, unless it comes to its end before: what the one before held is hidden for five
	// seconds, and there may be nothing else to move.
	kill := func() (killed bool) {
		command := redrive("100")
		if err := command.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- command.Wait() }()
		before := left()
		s.eventually("a redrive moves the first message", func() bool { return left() < before || len(ended) > 0 })
		time.Sleep(rand.N(100 * time.Millisecond)) // it moves ten messages in that time: somewhere among them
		_ = command.Process.Kill()
		var exit *exec.ExitError
		return errors.As(<-ended, &exit) && exit.Sys().(syscall.WaitStatus).Signaled()
	}
	killed := 0
	for killed < kills && left() > letters/5 { // a slow look sees many moved at once
		if kill() {
			killed++
		}
	}
	rest := left()
	if killed == 0 || rest <= 0 {
		t.Fatalf("%d redrives were killed, and %d letters are left: none was interrupted", killed, rest)
	}

	// A slow cloud hands out less than all in the five seconds for which a letter is held: the redrive says so, and is run
	// again for as long as it moves something.
	for last := letters + 1; left() > 0 && left() < last; {
		last = left()
		s.eventually("what the ones before held comes back", func() bool { _, held := depth(); return held == 0 })
		out, err := redrive("10000").CombinedOutput()
		t.Logf("%d of %d letters left after %d kills; then\n%s", rest, letters, killed, out)
		if err != nil {
			t.Fatal(err)
		}
	}
	s.eventually(fmt.Sprintf("all %d events are in the table", letters), func() bool { return s.stored(keys) == letters })
	if left := s.listed(client); len(left) != 0 {
		t.Errorf("%d messages are left in the dead-letter queue", len(left))
	}
}
