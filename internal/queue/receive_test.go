package queue_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"event-processor/internal/event"
	"event-processor/internal/queue"
	"event-processor/internal/queuetest"
)

func openServer(t *testing.T) (*queuetest.Server, *queue.Queue) {
	t.Helper()
	s := queuetest.New()
	t.Cleanup(s.Close)
	return s, queue.New(s.Config(), s.URL("event-dlq"), 4)
}

func receiveAll(t *testing.T, q *queue.Queue) (all []queue.Received) {
	t.Helper()
	for {
		messages, err := q.Receive(t.Context(), 30*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		if len(messages) == 0 {
			return all
		}
		all = append(all, messages...)
	}
}

func TestReceiveAndSendOn(t *testing.T) {
	s, q := openServer(t)
	correlation, number := "c-1", "0012"
	id := s.Put("event-dlq", queuetest.Message{
		Body: "é \u2028",
		Attributes: map[string]queuetest.Attribute{
			"CorrelationId": {DataType: "String", StringValue: &correlation}, "N": {DataType: "Number.int", StringValue: &number},
			"B": {DataType: "Binary", BinaryValue: []byte{0, 255}},
		},
		System: map[string]string{"SentTimestamp": "1768473000123", "MessageGroupId": "g", "AWSTraceHeader": "Root=1-x"},
	})
	m := receiveAll(t, q)[0]
	record := m.Record()
	want := event.Record{
		MessageID: id, ReceiptHandle: m.ReceiptHandle, Body: "é \u2028", SentAt: time.UnixMilli(1768473000123), ReceiveCount: 1,
		SenderID: "AROATEST:someone", CorrelationID: "c-1", TraceHeader: "Root=1-x",
	}
	if diff := cmp.Diff(want, record); diff != "" || m.Damaged {
		t.Errorf("damaged: %v; -want +got:\n%s", m.Damaged, diff)
	}
	for _, err := range queue.New(s.Config(), s.URL("event-queue"), 1).SendAll(t.Context(), []queue.Message{m.Message()}) {
		if err != nil {
			t.Fatal(err)
		}
	}
	sent, kept := s.Messages("event-queue")[0], s.Messages("event-dlq")[0]
	if diff := cmp.Diff(kept.Attributes, sent.Attributes); diff != "" || sent.Body != kept.Body ||
		sent.System["MessageGroupId"] != "g" || sent.System["AWSTraceHeader"] != "Root=1-x" {
		t.Errorf("sent on as %+v\n%s", sent, diff)
	}
}

func TestABodyThatIsNotUnicodeHarmsNoOther(t *testing.T) {
	s, q := openServer(t)
	s.Put("event-dlq", queuetest.Message{Body: "good"})
	bad := s.Put("event-dlq", queuetest.Message{Body: "a\xffb"}) // JSON cannot carry it as it is
	messages := receiveAll(t, q)
	if len(messages) != 2 {
		t.Fatalf("%d messages", len(messages))
	}
	for _, m := range messages {
		if m.Damaged != (m.ID == bad) {
			t.Errorf("%q is damaged: %v", m.Body, m.Damaged)
		}
	}
}

// TestADamagedAttributeIsSaid: what is replaced in an attribute is as lost as what is replaced in a body.
func TestADamagedAttributeIsSaid(t *testing.T) {
	s, q := openServer(t)
	text := func(s string) map[string]queuetest.Attribute {
		return map[string]queuetest.Attribute{
			"a": {DataType: "String", StringValue: &s}, "b": {DataType: "Binary.x", BinaryValue: []byte{0, 1}},
		}
	}
	s.Put("event-dlq", queuetest.Message{Body: "good", Attributes: text("sent as it is: \ufffd")})
	bad := s.Put("event-dlq", queuetest.Message{Body: "good", Attributes: text("a\xffb")})
	for _, m := range receiveAll(t, q) {
		if m.DamagedAttributes != (m.ID == bad) || m.Whole() == (m.ID == bad) || m.Damaged {
			t.Errorf("%v are damaged: %v; the body: %v", m.Attributes, m.DamagedAttributes, m.Damaged)
		}
	}
}

func TestDelete(t *testing.T) {
	for name, tt := range map[string]struct {
		fate queuetest.Fate // of the first call
		left int
		err  string
	}{
		"in calls of ten":               {},
		"failed entries are read":       {fate: queuetest.Partly}, // and tried again
		"a lost call deletes nothing":   {fate: queuetest.Lost, left: 10, err: "delete messages"},
		"a lost answer is not known of": {fate: queuetest.Unsaid, err: "delete messages"},
	} {
		t.Run(name, func(t *testing.T) {
			s, q := openServer(t)
			for range 25 {
				s.Put("event-dlq", queuetest.Message{Body: "x"})
			}
			var handles []string
			for _, m := range receiveAll(t, q) {
				handles = append(handles, m.ReceiptHandle)
			}
			calls := 0
			s.Fate = func(queuetest.Call) queuetest.Fate {
				if calls++; calls == 1 {
					return tt.fate
				}
				return queuetest.Done
			}
			errs := q.Delete(t.Context(), handles[:20])
			failed := slices.DeleteFunc(errs, func(err error) bool { return err == nil })
			if tt.err == "" && len(failed) > 0 || tt.err != "" && (len(failed) != 10 || !strings.Contains(failed[0].Error(), tt.err)) {
				t.Errorf("%d failed: %v", len(failed), failed)
			}
			if left := len(s.Messages("event-dlq")) - 5; left != tt.left {
				t.Errorf("%d of 20 are left, want %d", left, tt.left)
			}
		})
	}
}

func TestClockIsTheServers(t *testing.T) {
	s, q := openServer(t)
	s.Advance(48 * time.Hour)
	at, err := q.Clock(t.Context())
	if ahead := time.Until(at); err != nil || ahead < 47*time.Hour || ahead > 49*time.Hour {
		t.Errorf("got %s, %v", at, err)
	}
}

func TestVisibleAgainIsNoFailure(t *testing.T) {
	s, q := openServer(t)
	s.Put("event-dlq", queuetest.Message{Body: "x"})
	m := receiveAll(t, q)[0]
	s.Advance(time.Hour)
	if err := q.SetVisibility(t.Context(), []queue.Visibility{{ReceiptHandle: m.ReceiptHandle}}); err != nil {
		t.Error(err)
	}
	if err := q.SetVisibility(t.Context(), []queue.Visibility{{ReceiptHandle: "forged"}}); err == nil || !strings.Contains(err.Error(), "ReceiptHandleIsInvalid") {
		t.Errorf("got %v", err)
	}
}
