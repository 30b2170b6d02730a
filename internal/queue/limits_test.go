package queue_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"event-processor/internal/queue"
	"event-processor/internal/queuetest"
)

// sized are messages of these sizes in bytes as SQS counts, each with a body of its own.
func sized(sizes ...int) []queue.Message {
	messages := make([]queue.Message, len(sizes))
	for i, size := range sizes {
		body := fmt.Sprintf("%04d", i)
		messages[i] = queue.Message{Body: body + strings.Repeat("x", max(size-len(body), 0)), GroupID: fmt.Sprint("client-", i%3)}
	}
	return messages
}

// calls counts the calls of each kind that a server serves.
func calls(s *queuetest.Server) map[string]int {
	var mu sync.Mutex
	n := map[string]int{}
	s.Fate = func(c queuetest.Call) queuetest.Fate {
		mu.Lock()
		defer mu.Unlock()
		n[c.Action]++
		return queuetest.Done
	}
	return n
}

func TestGroupsAreDroppedOnceAndForAll(t *testing.T) {
	for name, allOrNothing := range map[string]bool{"refused by entry": false, "refused by call": true} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			before := slog.Default()
			slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
			t.Cleanup(func() { slog.SetDefault(before) })
			s, q := openServer(t)
			s.NoGroups, s.AllOrNothing = true, allOrNothing
			n := calls(s)
			messages := sized(make([]int, 10)...)
			messages[4].GroupID = ""
			for _, want := range []int{2, 3} { // the first one twice
				for i, err := range q.SendAll(t.Context(), messages) {
					if err != nil {
						t.Errorf("message %d: %v", i, err)
					}
				}
				if n["SendMessageBatch"] != want {
					t.Errorf("got %d calls, want %d", n["SendMessageBatch"], want)
				}
			}
			if got := len(s.Messages("event-dlq")); got != 20 {
				t.Errorf("%d messages arrived, want 20", got)
			}
			q = queue.New(s.Config(), s.URL("event-dlq"), 16)
			log.Reset()
			q.SendAll(t.Context(), sized(make([]int, 400)...)) // many calls find it out side by side
			if got := strings.Count(log.String(), "\n"); got != 1 || !strings.Contains(log.String(), "MessageGroupId") {
				t.Errorf("got %d lines, want one:\n%s", got, log.String())
			}
		})
	}
}

func TestGroupsStayWhereTheyAreTaken(t *testing.T) {
	s, q := openServer(t)
	s.AllOrNothing, s.MaxMessage = true, 100
	s.Fate = func(c queuetest.Call) queuetest.Fate {
		if c.Action == "GetQueueAttributes" {
			return queuetest.Lost
		}
		return queuetest.Done
	}
	q.SendAll(t.Context(), sized(10, 101)) // is refused by the same code, for another reason
	if got := s.Messages("event-dlq"); len(got) != 1 || got[0].System["MessageGroupId"] != "client-0" {
		t.Errorf("got %+v", got)
	}
}

func TestLimits(t *testing.T) {
	const kib = 1 << 10
	for name, tt := range map[string]struct {
		maxMessage, maxCall int
		sizes               []int
		large               map[int]int // limits of those that are too large, by number
		batches, singles    int         // calls
		batchesAgain        int         // when the same is sent once more
	}{
		"one call carries what the queue states": {maxMessage: 100, sizes: []int{50, 50, 100, 1}, batches: 3, batchesAgain: 3},
		"too large is not even sent":             {maxMessage: 100, sizes: []int{101, 100}, large: map[int]int{0: 100}, batches: 1, batchesAgain: 1},
		"all are too large":                      {maxMessage: 100, sizes: []int{101, 102}, large: map[int]int{0: 100, 1: 100}},
		"a call holds less than a message": { // LocalStack 3.1; 262638 is the sample that is too large for the processor
			maxMessage: 1024 * kib, maxCall: 256 * kib, sizes: []int{200, 262638, 256 * kib, 1024*kib + 1}, large: map[int]int{3: 1024 * kib},
			batches: 1 + 2, singles: 1, batchesAgain: 2,
		},
		"alone too long for a call":           {maxMessage: 1024 * kib, maxCall: 256 * kib, sizes: []int{262638}, batches: 1, singles: 1},
		"a queue that states nothing":         {sizes: []int{128 * kib, 128 * kib, 1}, batches: 2, batchesAgain: 2},
		"and takes what no call should carry": {sizes: []int{1, 300 * kib}, batches: 1, singles: 1, batchesAgain: 1},
	} {
		t.Run(name, func(t *testing.T) {
			s, q := openServer(t)
			s.MaxMessage, s.MaxCall = tt.maxMessage, tt.maxCall
			n := calls(s)
			messages := sized(tt.sizes...)
			for again, batches := range []int{tt.batches, tt.batchesAgain} {
				clear(n)
				for i, err := range q.SendAll(t.Context(), messages) {
					var large *queue.TooLargeError
					switch limit := tt.large[i]; {
					case limit == 0 && err != nil:
						t.Errorf("message %d: %v", i, err)
					case limit > 0 && (!errors.As(err, &large) || *large != queue.TooLargeError{Bytes: tt.sizes[i], Limit: limit}):
						t.Errorf("message %d: got %v, want too large for %d", i, err, limit)
					}
				}
				if n["SendMessageBatch"] != batches || n["SendMessage"] != tt.singles || n["GetQueueAttributes"] != 1-again {
					t.Errorf("round %d: got calls %v, want %d batches and %d singles", again, n, batches, tt.singles)
				}
			}
			if got, want := len(s.Messages("event-dlq")), 2*(len(messages)-len(tt.large)); got != want {
				t.Errorf("%d messages arrived, want %d", got, want)
			}
		})
	}
}

func TestTheQueueHasTheLastWordWhereItDoesNotStateItsLimit(t *testing.T) {
	for name, allOrNothing := range map[string]bool{"by entry": false, "by call": true} {
		t.Run(name, func(t *testing.T) {
			s, q := openServer(t)
			s.MaxMessage, s.AllOrNothing = 300<<10, allOrNothing
			s.Fate = func(c queuetest.Call) queuetest.Fate {
				if c.Action == "GetQueueAttributes" {
					return queuetest.Lost
				}
				return queuetest.Done
			}
			errs := q.SendAll(t.Context(), sized(10, 300<<10, 300<<10+1, 10))
			s.MaxMessage = 9
			errs = append(errs, q.SendAll(t.Context(), sized(9, 10))...)
			for i, want := range []int{0, 0, 300 << 10, 0, 0, 9} {
				var large *queue.TooLargeError
				if (errs[i] != nil) != (want > 0) || want > 0 && (!errors.As(errs[i], &large) || large.Limit != want) {
					t.Errorf("message %d: got %v, want a limit of %d", i, errs[i], want)
				}
			}
		})
	}
}

func TestASendThatWasGivenUpLearnsNothing(t *testing.T) {
	s, q := openServer(t)
	s.MaxMessage = 100
	n := calls(s)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	q.SendAll(ctx, sized(1))
	var large *queue.TooLargeError
	if err := q.SendAll(t.Context(), sized(101))[0]; !errors.As(err, &large) || n["SendMessageBatch"] != 0 {
		t.Errorf("got %v and calls %v, want it too large, and not sent", err, n)
	}
}

// TestEveryMessageEndsInOnePlace: whatever a cloud cannot do, a message is there once, or too large for the queue, and
// the same messages are then sent without any call that is refused.
func TestEveryMessageEndsInOnePlace(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := queuetest.New()
		defer s.Close()
		s.NoGroups, s.AllOrNothing = rapid.Bool().Draw(t, "no groups"), rapid.Bool().Draw(t, "all or nothing")
		s.MaxMessage = rapid.SampledFrom([]int{0, 50, 300}).Draw(t, "message")
		s.MaxCall = rapid.SampledFrom([]int{0, 1, 40, 300, 1000}).Draw(t, "call")
		states := rapid.Bool().Draw(t, "states")
		var mu sync.Mutex
		tooLong := 0
		s.Fate = func(c queuetest.Call) queuetest.Fate {
			mu.Lock()
			defer mu.Unlock()
			if c.Action == "SendMessageBatch" && s.MaxCall > 0 && c.Bytes > s.MaxCall {
				tooLong++
			}
			if c.Action == "GetQueueAttributes" && !states {
				return queuetest.Lost
			}
			return queuetest.Done
		}
		q := queue.New(s.Config(), s.URL("event-queue"), 4)
		messages := sized(rapid.SliceOfN(rapid.IntRange(4, 400), 1, 60).Draw(t, "sizes")...)
		want := map[string]int{}
		for round := 1; round <= 2; round++ {
			tooLong = 0
			for i, err := range q.SendAll(context.Background(), messages) {
				bytes := len(messages[i].Body)
				if s.MaxMessage == 0 || bytes <= s.MaxMessage {
					want[messages[i].Body] = round
					if err != nil {
						t.Fatalf("message %d: %v", i, err)
					}
					continue
				}
				var large *queue.TooLargeError
				if !errors.As(err, &large) || *large != (queue.TooLargeError{Bytes: bytes, Limit: s.MaxMessage}) {
					t.Fatalf("message %d: got %v, want it too large", i, err)
				}
			}
			got := map[string]int{}
			for _, m := range s.Messages("event-queue") {
				got[m.Body]++
				if (m.System["MessageGroupId"] != "") == s.NoGroups {
					t.Fatalf("got group %q", m.System["MessageGroupId"])
				}
			}
			for body, n := range want {
				if got[body] != n {
					t.Fatalf("%s is there %d times, want %d", body, got[body], n)
				}
			}
			if len(got) != len(want) {
				t.Fatalf("%d messages arrived, want %d", len(got), len(want))
			}
		}
		if tooLong > 0 {
			t.Fatalf("%d calls were too long in the second round", tooLong)
		}
	})
}
