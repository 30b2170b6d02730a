package status

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"event-processor/internal/event"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	os.Exit(m.Run())
}

func TestReportInJSON(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := newFakeCloud()
		cloud.waiting, cloud.inFlight, cloud.oldest = 12, 3, 42*time.Second
		cloud.state["events"] = "CREATING"
		cloud.before = func(_ context.Context, part string) {
			if part == "queue" {
				time.Sleep(3140 * time.Microsecond)
			}
		}
		cloud.dead = 3
		cloud.dies(70*time.Second, "m1", "client-001", event.TypeNotAllowed)
		cloud.batch(5*time.Second, 7, 1, 0, 0)
		report := New(cloud.parts(), deployed("staging", "1.4.2")).Report(t.Context())
		if n := len(report.Flow.Minutes); n != 30 {
			t.Errorf("got %d minutes, want 30", n)
		}
		report.Flow.Minutes = report.Flow.Minutes[27:]
		got, err := json.MarshalIndent(report, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile("testdata/report.json")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(strings.TrimSpace(string(want)), string(got)); diff != "" {
			t.Errorf("report differs from testdata/report.json (-want +got):\n%s", diff)
		}
	})
}

func TestReport(t *testing.T) {
	const arn = "arn:aws:sqs:us-east-1:123456789012:secret-queue"
	api := func(code string) error {
		return fmt.Errorf("operation error: %w", &smithy.GenericAPIError{Code: code, Message: arn})
	}
	for name, tt := range map[string]struct {
		stage   string // production where it is ""
		change  func(*fakeCloud)
		healthy bool
		summary string
		check   func(*Report) Check // the one that the error is of
		error   string
		run     []string // the commands of the next steps
	}{
		"all is well": {
			change: func(*fakeCloud) {}, healthy: true, summary: "Everything is working.",
		},
		"dead letters are no illness": {
			change: func(c *fakeCloud) { c.dead = 2 }, healthy: true,
			summary: "2 dead letters.", run: []string{"STAGE=production ./scripts/dlq.sh list"},
		},
		"an old message is no illness": {
			change: func(c *fakeCloud) { c.oldest = tooOld + time.Second }, healthy: true,
			summary: "The oldest message has waited for 5 min.", run: []string{"STAGE=production ./scripts/logs.sh"},
		},
		"a message of just five minutes is not old": {
			change: func(c *fakeCloud) { c.oldest = tooOld }, healthy: true, summary: "Everything is working.",
		},
		"CloudWatch fails": {
			change: func(c *fakeCloud) { c.broken["oldest"] = api("AccessDenied") }, healthy: true,
			summary: "Everything is working.",
		},
		"the queue is gone": {
			change:  func(c *fakeCloud) { c.broken["queue"] = api("AWS.SimpleQueueService.NonExistentQueue") },
			summary: "The queue is not working.", check: func(r *Report) Check { return r.Checks.Queue },
			error: "not found", run: []string{"aws cloudformation detect-stack-drift --stack-name event-processor-production && sleep 30 && " +
				"aws cloudformation describe-stack-resource-drifts --stack-name event-processor-production --stack-resource-drift-status-filters DELETED"},
		},
		"the dead-letter queue may not be looked at": {
			change:  func(c *fakeCloud) { c.broken["dead"] = api("AccessDeniedException") },
			summary: "The dead-letter queue is not working.",
			check:   func(r *Report) Check { return r.Checks.DeadLetterQueue }, error: "access denied",
			run: []string{"sam build && sam deploy --config-env production"},
		},
		"the events table is throttled": {
			change:  func(c *fakeCloud) { c.broken["events"] = api("ThrottlingException") },
			summary: "The events table is not working.", check: func(r *Report) Check { return r.Checks.EventsTable },
			error: "throttled", run: []string{"STAGE=production ./scripts/logs.sh"},
		},
		"the clients table is being made": {
			change:  func(c *fakeCloud) { c.state["clients"] = "CREATING" },
			summary: "The clients table is not working.", check: func(r *Report) Check { return r.Checks.ClientsTable },
			error: "state is creating", run: []string{"sam build && sam deploy --config-env production"},
		},
		"the mapping is switched off": {
			change:  func(c *fakeCloud) { c.state["mapping"] = "Disabled" },
			summary: "The event source mapping is not working.", check: func(r *Report) Check { return r.Checks.Mapping },
			error: "state is disabled", run: []string{enable("event-processor")},
		},
		"the mapping is not counted on a local cloud": {
			stage: "local", change: func(c *fakeCloud) { c.state["mapping"] = "Disabled" },
			healthy: true, summary: "Everything is working.", check: func(r *Report) Check { return r.Checks.Mapping },
			error: "state is disabled",
		},
		"three parts": {
			change: func(c *fakeCloud) {
				c.broken["queue"], c.broken["events"], c.state["clients"] = errors.New("x"), errors.New("x"), "DELETING"
			},
			summary: "The queue, clients table and events table are not working.",
			run:     []string{"STAGE=production ./scripts/logs.sh health", "sam build && sam deploy --config-env production"},
		},
		"an unknown failure": {
			change:  func(c *fakeCloud) { c.broken["queue"] = errors.New(arn) },
			summary: "The queue is not working.", check: func(r *Report) Check { return r.Checks.Queue },
			error: "failed", run: []string{"STAGE=production ./scripts/logs.sh health"},
		},
		"the local cloud is away": {
			stage: "local",
			change: func(c *fakeCloud) {
				for _, part := range []string{"queue", "dead", "events", "clients", "mapping", "oldest", "oldestDead", "metrics", "receives", "log"} {
					c.broken[part] = &net.OpError{Op: "dial", Err: errors.New("connection refused to " + arn)}
				}
			},
			summary: "4 of 4 parts are not working.", check: func(r *Report) Check { return r.Checks.EventsTable },
			error: "unreachable", run: []string{"./scripts/setup-localstack.sh status"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			stage := tt.stage
			if stage == "" {
				stage = "production"
			}
			cloud := newFakeCloud()
			tt.change(cloud)
			r := New(cloud.parts(), deployed(stage, "dev")).Report(t.Context())
			if r.Healthy != tt.healthy || r.Summary != tt.summary {
				t.Errorf("got healthy %v, %q, want %v, %q", r.Healthy, r.Summary, tt.healthy, tt.summary)
			}
			if want := map[bool]string{true: "attention", false: "down"}[tt.healthy]; len(tt.run) == 0 && r.Status != "ok" || len(tt.run) > 0 && r.Status != want {
				t.Errorf("got status %q", r.Status)
			}
			if (r.Since == nil) != (r.Status == "ok") {
				t.Errorf("got since %v with status %q", r.Since, r.Status)
			}
			if tt.check != nil {
				if check := tt.check(r); check.Healthy || check.Error != tt.error {
					t.Errorf("got check %+v, want it to fail with %q", check, tt.error)
				}
			}
			run := []string(nil)
			for _, step := range r.Next {
				run = append(run, step.Run)
			}
			if diff := cmp.Diff(tt.run, run); diff != "" {
				t.Errorf("next steps (-want +got):\n%s", diff)
			}
			if text, _ := json.Marshal(r); bytes.Contains(text, []byte("123456789012")) || bytes.Contains(text, []byte("arn:")) {
				t.Errorf("the report tells an ARN: %s", text)
			}
		})
	}
}

func TestNumbersAreNullWhereTheyAreNotKnown(t *testing.T) {
	cloud := newFakeCloud()
	cloud.broken["queue"], cloud.broken["dead"] = errors.New("x"), errors.New("x")
	text, err := json.Marshal(New(cloud.parts(), deployed("local", "dev")).Report(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"queueDepth":null`, `"inFlight":null`, `"deadLetters":null`, `"oldestAgeSeconds":null`} {
		if !bytes.Contains(text, []byte(want)) {
			t.Errorf("%s does not hold %s", text, want)
		}
	}
}

func TestAPanicFailsItsCheckOnly(t *testing.T) {
	cloud := newFakeCloud()
	cloud.before = func(_ context.Context, part string) {
		switch part {
		case "clients", "oldest", "oldestDead", "metrics", "receives", "log":
			panic("nobody expects this")
		}
	}
	r := New(cloud.parts(), deployed("local", "dev")).Report(t.Context())
	if got := r.Checks.ClientsTable; got.Healthy || got.Error != "internal error" {
		t.Errorf("got %+v, want it to fail with an internal error", got)
	}
	if !r.Checks.EventsTable.Healthy || !r.Checks.Queue.Healthy || !r.Checks.DeadLetterQueue.Healthy {
		t.Errorf("got %+v, want the other checks healthy", r.Checks)
	}
}

func TestLooksRunSideBySideAndEndInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := newFakeCloud()
		cloud.before = func(ctx context.Context, part string) {
			switch part {
			case "mapping", "events", "oldest", "oldestDead", "metrics", "receives", "log":
				<-ctx.Done() // hangs
			default:
				time.Sleep(time.Second)
			}
		}
		start := time.Now()
		r := New(cloud.parts(), deployed("production", "dev")).Report(t.Context())
		if took := time.Since(start); took != lookTimeout {
			t.Errorf("took %s, want %s", took, lookTimeout)
		}
		if r.Checks.Mapping.Error != "timeout" || r.Checks.EventsTable.Error != "timeout" || r.OldestAgeSeconds != nil {
			t.Errorf("got %+v, want mapping and events table to time out", r.Checks)
		}
		if r.Flow != nil || r.Rejecting != nil || r.NewDeadLetters != nil {
			t.Errorf("got %+v, %+v, want neither flow nor rejections known", r.Flow, r.Rejecting)
		}
		if got := r.Checks.Queue; !got.Healthy || got.LatencyMs != 1000 {
			t.Errorf("got queue %+v, want it healthy after 1000 ms", got)
		}
	})
}

func TestAReportServesForFiveSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := newFakeCloud()
		health := New(cloud.parts(), deployed("local", "dev"))
		first := health.Report(t.Context())
		time.Sleep(fresh - time.Nanosecond)
		if health.Report(t.Context()) != first || cloud.looks["queue"] != 1 {
			t.Errorf("looked %d times within five seconds, want once", cloud.looks["queue"])
		}
		time.Sleep(time.Nanosecond)
		if health.Report(t.Context()) == first || cloud.looks["queue"] != 2 {
			t.Errorf("looked %d times after five seconds, want twice", cloud.looks["queue"])
		}
	})
}

func TestCallersAtTheSameTimeShareOneLook(t *testing.T) {
	cloud := newFakeCloud()
	var came, callers sync.WaitGroup
	came.Add(20)
	cloud.before = func(context.Context, string) { came.Wait() }
	health := New(cloud.parts(), deployed("local", "dev"))
	for range 20 {
		callers.Go(func() {
			came.Done()
			health.Report(t.Context())
		})
	}
	callers.Wait()
	for part, looks := range cloud.looks {
		if looks != 1 && part != "log" { // which is read in portions
			t.Errorf("%s was looked at %d times, want once", part, looks)
		}
	}
}

func TestACallerWhoGoesAwayDoesNotSpoilTheReport(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if r := New(newFakeCloud().parts(), deployed("local", "dev")).Report(ctx); !r.Healthy {
		t.Errorf("got %+v, want it healthy", r)
	}
}

func TestTheLogHasTheErrorAndIsBounded(t *testing.T) {
	var out bytes.Buffer
	old := slog.Default()
	slog.SetDefault(slog.New(slog.NewJSONHandler(&out, nil)))
	t.Cleanup(func() { slog.SetDefault(old) })
	cloud := newFakeCloud()
	cloud.broken["events"] = errors.New("no table here\n" + strings.Repeat("x", 10_000))
	New(cloud.parts(), deployed("local", "dev")).Report(t.Context())
	var line struct{ Msg, Check, Reason, Error string }
	if err := json.Unmarshal(out.Bytes(), &line); err != nil {
		t.Fatalf("%v in %s", err, out.Bytes())
	}
	if line.Msg != "Check failed" || line.Check != "eventsTable" || line.Reason != "failed" || !strings.HasPrefix(line.Error, "no table here\n") {
		t.Errorf("got %+v", line)
	}
	if len(line.Error) > maxLogged {
		t.Errorf("got %d bytes of error, want at most %d", len(line.Error), maxLogged)
	}
}

func TestKindOfCode(t *testing.T) {
	for code, want := range map[string]string{
		"AWS.SimpleQueueService.NonExistentQueue": "not found",
		"QueueDoesNotExist":                       "not found",
		"ResourceNotFoundException":               "not found",
		"AccessDenied":                            "access denied",
		"AccessDeniedException":                   "access denied",
		"AuthorizationError":                      "access denied",
		"UnrecognizedClientException":             "access denied",
		"InvalidClientTokenId":                    "access denied",
		"SignatureDoesNotMatch":                   "access denied",
		"ExpiredTokenException":                   "access denied",
		"Throttling":                              "throttled",
		"RequestThrottled":                        "throttled",
		"TooManyRequestsException":                "throttled",
		"RequestTimeout":                          "timeout",
		"InternalFailure":                         "failed",
		"":                                        "failed",
	} {
		if got := kindOfCode(code); got != want {
			t.Errorf("kindOfCode(%q) = %q, want %q", code, got, want)
		}
	}
}

func TestWords(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 12345: "12,345", 1234567: "1,234,567"} {
		if got := number(n); got != want {
			t.Errorf("number(%d) = %q, want %q", n, got, want)
		}
	}
	for s, want := range map[int]string{0: "0 s", 59: "59 s", 60: "1 min", 3599: "59 min", 3600: "1 h", 86399: "23 h", 200000: "2 d"} {
		if got := age(s); got != want {
			t.Errorf("age(%d) = %q, want %q", s, got, want)
		}
	}
	if got, want := list([]string{"a", "b", "c"}), "a, b and c"; got != want {
		t.Errorf("list = %q, want %q", got, want)
	}
}
