package queue

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/google/go-cmp/cmp"
)

// entry is one entry of a call, as it travels.
type entry struct {
	ID                string `json:"Id"`
	MessageBody       string
	MessageGroupID    string `json:"MessageGroupId"`
	MessageAttributes map[string]struct{ DataType, StringValue string }
}

// server takes messages as SQS does, as far as sending goes.
type server struct {
	// judge says what becomes of an entry that is seen for the nth time: "" takes it, "silent" leaves it out of
	// the answer, "!X" is a fault X of the sender, and "X" a fault of SQS. Nil takes everything.
	judge func(body string, nth int) string
	// refuse says why the whole call is refused, by a code and perhaps a text; "" or nil is not at all. A call that is
	// not a batch has no entries.
	refuse func([]entry) string

	mu    sync.Mutex
	seen  map[string]int
	taken map[string]entry
	calls [][]entry
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var call struct{ Entries []entry }
	if err := json.NewDecoder(r.Body).Decode(&call); err != nil || !strings.HasPrefix(r.Header.Get("X-Amz-Target"), "AmazonSQS.SendMessage") {
		http.Error(w, "not a call that sends", http.StatusNotFound)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, call.Entries)
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	if s.refuse != nil {
		if code, text, _ := strings.Cut(s.refuse(call.Entries), " "); code != "" {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = fmt.Fprintf(w, `{"__type":"com.amazonaws.sqs#%s","message":"%s"}`, code, text)
			return
		}
	}
	_ = json.NewEncoder(w).Encode(s.answer(call.Entries))
}

func (s *server) answer(entries []entry) map[string]any {
	successful, failed := []any{}, []any{}
	for _, e := range entries {
		s.seen[e.MessageBody]++
		verdict := ""
		if s.judge != nil {
			verdict = s.judge(e.MessageBody, s.seen[e.MessageBody])
		}
		switch {
		case verdict == "silent":
		case verdict != "":
			code, bySender := strings.CutPrefix(verdict, "!")
			failed = append(failed, map[string]any{"Id": e.ID, "Code": code, "Message": "no", "SenderFault": bySender})
		default:
			sum := md5.Sum([]byte(e.MessageBody))
			successful = append(successful, map[string]any{"Id": e.ID, "MessageId": "m-" + e.ID, "MD5OfMessageBody": hex.EncodeToString(sum[:])})
			s.taken[e.MessageBody] = e
		}
	}
	return map[string]any{"Successful": successful, "Failed": failed}
}

func start(t *testing.T, s *server) *Queue {
	t.Helper()
	s.seen, s.taken = map[string]int{}, map[string]entry{}
	web := httptest.NewServer(s)
	t.Cleanup(web.Close)
	return New(aws.Config{
		Region:       "us-east-1",
		BaseEndpoint: &web.URL,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "test", SecretAccessKey: "test"}, nil
		}),
	}, web.URL+"/000000000000/event-queue", 4)
}

func numbered(n int) []Message {
	messages := make([]Message, n)
	for i := range messages {
		messages[i] = Message{Body: "body " + strconv.Itoa(i)}
	}
	return messages
}

func TestSendAllSendsFailedEntriesAgainAndLosesNothing(t *testing.T) {
	s := &server{judge: func(body string, nth int) string {
		n, _ := strconv.Atoi(strings.TrimPrefix(body, "body "))
		switch {
		case n%3 == 0 && nth == 1:
			return "InternalError"
		case n%7 == 0 && nth <= 2:
			return "silent"
		}
		return ""
	}}
	for i, err := range start(t, s).SendAll(t.Context(), numbered(203)) {
		if err != nil {
			t.Errorf("message %d: %v", i, err)
		}
	}
	if len(s.taken) != 203 {
		t.Errorf("%d messages arrived, want 203", len(s.taken))
	}
	for body, n := range s.seen {
		i, _ := strconv.Atoi(strings.TrimPrefix(body, "body "))
		want := 1
		if i%3 == 0 {
			want = 2
		}
		if i%7 == 0 {
			want = 3
		}
		if n != want {
			t.Errorf("%s was sent %d times, want %d", body, n, want)
		}
	}
	for _, call := range s.calls {
		if len(call) > MaxEntries {
			t.Errorf("a call has %d entries", len(call))
		}
	}
}

func TestSendAllTellsWhatCouldNotBeSent(t *testing.T) {
	s := &server{judge: func(body string, _ int) string {
		return map[string]string{"body 3": "!InvalidMessageContents", "body 5": "InternalError"}[body]
	}}
	errs := start(t, s).SendAll(t.Context(), numbered(8))
	for i, err := range errs {
		want := map[int]string{3: "InvalidMessageContents", 5: "InternalError"}[i]
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("message %d: got %v, want %q", i, err, want)
		}
	}
	if s.seen["body 3"] != 1 || s.seen["body 5"] != maxTries {
		t.Errorf("sent %d and %d times, want 1 and %d", s.seen["body 3"], s.seen["body 5"], maxTries)
	}
}

func TestSendAllLetsOthersThroughWhereOneIsRefused(t *testing.T) {
	s := &server{refuse: func(entries []entry) string {
		for _, e := range entries {
			if e.MessageBody == "body 4" {
				return "InvalidMessageContents"
			}
		}
		return ""
	}}
	for i, err := range start(t, s).SendAll(t.Context(), numbered(10)) {
		if (err != nil) != (i == 4) {
			t.Errorf("message %d: got %v", i, err)
		}
	}
	if len(s.taken) != 9 {
		t.Errorf("%d messages arrived, want 9", len(s.taken))
	}
}

func TestSendAllMakesCallsShorterUntilTheyAreTaken(t *testing.T) {
	for name, refusal := range map[string]string{
		"the limit is not said":      "BatchRequestTooLong",
		"the cloud counts otherwise": "BatchRequestTooLong cannot be longer than 1048576 bytes",
	} {
		t.Run(name, func(t *testing.T) {
			refused := 0
			s := &server{refuse: func(entries []entry) string {
				if len(entries) <= 3 {
					return ""
				}
				refused++
				return refusal
			}}
			q := start(t, s)
			for range 2 {
				for i, err := range q.SendAll(t.Context(), numbered(40)) {
					if err != nil {
						t.Errorf("message %d: %v", i, err)
					}
				}
			}
			for body, n := range s.seen {
				if n != 2 {
					t.Errorf("%s arrived %d times in two rounds", body, n)
				}
			}
			if len(s.taken) != 40 || refused > 8 { // 4 side by side, halved twice
				t.Errorf("%d messages arrived, %d calls were refused", len(s.taken), refused)
			}
		})
	}
}

func TestSendAllEndsWhereEveryCallIsTooLong(t *testing.T) {
	s := &server{refuse: func([]entry) string { return "BatchRequestTooLong" }}
	for i, err := range start(t, s).SendAll(t.Context(), append(numbered(10), Message{})) {
		if err == nil {
			t.Errorf("message %d: got no error", i)
		}
	}
}

func TestSendAllGivesUpOnACallThatIsRefusedAsAWhole(t *testing.T) {
	s := &server{refuse: func([]entry) string { return "AccessDenied" }}
	for i, err := range start(t, s).SendAll(t.Context(), numbered(20)) {
		if err == nil || !strings.Contains(err.Error(), "AccessDenied") {
			t.Errorf("message %d: got %v", i, err)
		}
	}
	if len(s.calls) != 2 {
		t.Errorf("got %d calls, want 2", len(s.calls))
	}
}

func TestSendAllEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s := &server{}
	for i, err := range start(t, s).SendAll(ctx, numbered(25)) {
		if err == nil {
			t.Errorf("message %d: got no error", i)
		}
	}
	if len(s.taken) != 0 {
		t.Errorf("%d messages arrived", len(s.taken))
	}
}

func TestSendAllOfNothing(t *testing.T) {
	s := &server{}
	if errs := start(t, s).SendAll(t.Context(), nil); len(errs) != 0 || len(s.calls) != 0 {
		t.Errorf("got %v and %d calls", errs, len(s.calls))
	}
}

func TestSplit(t *testing.T) {
	for name, tt := range map[string]struct {
		pending, sizes []int
		want           [][]int
	}{
		"nothing":                  {nil, nil, nil},
		"one":                      {[]int{0}, []int{1}, [][]int{{0}}},
		"ten":                      {[]int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, make([]int, 10), [][]int{{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}}},
		"eleven":                   {[]int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, make([]int, 11), [][]int{{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, {10}}},
		"exactly full":             {[]int{0, 1, 2}, []int{50, 50, 1}, [][]int{{0, 1}, {2}}},
		"a byte too much":          {[]int{0, 1}, []int{50, 51}, [][]int{{0}, {1}}},
		"one that is alone enough": {[]int{0, 1, 2}, []int{1, 200, 1}, [][]int{{0}, {1}, {2}}},
		"some of them":             {[]int{0, 2, 3}, []int{50, 1000, 50, 50}, [][]int{{0, 2}, {3}}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, split(tt.pending, tt.sizes, 100)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestSizeIsWhatSQSCounts(t *testing.T) {
	for name, tt := range map[string]struct {
		message Message
		want    int
	}{
		"a body": {Message{Body: "ä"}, 2},
		"names, types and values count": {
			Message{Body: "12", Attributes: map[string]string{"Name": "four"}, Typed: map[string]Attribute{
				"N": {Type: "Number.int", Text: "7"}, "B": {Type: "Binary", Binary: []byte{1, 2, 3}},
			}}, 2 + 14 + 12 + 10,
		},
		"what stays behind does not":      {Message{Body: "1", Attributes: map[string]string{"EventType": "", "ClientId": "bell\a"}}, 1},
		"an attribute counts once":        {Message{Body: "1", Attributes: map[string]string{"A": "x"}, Typed: map[string]Attribute{"A": {Type: "String", Text: "yy"}}}, 10},
		"neither do the group, the trace": {Message{Body: "1", GroupID: "client-001", TraceHeader: "Root=1-5759e988-bd862e3fe1be46a994272793"}, 1},
		"what is not Unicode is replaced": {Message{Body: "a\xff\xfeb"}, 8},
	} {
		t.Run(name, func(t *testing.T) {
			if got := tt.message.size(); got != tt.want {
				t.Errorf("got %d, want %d", got, tt.want)
			}
		})
	}
}

func TestWhatSQSDoesNotTakeStaysBehind(t *testing.T) {
	s := &server{}
	messages := []Message{
		{Body: "a", GroupID: "client-001", Attributes: map[string]string{"EventType": "monitoring", "CorrelationId": "ä 東"}},
		{Body: "b", GroupID: "client 001", Attributes: map[string]string{"EventType": "", "CorrelationId": "bell\a", "ClientId": "x\xff"}},
		{Body: "c", GroupID: strings.Repeat("g", 129), Attributes: map[string]string{"ClientId": "\uffff"}},
	}
	for i, err := range start(t, s).SendAll(t.Context(), messages) {
		if err != nil {
			t.Errorf("message %d: %v", i, err)
		}
	}
	if a := s.taken["a"]; a.MessageGroupID != "client-001" || len(a.MessageAttributes) != 2 ||
		a.MessageAttributes["CorrelationId"].StringValue != "ä 東" || a.MessageAttributes["EventType"].DataType != "String" {
		t.Errorf("got %+v", a)
	}
	for _, body := range []string{"b", "c"} {
		if e := s.taken[body]; e.MessageGroupID != "" || len(e.MessageAttributes) != 0 {
			t.Errorf("got %+v", e)
		}
	}
}
