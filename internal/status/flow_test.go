package status

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"event-processor/internal/event"
)

// inBubble runs a test on a clock of its own, which begins at 14:03:30 UTC.
func inBubble(t *testing.T, test func(t *testing.T)) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(14*time.Hour + 3*time.Minute + 30*time.Second)
		test(t)
	})
}

// sums of the window: stored, duplicate, rejected, failed.
func sums(f *Flow) (of [4]int) {
	for _, m := range f.Minutes {
		of[0], of[1], of[2], of[3] = of[0]+m.Stored, of[1]+m.Duplicate, of[2]+m.Rejected, of[3]+m.Failed
	}
	return of
}

func TestFlowFromTheLog(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		cloud := newFakeCloud()
		cloud.batch(40*time.Minute, 1000, 0, 0, 0) // before the window
		cloud.batch(20*time.Minute, 180, 18, 0, 0)
		cloud.batch(20*time.Minute, 3, 0, 0, 2)
		for i := range 4 {
			cloud.dies(19*time.Minute, fmt.Sprint("m", i), "client-001", event.SchemaViolation)
		}
		cloud.lines = append(cloud.lines, line{time.Now(), "REPORT \"batch\" \"record\""}, line{time.Now(), `{"message":"batch","records":"x"}`})
		r := New(cloud.parts(), deployed("local", "dev")).Report(t.Context())
		if got, want := sums(r.Flow), [4]int{183, 18, 4, 2}; got != want || r.Flow.Source != "log" {
			t.Errorf("got %v from %s, want %v from the log", got, r.Flow.Source, want)
		}
		at := func(clock string) Minute {
			return r.Flow.Minutes[slices.IndexFunc(r.Flow.Minutes, func(m Minute) bool { return m.Clock() == clock })]
		}
		if m := at("13:43"); m.Stored != 183 || m.Duplicate != 18 || m.Failed != 2 || m.Rejected != 0 {
			t.Errorf("got %+v", m)
		}
		if m := at("13:44"); m.Rejected != 4 {
			t.Errorf("got %+v, want each rejected message once", m)
		}
		if first, last := r.Flow.Minutes[0].Clock(), r.Flow.Minutes[29].Clock(); first != "13:34" || last != "14:03" {
			t.Errorf("got %s to %s", first, last)
		}
		if want := "Last event 13:44 UTC, 19 minutes ago."; r.Flow.Summary != want {
			t.Errorf("got %q, want %q", r.Flow.Summary, want)
		}
		if want := "2.9 % errors: 4 rejected and 2 failed of 207."; r.Flow.Errors != want || *r.Flow.ErrorShare != 0.029 {
			t.Errorf("got %q, %v, want %q", r.Flow.Errors, *r.Flow.ErrorShare, want)
		}
		if r.Status != "ok" || len(r.Next) > 0 {
			t.Errorf("got %s, %+v: a sender that sends nothing is no fault", r.Status, r.Next)
		}
	})
}

func TestFlowFromTheMetrics(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		cloud := newFakeCloud()
		minute := time.Now().UTC().Truncate(time.Minute)
		cloud.metrics = map[time.Time]map[event.Outcome]int{
			minute.Add(-2 * time.Hour):   {event.Stored: 1000},
			minute.Add(-5 * time.Minute): {event.Stored: 90, event.Rejected: 7},
			minute.Add(-4 * time.Minute): {event.Rejected: 3, event.Failed: 1},
		}
		cloud.batch(4*time.Minute, 55, 0, 0, 0) // metrics have it, too
		cloud.record(4*time.Minute, "m1", "client-002", event.UnknownClient, 5)
		r := New(cloud.parts(), deployed("production", "dev")).Report(t.Context())
		if got, want := sums(r.Flow), [4]int{90, 0, 2, 1}; got != want || r.Flow.Source != "metrics" {
			t.Errorf("got %v from %s, want %v from the metrics", got, r.Flow.Source, want)
		}
		if m := r.Flow.Minutes[25]; m.Rejected != 1 {
			t.Errorf("got %+v, want one: two receives of the second message are in the next minute", m)
		}
		if len(r.Rejecting) != 1 || r.Rejecting[0].ClientID != "client-002" {
			t.Errorf("got %+v", r.Rejecting)
		}
		cloud.set(func(c *fakeCloud) { c.broken["log"] = errors.New("refused") })
		time.Sleep(fresh)
		if r = New(cloud.parts(), deployed("production", "dev")).Report(t.Context()); r.Flow == nil || r.Rejecting != nil || r.NewDeadLetters != nil || r.Status != "ok" {
			t.Errorf("got %+v, %+v, want the flow without what the log says", r.Flow, r.Rejecting)
		}
		cloud.set(func(c *fakeCloud) { delete(c.broken, "log"); c.broken["metrics"] = errors.New("refused") })
		if r = New(cloud.parts(), deployed("production", "dev")).Report(t.Context()); r.Flow == nil || r.Flow.Source != "log" || sums(r.Flow)[0] != 55 {
			t.Errorf("got %+v, want the log where metrics are refused", r.Flow)
		}
	})
}

func TestLastEvent(t *testing.T) {
	for ago, want := range map[time.Duration]string{
		0:                            "Last event 14:03 UTC, 0 seconds ago.",
		27 * time.Minute:             "Last event 13:36 UTC, 27 minutes ago.",
		5 * time.Hour:                "Last event 09:03 UTC, 5 hours ago.",
		14*time.Hour + 5*time.Minute: "Last event 31 December 23:58 UTC, 14 hours ago.",
		30 * time.Hour:               "No event in the last 24 hours.",
	} {
		t.Run(ago.String(), func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				cloud := newFakeCloud()
				cloud.batch(ago, 1, 0, 0, 0)
				if got := New(cloud.parts(), deployed("local", "dev")).Report(t.Context()).Flow.Summary; got != want {
					t.Errorf("got %q, want %q", got, want)
				}
			})
		})
	}
}

func TestWhoIsRejectedMost(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		cloud := newFakeCloud()
		die := func(n int, client string, reason event.Reason) {
			for range n {
				cloud.dies(time.Minute, fmt.Sprint("m", len(cloud.lines)), client, reason)
			}
		}
		die(2, "client-001", event.TypeNotAllowed)
		die(3, "client-001", event.SchemaViolation)
		die(4, "client-002", event.UnknownClient)
		die(1, "client-003", event.UnknownClient)
		die(3, `<b>arn:aws:123456789012`, event.MalformedJSON) // one who writes into the log by an id
		cloud.record(time.Minute, "f1", "client-004", event.StoreThrottled, 1)
		cloud.dies(31*time.Minute, "old", "client-005", event.UnknownClient)
		r := New(cloud.parts(), deployed("local", "dev")).Report(t.Context())
		want := []Rejecting{
			{"client-001", 5, []ReasonMessage{{event.SchemaViolation, 3}, {event.TypeNotAllowed, 2}}},
			{"client-002", 4, []ReasonMessage{{event.UnknownClient, 4}}},
			{"", 3, []ReasonMessage{{event.MalformedJSON, 3}}},
		}
		if diff := cmp.Diff(want, r.Rejecting); diff != "" {
			t.Errorf("want (-), got (+):\n%s", diff)
		}
	})
}

func TestDeadLetters(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		cloud := newFakeCloud()
		cloud.dead = 220
		for i := range 12 {
			cloud.dies(10*time.Minute, fmt.Sprint("new", i), "client-001", event.PermanentReasons[i%3])
		}
		cloud.record(20*time.Minute, "failed", "client-001", event.StoreUnavailable, 5)
		cloud.record(20*time.Minute, "comes again", "client-001", event.StoreUnavailable, 4)
		for i := range 8 {
			cloud.dies(3*time.Hour, fmt.Sprint("day", i), "client-001", event.PermanentReasons[0])
		}
		cloud.dies(25*time.Hour, "old", "client-001", event.PermanentReasons[1])
		health := New(cloud.parts(), deployed("local", "dev"))
		r := health.Report(t.Context())
		if want := "220 dead letters, 13 of them new."; r.Summary != want || r.Status != "attention" {
			t.Errorf("got %s, %q, want %q", r.Status, r.Summary, want)
		}
		p := event.PermanentReasons
		want := []Died{{p[0], 4, 12}, {p[1], 4, 4}, {p[2], 4, 4}, {event.StoreUnavailable, 1, 1}}
		if diff := cmp.Diff(want, r.DeadLetterReasons); diff != "" {
			t.Errorf("want (-), got (+):\n%s", diff)
		}
		what := fmt.Sprintf("220 dead letters wait for a decision. In the last half hour died: %s 4, %s 4, %s 4 and 1 other.", p[0], p[1], p[2])
		if r.Next[0].What != what || r.Next[0].Urgent {
			t.Errorf("got %+v, want %q, not urgent", r.Next[0], what)
		}
		for dead, want := range map[int]string{
			0: "Everything is working.", 1: "1 dead letter, perhaps new.", 13: "13 dead letters, perhaps new.",
			14: "14 dead letters, at most 13 of them new.", 21: "21 dead letters, 13 of them new.",
		} {
			cloud.set(func(c *fakeCloud) { c.dead = dead })
			if got := New(cloud.parts(), deployed("local", "dev")).Report(t.Context()); got.Summary != want || dead == 0 && len(got.DeadLetterReasons) > 0 {
				t.Errorf("got %q, %+v, want %q", got.Summary, got.DeadLetterReasons, want)
			}
		}
		cloud.set(func(c *fakeCloud) {
			c.dead, c.lines = 1, nil
			c.dies(time.Minute, "only", "client-001", event.UnknownClient)
		})
		if got, want := New(cloud.parts(), deployed("local", "dev")).Report(t.Context()).Summary, "1 new dead letter."; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		cloud.set(func(c *fakeCloud) { c.dead = 13 })
		time.Sleep(40 * time.Minute)
		if got, want := health.Report(t.Context()).Summary, "13 dead letters."; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

// TestWhatHasLeftTheQueueIsNotNew: where the queue was seen empty, what died before is not in it.
func TestWhatHasLeftTheQueueIsNotNew(t *testing.T) {
	for stage, want := range map[string]string{"local": "2 dead letters, all of them new.", "production": "2 dead letters, perhaps new."} {
		t.Run(stage, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				cloud := newFakeCloud()
				for i := range 20 {
					cloud.dies(30*time.Second, fmt.Sprint("sample", i), "client-001", event.SchemaViolation)
				}
				health := New(cloud.parts(), deployed(stage, "dev"))
				health.Report(t.Context())
				time.Sleep(time.Minute)
				cloud.set(func(c *fakeCloud) {
					c.dead = 2
					c.dies(5*time.Second, "a", "client-001", event.UnknownClient)
					c.dies(5*time.Second, "b", "client-001", event.UnknownClient)
				})
				r := health.Report(t.Context())
				if r.Summary != want {
					t.Errorf("got %q, want %q", r.Summary, want)
				}
				if stage == "local" && (len(r.DeadLetterReasons) != 1 || r.DeadLetterReasons[0] != Died{event.UnknownClient, 2, 2}) {
					t.Errorf("got %+v", r.DeadLetterReasons)
				}
			})
		})
	}
}

func TestSince(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		cloud := newFakeCloud()
		health := New(cloud.parts(), deployed("local", "dev"))
		since := func(want string, change func(*fakeCloud)) {
			t.Helper()
			time.Sleep(time.Minute)
			cloud.set(change)
			got := "never"
			if at := health.Report(t.Context()).Since; at != nil {
				got = at.Format(time.TimeOnly)
			}
			if got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		}
		since("never", func(*fakeCloud) {})
		since("14:05:30", func(c *fakeCloud) { c.broken["queue"] = errors.New("x") })
		since("14:05:30", func(c *fakeCloud) { delete(c.broken, "queue"); c.state["events"] = "DELETING" })
		since("never", func(c *fakeCloud) { c.state["events"] = "ACTIVE" })
		since("13:58:30", func(c *fakeCloud) { c.waiting, c.oldest = 1, 10*time.Minute })
		since("never", func(c *fakeCloud) { c.waiting, c.oldest = 0, -1 })
		since("14:09:30", func(c *fakeCloud) { c.dead = 1; c.dies(time.Minute, "m1", "client-001", event.UnknownClient) })
		since("never", func(c *fakeCloud) { c.dead = 0 })
		since("11:12:30", func(c *fakeCloud) { c.dead, c.oldestDead = 7, 3*time.Hour })
	})
}

func TestStalled(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		cloud := newFakeCloud()
		health := New(cloud.parts(), deployed("local", "dev"))
		look := func(want string, change func(*fakeCloud)) *Report {
			t.Helper()
			time.Sleep(time.Minute)
			cloud.set(change)
			r := health.Report(t.Context())
			if r.Summary != want {
				t.Errorf("%s: got %q, want %q", clock(r.CheckedAt, r.CheckedAt), r.Summary, want)
			}
			return r
		}
		const well = "Everything is working."
		look(well, func(c *fakeCloud) { c.batch(0, 5, 0, 0, 0) })
		look(well, func(c *fakeCloud) { c.waiting = 12 }) // 14:05:30
		for range 3 {
			look(well, func(*fakeCloud) {})
		}
		look(well, func(c *fakeCloud) { c.batch(10*time.Second, 5, 0, 0, 0) }) // it is only slow
		for range 4 {
			look(well, func(*fakeCloud) {})
		}
		r := look("12 messages wait, and nothing is processed.", func(*fakeCloud) {})
		if want := "12 messages wait, and none was processed since 14:09 UTC. See what the processor says."; r.Next[0].What != want || !r.Next[0].Urgent {
			t.Errorf("got %+v, want %q, urgent", r.Next[0], want)
		}
		r = look("1 message waits, and nothing is processed.", func(c *fakeCloud) { c.waiting, c.state["mapping"] = 1, "Disabled" })
		if r.Next[0].Run != enable("event-processor") {
			t.Errorf("got %+v, want the mapping switched on", r.Next[0])
		}
		look("1 message waits, and nothing is processed; 3 dead letters.", func(c *fakeCloud) { c.dead = 3 })
		look(well, func(c *fakeCloud) { c.dead, c.waiting = 0, 0 })
		look(well, func(c *fakeCloud) { c.waiting = 1 })
	})
}

func TestEveryRecordFails(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*fakeCloud)
		want   string
	}{
		"an outage": {func(c *fakeCloud) {
			c.batch(8*time.Minute, 5, 0, 0, 0)
			c.batch(3*time.Minute, 0, 0, 0, 7)
			c.batch(0, 0, 0, 0, 7)
		}, "Every record fails."},
		"over":              {func(c *fakeCloud) { c.batch(3*time.Minute, 0, 0, 0, 70); c.batch(0, 7, 0, 0, 0) }, "Everything is working."},
		"a handful":         {func(c *fakeCloud) { c.batch(0, 0, 0, 0, 9) }, "Everything is working."},
		"long ago":          {func(c *fakeCloud) { c.batch(10*time.Minute, 0, 0, 0, 70) }, "Everything is working."},
		"some are rejected": {func(c *fakeCloud) { c.batch(time.Minute, 0, 0, 1, 70); c.batch(0, 0, 0, 4, 70) }, "Everything is working."},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				cloud := newFakeCloud()
				tt.change(cloud)
				r := New(cloud.parts(), deployed("local", "dev")).Report(t.Context())
				if r.Summary != tt.want {
					t.Errorf("got %q, want %q", r.Summary, tt.want)
				}
				if r.Since != nil && r.Since.Format(time.TimeOnly) != "14:00:00" {
					t.Errorf("got since %s, want the first minute in which all failed", r.Since)
				}
			})
		})
	}
}

// TestTheFlowIsNeverSlow: what hangs is not known after a second, and the health of the service is.
func TestTheFlowIsNeverSlow(t *testing.T) {
	for name, hanging := range map[string][]string{
		"all": {"metrics", "log", "receives"}, "metrics": {"metrics"}, "the log": {"log"}, "the redrive policy": {"receives"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				cloud := newFakeCloud()
				cloud.batch(0, 5, 0, 0, 0)
				cloud.before = func(ctx context.Context, part string) {
					if slices.Contains(hanging, part) {
						<-ctx.Done()
					}
				}
				start := time.Now()
				r := New(cloud.parts(), deployed("production", "dev")).Report(t.Context())
				if took := time.Since(start); took > time.Second || r.Status != "ok" {
					t.Errorf("took %s: %s", took, r.Status)
				}
				if known := name == "metrics"; (r.Flow != nil) != known {
					t.Errorf("got flow %+v, want it known: %v", r.Flow, known)
				}
			})
		})
	}
}

// TestALongLogIsReadBitByBit: what there was no time for is read at the next look, and nothing is counted twice.
func TestALongLogIsReadBitByBit(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		cloud := newFakeCloud()
		for i := range 280 {
			cloud.batch(29*time.Minute-time.Duration(i)*6*time.Second, 1, 0, 0, 0)
		}
		cloud.before = func(_ context.Context, part string) {
			if part == "line" {
				time.Sleep(10 * time.Millisecond)
			}
		}
		health := New(cloud.parts(), deployed("local", "dev"))
		var looks int
		for r := health.Report(t.Context()); r.Flow == nil; r = health.Report(t.Context()) {
			if looks++; looks > 10 {
				t.Fatal("the log is never read to its end")
			}
			time.Sleep(fresh)
		}
		if looks < 2 {
			t.Errorf("the log was read in %d looks", looks)
		}
		cloud.set(func(c *fakeCloud) { c.before = nil })
		time.Sleep(fresh)
		if got := sums(health.Report(t.Context()).Flow)[0]; got != 280 {
			t.Errorf("got %d, want 280", got)
		}
	})
}

// TestAnEnvironmentThatSlept reads what it has missed.
func TestAnEnvironmentThatSlept(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		cloud := newFakeCloud()
		cloud.batch(0, 5, 0, 0, 0)
		health := New(cloud.parts(), deployed("local", "dev"))
		health.Report(t.Context())
		time.Sleep(40 * time.Minute)
		cloud.set(func(c *fakeCloud) {
			c.batch(33*time.Minute, 1, 0, 0, 0)
			c.batch(20*time.Minute, 3, 0, 0, 0)
		})
		if r := health.Report(t.Context()); sums(r.Flow)[0] != 3 || r.Flow.Summary != "Last event 14:23 UTC, 20 minutes ago." {
			t.Errorf("got %v, %q", sums(r.Flow), r.Flow.Summary)
		}
		time.Sleep(3 * time.Minute)
		cloud.set(func(c *fakeCloud) { c.batch(150*time.Second, 4, 0, 0, 0) })
		if r := health.Report(t.Context()); sums(r.Flow)[0] != 7 {
			t.Errorf("got %v", sums(r.Flow))
		}
	})
}

// FuzzTheLogIsNotRepeated: whatever a line holds, what leaves are ids of clients and reasons of the table.
func FuzzTheLogIsNotRepeated(f *testing.F) {
	f.Add("client-001", "schema_violation", "rejected")
	f.Add("x7Qz arn:aws:iam::123456789012:root", "x7Qz", "rejected")
	f.Add("</script>x7Qz", `"x7Qz`, "failed")
	f.Fuzz(func(t *testing.T, client, reason, outcome string) {
		const mark = "x7Qz "
		cloud := newFakeCloud()
		cloud.dead = 3
		text, _ := json.Marshal(map[string]any{
			"message": "record", "message_id": mark, "client_id": client + mark, "reason": mark + reason, "outcome": outcome,
			"receive_count": 5, "detail": mark, "correlation_id": mark,
		})
		cloud.lines = []line{{time.Now(), string(text)}}
		h := New(cloud.parts(), deployed("local", "dev"))
		for _, path := range []string{"/", "/health"} {
			if body := serve(t, h, "GET", path).Body.String(); strings.Contains(body, "x7Qz") {
				t.Errorf("%s repeats the log: %s", path, body)
			}
		}
	})
}
