package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// cloud is Lambda's Runtime API with one batch to hand out, and the services that the processor calls: SQS says yes
// to all, DynamoDB never answers.
type cloud struct {
	*httptest.Server
	payload    string
	extensions bool // whether there is an Extensions API

	asked    chan string // the function asked for: a batch ("next"), DynamoDB ("dynamodb"), to be an extension ("register")
	answered chan string // partial batch responses
	handOut  sync.Once
	done     chan struct{}
}

// notJSON is a batch about which nobody is asked.
const notJSON = `{"Records":[{"messageId":"not-json","receiptHandle":"r","body":"{"}]}`

func newCloud(t *testing.T, payload string, extensions bool) *cloud {
	c := &cloud{
		payload: payload, extensions: extensions,
		asked: make(chan string, 100), answered: make(chan string, 1), done: make(chan struct{}),
	}
	c.Server = httptest.NewServer(c)
	t.Cleanup(func() { close(c.done); c.Close() })
	return c
}

func (c *cloud) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	switch {
	case strings.HasSuffix(r.URL.Path, "/invocation/next"):
		c.asked <- "next"
		first := false
		c.handOut.Do(func() { first = true })
		if !first {
			c.hang(r)
			return
		}
		w.Header().Set("Lambda-Runtime-Aws-Request-Id", "request-1")
		w.Header().Set("Lambda-Runtime-Trace-Id", "Root=1-67a0d2c0-0123456789abcdef01234567;Parent=53995c3f42cd8ad8;Sampled=1")
		w.Header().Set("Lambda-Runtime-Deadline-Ms", fmt.Sprint(time.Now().Add(30*time.Second).UnixMilli()))
		_, _ = io.WriteString(w, c.payload)
	case strings.HasSuffix(r.URL.Path, "/request-1/response"):
		w.WriteHeader(http.StatusAccepted)
		c.answered <- string(body)
	case strings.HasSuffix(r.URL.Path, "/extension/register"):
		c.asked <- "register"
		if !c.extensions {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Lambda-Extension-Identifier", "extension-1")
	case strings.HasPrefix(r.Header.Get("X-Amz-Target"), "AmazonSQS"):
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		_, _ = io.WriteString(w, `{"Successful":[],"Failed":[]}`)
	case strings.HasPrefix(r.Header.Get("X-Amz-Target"), "DynamoDB"):
		c.asked <- "dynamodb"
		c.hang(r)
	default:
		c.hang(r)
	}
}

func (c *cloud) hang(r *http.Request) {
	select {
	case <-r.Context().Done():
	case <-c.done:
	}
}

// wait until the function asks for something. One that ends meanwhile never will.
func (c *cloud) wait(t *testing.T, f *function, what string) {
	t.Helper()
	for {
		select {
		case asked := <-c.asked:
			if asked == what {
				return
			}
		case <-f.ended:
			t.Fatalf("the function ended before it asked for %s: %v\n%s%s", what, f.err, f.stdout.String(), f.stderr.String())
		}
	}
}

// answer is what the function answers.
func (c *cloud) answer(t *testing.T, f *function) string {
	t.Helper()
	select {
	case answer := <-c.answered:
		return answer
	case <-f.ended:
		t.Fatalf("the function ended before it answered: %v\n%s%s", f.err, f.stdout.String(), f.stderr.String())
		return ""
	}
}

// build makes the bootstrap as `sam build` does.
func build(t *testing.T) string {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("there is no SIGTERM on Windows")
	}
	bootstrap := filepath.Join(t.TempDir(), "bootstrap")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-tags", "lambda.norpc", "-o", bootstrap, ".").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return bootstrap
}

// function is the processor as a process of its own.
type function struct {
	*exec.Cmd
	stdout, stderr bytes.Buffer
	ended          chan struct{}
	err            error // of its end
}

func start(t *testing.T, bootstrap string, c *cloud, environment ...string) *function {
	t.Helper()
	f := &function{Cmd: exec.CommandContext(context.WithoutCancel(t.Context()), bootstrap), ended: make(chan struct{})}
	f.Stdout, f.Stderr = &f.stdout, &f.stderr
	f.Env = append([]string{
		"AWS_LAMBDA_RUNTIME_API=" + strings.TrimPrefix(c.URL, "http://"), "AWS_LAMBDA_FUNCTION_NAME=event-processor",
		"AWS_ENDPOINT_URL=" + c.URL, "AWS_REGION=us-east-1", "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test",
		"EVENTS_TABLE=events", "CLIENTS_TABLE=clients", "QUEUE_URL=" + c.URL + "/queue",
		"AWS_LAMBDA_LOG_FORMAT=JSON", "LOG_LEVEL=debug", "PATH=" + os.Getenv("PATH"),
	}, environment...)
	if err := f.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { f.err = f.Wait(); close(f.ended) }()
	t.Cleanup(func() { _ = f.Process.Kill(); <-f.ended })
	return f
}

// terminate sends SIGTERM, checks that the process ends in good order, and returns how long that took. Lambda gives it
// half a second; what a busy machine makes of that is not the function's.
func (f *function) terminate(t *testing.T) (took time.Duration) {
	t.Helper()
	began := time.Now()
	if err := f.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-f.ended
	took = time.Since(began)
	t.Logf("it ended %s after SIGTERM", took)
	if f.err != nil {
		t.Errorf("it ended with %v, want status 0", f.err)
	}
	if f.stderr.Len() > 0 {
		t.Errorf("standard error:\n%s", f.stderr.String())
	}
	return took
}

// count counts the log lines by what they are: record, batch, metrics, or their message.
func (f *function) count(t *testing.T) map[string]int {
	t.Helper()
	counts := map[string]int{}
	for line := range strings.Lines(f.stdout.String()) {
		var l struct {
			Message string
			AWS     *struct{} `json:"_aws"`
		}
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Errorf("%v: %s", err, line)
		}
		if l.AWS != nil {
			l.Message = "metrics"
		}
		counts[l.Message]++
	}
	return counts
}

// TestSIGTERM runs the real bootstrap and tells it to end.
func TestSIGTERM(t *testing.T) {
	bootstrap := build(t)

	t.Run("while a batch is under way", func(t *testing.T) {
		var batch struct{ Records []any }
		payload := string(read(t, "testdata/all-good.json"))
		if err := json.Unmarshal([]byte(payload), &batch); err != nil {
			t.Fatal(err)
		}
		// It has 250 ms for the answer. Where a busy machine takes them all, it is tried again.
		const grace, tries = 250 * time.Millisecond, 20
		for try := 1; ; try++ {
			c := newCloud(t, payload, false)
			f := start(t, bootstrap, c)
			c.wait(t, f, "dynamodb")
			took := f.terminate(t)
			if len(c.answered) == 0 {
				if took < grace || try == tries {
					t.Fatal("the batch was not answered")
				}
				continue
			}
			answer := <-c.answered
			if n := strings.Count(answer, "itemIdentifier"); n != len(batch.Records) {
				t.Errorf("%d messages come again, want %d: %s", n, len(batch.Records), answer)
			}
			if got := f.count(t); got["record"] != len(batch.Records) || got["batch"] != 1 || got["metrics"] != 1 {
				t.Errorf("the log has %v:\n%s", got, f.stdout.String())
			}
			return
		}
	})

	t.Run("while it waits for work", func(t *testing.T) {
		c := newCloud(t, notJSON, false)
		f := start(t, bootstrap, c)
		c.wait(t, f, "next")
		c.answer(t, f)
		c.wait(t, f, "next")
		f.terminate(t)
		if got := f.count(t); got["record"] != 1 || got["batch"] != 1 || got["metrics"] != 1 || len(got) != 3 {
			t.Errorf("the log has %v:\n%s", got, f.stdout.String())
		}
	})

	t.Run("in Lambda it asks to be told", func(t *testing.T) {
		c := newCloud(t, notJSON, true)
		f := start(t, bootstrap, c, "AWS_LAMBDA_INITIALIZATION_TYPE=on-demand")
		c.wait(t, f, "register")
		c.answer(t, f)
		c.wait(t, f, "next")
		f.terminate(t)
	})
}

// TestWithoutExtensionsAPIItIsQuiet starts on a cloud that has no Extensions API: nobody asks for it, and no line
// speaks of it.
func TestWithoutExtensionsAPIItIsQuiet(t *testing.T) {
	c := newCloud(t, `{"Records":[]}`, false)
	f := start(t, build(t), c)
	c.answer(t, f)
	f.terminate(t)
	for len(c.asked) > 0 { // not closed: the cloud may still be sending the last one
		if <-c.asked == "register" {
			t.Error("it asked for the Extensions API")
		}
	}
	if got := f.count(t); got["batch"] != 1 || got["metrics"] != 1 || len(got) != 2 {
		t.Errorf("the log has %v:\n%s", got, f.stdout.String())
	}
}

// TestTheTraceOfABatch has the real bootstrap write its trace to a daemon of X-Ray: Lambda says where it listens.
func TestTheTraceOfABatch(t *testing.T) {
	daemon, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer daemon.Close() //nolint:errcheck // it was only read from
	c := newCloud(t, notJSON, false)
	f := start(t, build(t), c, "AWS_XRAY_DAEMON_ADDRESS="+daemon.LocalAddr().String())
	c.answer(t, f)
	packet := make([]byte, 64<<10)
	_ = daemon.SetReadDeadline(time.Now().Add(time.Minute)) // it is sent already
	n, err := daemon.Read(packet)
	if err != nil {
		t.Fatal(err)
	}
	f.terminate(t)

	_, text, _ := strings.Cut(string(packet[:n]), "\n") // after a line for the daemon
	var batch struct {
		Name        string
		ParentID    string         `json:"parent_id"`
		Annotations map[string]any `json:"annotations"`
		Subsegments []struct{ Name string }
	}
	if err := json.Unmarshal([]byte(text), &batch); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	var steps []string
	for _, s := range batch.Subsegments {
		steps = append(steps, s.Name)
	}
	if batch.Name != "batch" || batch.ParentID != "53995c3f42cd8ad8" || fmt.Sprint(steps) != "[validate clients backoff]" ||
		batch.Annotations["batch_size"] != 1.0 || batch.Annotations["rejected"] != 1.0 {
		t.Errorf("got %s", text)
	}
	if got := f.count(t); len(got) != 3 {
		t.Errorf("the log has %v:\n%s", got, f.stdout.String())
	}
}
