package stack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

func TestOpenAsksForTheScript(t *testing.T) {
	t.Setenv("STACK_NAME", "")
	if _, err := Open(t.Context()); err == nil || !strings.Contains(err.Error(), "scripts/") {
		t.Errorf("Open without STACK_NAME: %v, want an error that names scripts/", err)
	}
}

// cloud answers every call of the SDK with what reply says.
func cloud(t *testing.T, reply http.HandlerFunc) aws.Config {
	t.Helper()
	server := httptest.NewServer(reply)
	t.Cleanup(server.Close)
	return aws.Config{
		Region: "us-east-1", BaseEndpoint: aws.String(server.URL),
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	}
}

func TestFindSaysThatNothingIsDeployed(t *testing.T) {
	cfg := cloud(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = fmt.Fprint(w, `<ErrorResponse><Error><Code>ValidationError</Code><Message>Stack with id event-processor does not exist</Message></Error></ErrorResponse>`)
	})
	if _, err := Find(t.Context(), cfg, "event-processor"); !errors.Is(err, ErrNotDeployed) {
		t.Errorf("Find = %v, want ErrNotDeployed", err)
	}
}

func TestFindNamesWhatIsMissing(t *testing.T) {
	s := &Stack{}
	err := s.fill(map[string]string{
		"output QueueUrl": "q", "output DlqUrl": "d", "output EventsTable": "e", "output HealthUrl": "h",
		"ProcessorFunction": "p", "ProducerFunction": "r", "HealthFunction": "f",
	})
	if !errors.Is(err, ErrNotDeployed) || !strings.Contains(err.Error(), "ClientsTable") {
		t.Errorf("fill = %v, want ErrNotDeployed that names ClientsTable", err)
	}
	if s.QueueURL != "q" || s.Health != "f" {
		t.Errorf("fill read queue %q and health %q, want q and f", s.QueueURL, s.Health)
	}
}

func TestInvokeSendsOnce(t *testing.T) {
	calls := 0
	s, err := open(t, func(w http.ResponseWriter, _ *http.Request) {
		calls++
		w.WriteHeader(http.StatusInternalServerError)
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Invoke(t.Context(), "event-producer", map[string]int{"count": 1}, &struct{}{}); err == nil || calls != 1 {
		t.Errorf("Invoke = %v after %d calls, want an error after 1", err, calls)
	}
}

func TestInvokeTellsWhatTheFunctionSays(t *testing.T) {
	s, err := open(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Amz-Function-Error", "Unhandled")
		_, _ = fmt.Fprint(w, `{"errorMessage":"request refused: count: -1 is too few","errorType":"errorString"}`)
	})
	if err != nil {
		t.Fatal(err)
	}
	err = s.Invoke(t.Context(), "event-producer", map[string]int{"count": -1}, &struct{}{})
	if want := "event-producer: request refused: count: -1 is too few"; err == nil || err.Error() != want {
		t.Errorf("Invoke = %v, want %s", err, want)
	}
}

func TestTailReturnsEachLineOnce(t *testing.T) {
	now := time.Now().Truncate(time.Millisecond)
	log := &fakeLog{}
	s, err := open(t, log.filter)
	if err != nil {
		t.Fatal(err)
	}
	tail := s.Tail("event-processor", now)
	next := func() string {
		lines, err := tail.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var texts []string
		for _, l := range lines {
			texts = append(texts, l.Text)
		}
		return strings.Join(texts, ",")
	}
	for _, step := range []struct {
		name         string
		after        time.Duration
		stream, text string
	}{
		{"the first", 0, "a", "one"},
		{"the same text of another environment", 0, "b", "one"},
		{"much later", time.Minute, "a", "two"},
		{"late, with an earlier time", 55 * time.Second, "b", "three"},
	} {
		log.lines = append(log.lines, fakeLine{step.stream, now.Add(step.after).UnixMilli(), step.text})
		if got := next(); got != step.text {
			t.Errorf("%s: Next = %q, want %q", step.name, got, step.text)
		}
	}
	if got := next(); got != "" {
		t.Errorf("nothing new: Next = %q, want nothing", got)
	}
}

// TestTailSeesWhatComesLate has environments whose lines arrive minutes after those of others.
func TestTailSeesWhatComesLate(t *testing.T) {
	now := time.Now().Truncate(time.Millisecond)
	log := &fakeLog{}
	s, err := open(t, log.filter)
	if err != nil {
		t.Fatal(err)
	}
	tail := s.Tail("event-processor", now)
	for _, step := range []struct {
		name  string
		after time.Duration
		want  string // within the time in which it is said to come
	}{
		{"the first", 0, "the first"},
		{"before it was asked", -time.Second, ""},
		{"much later", 10 * time.Minute, "much later"},
		{"eleven seconds late", 10*time.Minute - 11*time.Second, "eleven seconds late"},
		{"two minutes late", 8 * time.Minute, "two minutes late"},
		{"more than that", 8*time.Minute - time.Millisecond, ""},
		{"in time", 10*time.Minute + time.Second, "in time"},
		{"late again", 9 * time.Minute, "late again"},
	} {
		log.lines = append(log.lines, fakeLine{"a", now.Add(step.after).UnixMilli(), step.name})
		var texts []string
		for range 3 {
			lines, err := tail.Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, l := range lines {
				texts = append(texts, l.Text)
			}
			tail.far = tail.far.Add(-soOften / 2) // as if so much time had gone by
		}
		if got := strings.Join(texts, ","); got != step.want {
			t.Errorf("%s: Next = %q, want %q", step.name, got, step.want)
		}
	}
}

// TestTailForgets has a log of an hour: what is remembered of it is that of two minutes.
func TestTailForgets(t *testing.T) {
	now := time.Now().Truncate(time.Millisecond)
	log := &fakeLog{}
	for i := range 3600 {
		log.lines = append(log.lines, fakeLine{"a", now.Add(time.Duration(i) * time.Second).UnixMilli(), strconv.Itoa(i)})
	}
	s, err := open(t, log.filter)
	if err != nil {
		t.Fatal(err)
	}
	tail := s.Tail("event-processor", now)
	if lines, err := tail.Next(t.Context()); err != nil || len(lines) != 3600 || len(tail.seen) > 121 {
		t.Errorf("got %d lines, %v, and remembers %d", len(lines), err, len(tail.seen))
	}
}

// TestLinesComeInOrder has a log that answers in no order of times, as an older LocalStack does.
func TestLinesComeInOrder(t *testing.T) {
	now := time.Now().Truncate(time.Millisecond)
	log := &fakeLog{}
	for _, at := range []int64{3, 1, 4, 1, 5, 2} {
		log.lines = append(log.lines, fakeLine{"a", now.UnixMilli() + at, fmt.Sprint(at)})
	}
	s, err := open(t, log.filter)
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	keep := func(l Line) { texts = append(texts, l.Text) }
	lines, err := s.Tail("event-processor", now).Next(t.Context())
	for _, l := range lines {
		keep(l)
	}
	if got, want := strings.Join(texts, ""), "12345"; err != nil || got != want { // what is the same line is shown once
		t.Errorf("Next: %s, %v; want %s", got, err, want)
	}
	texts = nil
	err = s.Search(t.Context(), "event-processor", "", now, now.Add(time.Minute), keep)
	if got, want := strings.Join(texts, ""), "12345"; err != nil || got != want {
		t.Errorf("Search: %s, %v; want %s", got, err, want)
	}
}

// TestTheLogIsReadOnWhereAnAnswerIsFull has a log that answers with its first 10,000 lines, as MiniStack does, and so
// many lines within the overlap that the same answer comes again.
func TestTheLogIsReadOnWhereAnAnswerIsFull(t *testing.T) {
	now := time.Now().Truncate(time.Millisecond)
	log := &fakeLog{most: 10_000}
	add := func(n int) {
		for range n {
			i := len(log.lines)
			log.lines = append(log.lines, fakeLine{"a", now.UnixMilli() + int64(i)/4, strconv.Itoa(i)}) // 4,000 a second
		}
	}
	s, err := open(t, log.filter)
	if err != nil {
		t.Fatal(err)
	}
	tail := s.Tail("event-processor", now)
	for _, more := range []int{25_000, 20_000, 1} {
		add(more)
		if lines, err := tail.Next(t.Context()); err != nil || len(lines) != more {
			t.Errorf("got %d of %d lines, %v", len(lines), more, err)
		}
	}
	found := 0
	if err := s.Search(t.Context(), "event-processor", "", now, now.Add(time.Hour), func(Line) { found++ }); err != nil || found != len(log.lines) {
		t.Errorf("Search found %d of %d lines, %v", found, len(log.lines), err)
	}
}

// fakeLog is a log group.
type fakeLog struct {
	lines []fakeLine
	most  int // lines in an answer; 0 is all
}

type fakeLine struct {
	Stream string `json:"logStreamName"`
	Millis int64  `json:"timestamp"`
	Text   string `json:"message"`
}

func (l *fakeLog) filter(w http.ResponseWriter, r *http.Request) {
	var request struct {
		StartTime int64 `json:"startTime"`
	}
	_ = json.NewDecoder(r.Body).Decode(&request)
	found := []fakeLine{}
	for _, line := range l.lines {
		if line.Millis >= request.StartTime {
			found = append(found, line)
		}
	}
	if l.most > 0 {
		found = found[:min(len(found), l.most)]
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	_ = json.NewEncoder(w).Encode(map[string]any{"events": found})
}

// open makes a stack that was found, without looking for it.
func open(t *testing.T, reply http.HandlerFunc) (*Stack, error) {
	t.Helper()
	cfg := cloud(t, func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("Action") == "" {
			reply(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/xml")
		switch r.FormValue("Action") {
		case "DescribeStacks":
			_, _ = fmt.Fprint(w, `<DescribeStacksResponse><DescribeStacksResult><Stacks><member><Outputs>`)
			for _, name := range []string{"QueueUrl", "DlqUrl", "EventsTable", "ClientsTable", "HealthUrl"} {
				_, _ = fmt.Fprintf(w, `<member><OutputKey>%s</OutputKey><OutputValue>x</OutputValue></member>`, name)
			}
			_, _ = fmt.Fprint(w, `</Outputs></member></Stacks></DescribeStacksResult></DescribeStacksResponse>`)
		case "DescribeStackResources":
			_, _ = fmt.Fprint(w, `<DescribeStackResourcesResponse><DescribeStackResourcesResult><StackResources>`)
			for _, name := range []string{"ProcessorFunction", "ProducerFunction", "HealthFunction"} {
				_, _ = fmt.Fprintf(w, `<member><LogicalResourceId>%s</LogicalResourceId><PhysicalResourceId>x</PhysicalResourceId></member>`, name)
			}
			_, _ = fmt.Fprint(w, `</StackResources></DescribeStackResourcesResult></DescribeStackResourcesResponse>`)
		}
	})
	return Find(context.Background(), cfg, "event-processor")
}
