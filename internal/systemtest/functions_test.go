package systemtest

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/uuid"
)

// count is how many events the table holds.
func (s *system) count() (n int) {
	s.t.Helper()
	pages := dynamodb.NewScanPaginator(s.db, &dynamodb.ScanInput{
		TableName: &s.EventsTable, Select: types.SelectCount, ConsistentRead: aws.Bool(true),
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(s.t.Context())
		if err != nil {
			s.t.Fatal(err)
		}
		n += int(page.Count)
	}
	return n
}

func TestHealth(t *testing.T) { health(t, connect(t)) }

func health(t *testing.T, s *system) {
	t.Helper()
	var text []byte
	s.eventually("it is healthy", func() bool { // on a busy machine a look may take longer than health waits for it
		var status int
		var err error
		if status, text, err = s.Get(t.Context(), "health"); err != nil || status != http.StatusOK {
			t.Logf("health: %d %s %v", status, text, err)
			return false
		}
		return true
	})
	var health struct {
		Healthy *bool
		Checks  map[string]struct{ Healthy, Counted bool }
	}
	if err := json.Unmarshal(text, &health); err != nil || health.Healthy == nil || !*health.Healthy {
		t.Fatalf("%s (%v)", text, err)
	}
	if len(health.Checks) != 5 {
		t.Errorf("%d checks, want two queues, two tables and the mapping: %s", len(health.Checks), text)
	}
	for name, check := range health.Checks {
		if check.Counted && !check.Healthy {
			t.Errorf("%s is not healthy: %s", name, text)
		}
	}
	if strings.Contains(string(text), "arn:") || strings.Contains(string(text), "000000000000") {
		t.Errorf("names an account: %s", text)
	}
	nowhere := http.StatusNotFound
	if !s.on().KeepsStatus {
		s.leaveOut(t, "404 for a page that is not there: a function URL always answers 200")
		nowhere = http.StatusOK
	}
	for path, want := range map[string]int{"live": http.StatusOK, "": http.StatusOK, "nowhere": nowhere} {
		if status, _, err := s.Get(t.Context(), path); err != nil || status != want {
			t.Errorf("/%s: got %d, %v; want %d", path, status, err, want)
		}
	}
}

func TestProducerRefuses(t *testing.T) {
	s := connect(t)
	for name, tt := range map[string]struct {
		request string
		words   []string
	}{
		"an unknown member":              {`{"count":1,"colour":"red"}`, []string{"colour"}},
		"a negative count":               {`{"count":-1}`, []string{"count"}},
		"more than it can":               {`{"count":100001}`, []string{"count"}},
		"a rate that cannot be met":      {`{"count":100000,"rate":1}`, []string{"rate"}},
		"a share above one":              {`{"count":1,"invalid":1.5}`, []string{"invalid"}},
		"an unknown type":                {`{"count":1,"types":["gossip"]}`, []string{"types", "gossip"}},
		"several faults, all named":      {`{"count":-1,"rate":-2,"duplicates":7}`, []string{"count", "rate", "duplicates"}},
		"count and events both":          {`{"count":1,"events":[{}]}`, []string{"count", "events"}},
		"text that is not JSON as it is": {`"count"`, []string{"request"}},
	} {
		t.Run(name, func(t *testing.T) {
			var answer any
			err := s.Invoke(t.Context(), s.Producer, json.RawMessage(tt.request), &answer)
			if err == nil {
				t.Fatalf("accepted: %v", answer)
			}
			for _, word := range tt.words {
				if !strings.Contains(err.Error(), word) {
					t.Errorf("%q is not named in: %v", word, err)
				}
			}
		})
	}
}

// TestStateSurvivesARestart restarts the local cloud of the test and finds everything as it was.
func TestStateSurvivesARestart(t *testing.T) {
	s := open(t)
	if os.Getenv("TEST_RESTART") == "" {
		t.Skip("TEST_RESTART is not set: the cloud at TEST_ENDPOINT is not this test's own")
	}
	if !s.on().KeepsState {
		t.Skipf("%s loses its state over a restart", s.on().Name)
	}
	client, id := s.client(true, "integration"), uuid.NewString()
	text := body(client, "integration", id, payloads["integration"])
	s.send(text)
	s.eventually("the event is stored", func() bool { _, ok := s.item(client, id); return ok })
	before, dead := s.count(), len(s.deadLetters())

	var out bytes.Buffer
	restart := exec.CommandContext(t.Context(), "../../scripts/setup-localstack.sh", "restart")
	restart.Stdout, restart.Stderr = &out, &out
	if err := restart.Run(); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}

	if got := s.count(); got != before {
		t.Errorf("%d events before, %d after", before, got)
	}
	if got := len(s.deadLetters()); got != dead {
		t.Errorf("%d dead letters before, %d after", dead, got)
	}
	again := s.send(text)
	s.eventually("the event that comes again is known", func() bool {
		s.log()
		l, _ := s.outcome(again)
		return l.Outcome == "duplicate"
	})
	if status, text, err := s.Get(t.Context(), "health"); err != nil || status != http.StatusOK {
		t.Errorf("health: %d %s %v", status, text, err)
	}
}
