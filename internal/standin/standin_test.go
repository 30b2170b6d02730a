package standin

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/go-cmp/cmp"

	"event-processor/internal/queuetest"
)

// before puts a stand-in before a cloud and returns settings of clients that speak to it.
func before(t *testing.T, cloud string, traits ...Trait) aws.Config {
	t.Helper()
	s, err := New(t.Context(), cloud, traits...)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s)
	t.Cleanup(func() {
		server.Close()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return aws.Config{
		Region: "us-east-1", BaseEndpoint: &server.URL, Retryer: func() aws.Retryer { return aws.NopRetryer{} },
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	}
}

// miniStack answers every call with what reply says.
func miniStack(t *testing.T, reply http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(reply)
	t.Cleanup(server.Close)
	return server.URL
}

// get asks a path of the stand-in, below a host where one is named.
func get(t *testing.T, cfg aws.Config, host, path string) (status int, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, aws.ToString(cfg.BaseEndpoint)+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = host
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close() //nolint:errcheck // read to its end
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

// batch makes entries with these bodies, by their ids.
func batch(bodies map[string]string) (entries []types.SendMessageBatchRequestEntry) {
	for _, id := range slices.Sorted(maps.Keys(bodies)) {
		entries = append(entries, types.SendMessageBatchRequestEntry{Id: &id, MessageBody: aws.String(bodies[id])})
	}
	return entries
}

// TestFunctionsSeeBodiesWrittenAnew sends what LocalStack's poller changes and what it does not. Clients, which
// compare the hashes in the answers, see their own bodies all the while.
func TestFunctionsSeeBodiesWrittenAnew(t *testing.T) {
	sent := map[string]string{
		"twice": `{"a":1,"a":2}`, "infinite": `{"n":1e309}`, "space": "{ \"a\" :\n1}", "letters": `{"city":"Zürich"}`, "digits": `{"n":1.50}`,
		"not-json": `{"eventId":`, "trailing": `{} x`, "string": `"text"`, "lone": `"\ud800"`,
		"empty": `""`, "control": `"\u0001"`, "as-it-is": `{"a": 1}`,
	}
	want := map[string]string{
		"twice": `{"a": 2}`, "infinite": `{"n": Infinity}`, "space": `{"a": 1}`, "letters": `{"city": "Z\u00fcrich"}`, "digits": `{"n": 1.5}`,
		"not-json": `{"eventId":`, "trailing": `{} x`, "string": `text`, "lone": "\ufffd",
		"empty": `""`, "control": `"\u0001"`, "as-it-is": `{"a": 1}`, // no queue takes what they become
	}
	for name, whole := range map[string]bool{"in a batch": true, "one by one": false} {
		t.Run(name, func(t *testing.T) {
			behind := queuetest.New()
			defer behind.Close()
			cloud := *behind.Config().BaseEndpoint
			if !whole {
				cloud = singly(t, cloud)
			}
			api := sqs.NewFromConfig(before(t, cloud, Rewrites))
			url := aws.String(behind.URL("event-queue"))
			ids := map[string]string{} // of entries, by message id
			if whole {
				for part := range slices.Chunk(batch(sent), 10) {
					out, err := api.SendMessageBatch(t.Context(), &sqs.SendMessageBatchInput{QueueUrl: url, Entries: part})
					if err != nil || len(out.Failed) > 0 {
						t.Fatal(out, err)
					}
					for _, entry := range out.Successful {
						ids[*entry.MessageId] = *entry.Id
					}
				}
			} else {
				for id, body := range sent {
					out, err := api.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: url, MessageBody: &body})
					if err != nil {
						t.Fatal(err)
					}
					ids[*out.MessageId] = id
				}
			}
			seen := map[string]string{}
			for _, m := range behind.Messages("event-queue") {
				seen[ids[m.ID]] = m.Body
			}
			if diff := cmp.Diff(want, seen); diff != "" {
				t.Errorf("what functions see (-want +got):\n%s", diff)
			}
			received := map[string]string{}
			for len(received) < len(sent) {
				out, err := api.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: url, MaxNumberOfMessages: 10, VisibilityTimeout: 60})
				if err != nil || len(out.Messages) == 0 {
					t.Fatal("received", received, err)
				}
				for _, m := range out.Messages {
					received[ids[*m.MessageId]] = *m.Body
				}
			}
			if diff := cmp.Diff(sent, received); diff != "" {
				t.Errorf("what clients receive (-want +got):\n%s", diff)
			}
		})
	}
}

// singly takes SendMessage to a server that knows only SendMessageBatch, and all else as it is.
func singly(t *testing.T, cloud string) string {
	return miniStack(t, func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		single := r.Header.Get("X-Amz-Target") == "AmazonSQS.SendMessage"
		if single {
			r.Header.Set("X-Amz-Target", "AmazonSQS.SendMessageBatch")
			var call object
			_ = json.Unmarshal(text, &call)
			call["Id"] = json.RawMessage(`"0"`)
			text, _ = json.Marshal(map[string]any{"QueueUrl": call["QueueUrl"], "Entries": []object{call}})
		}
		forward, err := http.NewRequestWithContext(r.Context(), r.Method, cloud, strings.NewReader(string(text)))
		if err != nil {
			t.Error(err)
			return
		}
		forward.Header = r.Header
		answer, err := http.DefaultClient.Do(forward)
		if err != nil {
			t.Error(err)
			return
		}
		defer answer.Body.Close() //nolint:errcheck // read to its end
		var out struct{ Successful []json.RawMessage }
		text, _ = io.ReadAll(answer.Body)
		if single && json.Unmarshal(text, &out) == nil && len(out.Successful) == 1 {
			text = out.Successful[0]
		}
		_, _ = w.Write(text)
	})
}

// TestOnlyWhatIsChangedLosesItsSender looks at who a call is from: its signature holds as long as its body does.
func TestOnlyWhatIsChangedLosesItsSender(t *testing.T) {
	var from, token string
	cfg := before(t, miniStack(t, func(w http.ResponseWriter, r *http.Request) {
		from, token = r.Header.Get("Authorization"), r.Header.Get("X-Amz-Security-Token")
		_, _ = io.WriteString(w, `{"MessageId":"1"}`)
	}), Rewrites)
	for body, want := range map[string][]string{
		`{"QueueUrl":"q","MessageBody":"{}  "}`: {"AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/sqs/aws4_request, Signature=s", ""},
		`{"QueueUrl":"q","MessageBody":"{}"}`:   {"AWS4-HMAC-SHA256 Credential=ASIA/20260101/us-east-1/sqs/aws4_request, Signature=s", "t"},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, aws.ToString(cfg.BaseEndpoint), strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Amz-Target", "AmazonSQS.SendMessage")
		r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=ASIA/20260101/us-east-1/sqs/aws4_request, Signature=s")
		r.Header.Set("X-Amz-Security-Token", "t")
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if from != want[0] || token != want[1] {
			t.Errorf("%s is from %s with token %q, want %v", body, from, token, want)
		}
	}
}

func TestBatchesAreSmall(t *testing.T) {
	behind := queuetest.New()
	defer behind.Close()
	api := sqs.NewFromConfig(before(t, *behind.Config().BaseEndpoint, Small))
	url := aws.String(behind.URL("event-queue"))
	entries := batch(map[string]string{"a": strings.Repeat("x", 256<<10-100), "b": strings.Repeat("ü", 50-8)})
	entries[1].MessageAttributes = map[string]types.MessageAttributeValue{"n": {DataType: aws.String("Binary"), BinaryValue: make([]byte, 9)}}

	if _, err := api.SendMessageBatch(t.Context(), &sqs.SendMessageBatchInput{QueueUrl: url, Entries: entries}); err != nil {
		t.Errorf("exactly 256 KiB: %v", err)
	}
	entries[0].MessageBody = aws.String(*entries[0].MessageBody + "x")
	_, err := api.SendMessageBatch(t.Context(), &sqs.SendMessageBatchInput{QueueUrl: url, Entries: entries})
	want := "AWS.SimpleQueueService.BatchRequestTooLong: Batch requests cannot be longer than 262144 bytes. You have sent 262145 bytes."
	if err == nil || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("a byte more: %v, want …%s", err, want)
	}
	if got := len(behind.Messages("event-queue")); got != 2 {
		t.Errorf("%d messages on the queue, want 2", got)
	}
}

func TestGroupsAreRefused(t *testing.T) {
	behind := queuetest.New()
	defer behind.Close()
	api := sqs.NewFromConfig(before(t, *behind.Config().BaseEndpoint, NoGroups))
	url := aws.String(behind.URL("event-queue"))
	message := "Value client-1 for parameter MessageGroupId is invalid. Reason: The request includes a parameter that is not valid for this queue type."
	entries := batch(map[string]string{"grouped": "1", "alone": "2"})
	entries[1].MessageGroupId = aws.String("client-1")

	for name, tt := range map[string]struct {
		entries []types.SendMessageBatchRequestEntry
		sent    int
	}{"one of two": {entries, 1}, "all": {entries[1:], 0}} {
		t.Run(name, func(t *testing.T) {
			out, err := api.SendMessageBatch(t.Context(), &sqs.SendMessageBatchInput{QueueUrl: url, Entries: tt.entries})
			if err != nil || len(out.Successful) != tt.sent || len(out.Failed) != 1 {
				t.Fatalf("%+v, %v; want %d sent and 1 failed", out, err, tt.sent)
			}
			f := out.Failed[0]
			if *f.Id != "grouped" || *f.Code != "InvalidParameterValueException" || !f.SenderFault || *f.Message != message {
				t.Errorf("failed %s: %s, %s, sender's fault %t", *f.Id, *f.Code, *f.Message, f.SenderFault)
			}
		})
	}
	_, err := api.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: url, MessageBody: aws.String("3"), MessageGroupId: aws.String("client-1")})
	if err == nil || !strings.HasSuffix(err.Error(), "InvalidParameterValue: "+message) {
		t.Errorf("a single one: %v", err)
	}
	if got := len(behind.Messages("event-queue")); got != 1 {
		t.Errorf("%d messages on the queue, want 1", got)
	}
}

func TestLogsAreUnsorted(t *testing.T) {
	var lines []string
	for i := range 50 { // two of each millisecond and stream
		lines = append(lines, fmt.Sprintf(`{"timestamp":%d,"message":"%d","logStreamName":"a"}`, i/2, i))
	}
	cfg := before(t, miniStack(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintf(w, `{"events":[%s]}`, strings.Join(lines, ","))
	}), Unsorted)
	ask := func(interleaved *bool) (texts []string) {
		//nolint:staticcheck // what is deprecated works on LocalStack
		out, err := cloudwatchlogs.NewFromConfig(cfg).FilterLogEvents(t.Context(), &cloudwatchlogs.FilterLogEventsInput{LogGroupName: aws.String("g"), Interleaved: interleaved})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range out.Events {
			texts = append(texts, *e.Message)
		}
		return texts
	}
	sorted := ask(aws.Bool(true))
	got := ask(nil)
	if len(got) != len(sorted) || slices.Equal(got, sorted) || !slices.Equal(got, ask(nil)) {
		t.Errorf("got %v, want all lines in another order, and always the same", got)
	}
	for i := 0; i+1 < len(got); i += 2 {
		if a, b := slices.Index(sorted, got[i]), slices.Index(sorted, got[i+1]); b != a+1 {
			t.Errorf("lines %s and %s of one millisecond lost their order", got[i], got[i+1])
		}
	}
	slices.Sort(got)
	slices.Sort(sorted)
	if !slices.Equal(got, sorted) {
		t.Errorf("got other lines: %v", got)
	}
}

func TestURLsNameTheInnerPort(t *testing.T) {
	cfg := before(t, miniStack(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasPrefix(r.URL.Path, "/_aws/lambda-url/"):
			_, _ = fmt.Fprintf(w, "served %s?%s", r.URL.Path, r.URL.RawQuery)
		case strings.HasSuffix(r.URL.Path, "/url"):
			_, _ = io.WriteString(w, `{"FunctionUrl":"https://abc0.lambda-url.us-east-1.on.aws/"}`)
		case r.Header.Get("X-Amz-Target") != "":
			_, _ = fmt.Fprintf(w, `{"QueueUrl":"http://%s/000000000000/event-dlq"}`, r.Host)
		default:
			_, _ = io.WriteString(w, `<DescribeStacksResponse><DescribeStacksResult><Stacks><member><Outputs>`+
				`<member><OutputKey>HealthUrl</OutputKey><OutputValue>https://abc0.lambda-url.us-east-1.on.aws/</OutputValue></member>`+
				`<member><OutputKey>QueueUrl</OutputKey><OutputValue>http://localhost:15040/000000000000/event-queue</OutputValue></member>`+
				`</Outputs></member></Stacks></DescribeStacksResult></DescribeStacksResponse>`)
		}
	}), InnerPort)
	const host = "abc0.lambda-url.us-east-1.localhost.localstack.cloud:4566"
	stacks, err := cloudformation.NewFromConfig(cfg).DescribeStacks(t.Context(), &cloudformation.DescribeStacksInput{})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, o := range stacks.Stacks[0].Outputs {
		got[*o.OutputKey] = *o.OutputValue
	}
	function, err := lambda.NewFromConfig(cfg).GetFunctionUrlConfig(t.Context(), &lambda.GetFunctionUrlConfigInput{FunctionName: aws.String("f")})
	if err != nil {
		t.Fatal(err)
	}
	got["GetFunctionUrlConfig"] = *function.FunctionUrl
	queue, err := sqs.NewFromConfig(cfg).GetQueueUrl(t.Context(), &sqs.GetQueueUrlInput{QueueName: aws.String("event-dlq")})
	if err != nil {
		t.Fatal(err)
	}
	got["GetQueueUrl"] = *queue.QueueUrl
	want := map[string]string{
		"HealthUrl": "http://" + host + "/", "GetFunctionUrlConfig": "http://" + host + "/",
		"QueueUrl":    "http://sqs.us-east-1.localhost.localstack.cloud:4566/000000000000/event-queue",
		"GetQueueUrl": "http://sqs.us-east-1.localhost.localstack.cloud:4566/000000000000/event-dlq",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if status, body := get(t, cfg, host, "/health?a=b"); status != http.StatusOK || body != "served /_aws/lambda-url/abc0/health?a=b" {
		t.Errorf("by the host: %d %s", status, body)
	}
	if status, body := get(t, cfg, "", "/_aws/lambda-url/abc0/health"); status != http.StatusNotFound || !strings.Contains(body, "NoSuchBucket") {
		t.Errorf("by the path: %d %s, want NoSuchBucket", status, body)
	}
}

func TestUnknownPathsAreBlank(t *testing.T) {
	for name, traits := range map[string][]Trait{"alone": {Blank}, "with all": All} {
		t.Run(name, func(t *testing.T) {
			cfg := before(t, miniStack(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "served") }), traits...)
			if status, body := get(t, cfg, "", "/_aws/lambda-url/abc0/live"); status != http.StatusOK || body != "" {
				t.Errorf("by the path: %d %q, want 200 and nothing", status, body)
			}
			if status, body := get(t, cfg, "abc0.lambda-url.us-east-1.localhost:1", "/live"); status != http.StatusOK || body != "served" {
				t.Errorf("by the host: %d %q", status, body)
			}
		})
	}
}

func TestItSaysThatItIsLocalStack(t *testing.T) {
	cfg := before(t, miniStack(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.URL.Path) }), Named)
	for path, want := range map[string]string{
		"/_localstack/health": `"version":"4.14.0"`, "/_localstack/info": `"edition":"community"`,
		"/_ministack/health": "NoSuchBucket", "/health": "NoSuchBucket", "/2015-03-31/functions": "/2015-03-31/functions",
	} {
		if _, body := get(t, cfg, "", path); !strings.Contains(body, want) {
			t.Errorf("%s: %s, want %s", path, body, want)
		}
	}
}

// TestWithoutTraitsItIsTheCloud has answers come through as they are, whatever they say.
func TestWithoutTraitsItIsTheCloud(t *testing.T) {
	const answer = `{"QueueUrl": "https://abc0.lambda-url.us-east-1.on.aws/", "events": 1}`
	cfg := before(t, miniStack(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = fmt.Fprint(w, answer, r.Host, r.URL.Path, r.Header.Get("X-Amz-Target"), string(body))
	}))
	host := strings.TrimPrefix(aws.ToString(cfg.BaseEndpoint), "http://")
	for _, target := range []string{"", "AmazonSQS.GetQueueUrl", "AmazonSQS.ReceiveMessage", "Logs_20140328.FilterLogEvents"} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, aws.ToString(cfg.BaseEndpoint)+"/_ministack/health", strings.NewReader("x=1"))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Amz-Target", target)
		out, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(out.Body)
		_ = out.Body.Close()
		if want := answer + host + "/_ministack/health" + target + "x=1"; err != nil || string(body) != want {
			t.Errorf("%s: %s, %v; want %s", target, body, err, want)
		}
	}
}

func TestNewAsksForAURL(t *testing.T) {
	if _, err := New(t.Context(), "127.0.0.1:4566"); err == nil || !strings.Contains(err.Error(), "http://127.0.0.1:4566") {
		t.Errorf("New without a scheme: %v, want an error that shows a URL", err)
	}
}
