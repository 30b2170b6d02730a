package dynamo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/uuid"

	"event-processor/internal/batch"
	"event-processor/internal/event"
	"event-processor/internal/storetest"
)

// TestContract holds the adapter to the contract of a store, against the DynamoDB at TEST_ENDPOINT.
func TestContract(t *testing.T) {
	endpoint := os.Getenv("TEST_ENDPOINT")
	if endpoint == "" {
		t.Skip("TEST_ENDPOINT names no local cloud; ./scripts/test-system.sh starts one")
	}
	cfg, err := config.LoadDefaultConfig(t.Context(), config.WithBaseEndpoint(endpoint), config.WithRegion("us-east-1"),
		config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider("test", "test", "")))
	if err != nil {
		t.Fatal(err)
	}
	db := Open(cfg, 8)
	table := "contract-" + uuid.NewString()
	createTable(t, db, table)
	storetest.Run(t, func(_ *testing.T, now func() time.Time) batch.Store {
		events := NewEvents(db, table, 8, 30)
		events.now = now
		return events
	})
}

func createTable(t *testing.T, db *dynamodb.Client, table string) {
	t.Helper()
	_, err := db.CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName:   &table,
		BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{
			{AttributeName: aws.String("client_id"), AttributeType: types.ScalarAttributeTypeS},
			{AttributeName: aws.String("event_id"), AttributeType: types.ScalarAttributeTypeS},
		},
		KeySchema: []types.KeySchemaElement{
			{AttributeName: aws.String("client_id"), KeyType: types.KeyTypeHash},
			{AttributeName: aws.String("event_id"), KeyType: types.KeyTypeRange},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := db.DeleteTable(context.Background(), &dynamodb.DeleteTableInput{TableName: &table}); err != nil {
			t.Errorf("delete the table: %v", err)
		}
	})
}

// script answers the operations of DynamoDB by functions; what has none is a failure of the test.
type script map[string]func(request map[string]any) (status int, answer any)

func (s script) open(t *testing.T) *dynamodb.Client {
	t.Helper()
	return inMemory(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
		var request map[string]any
		if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
			t.Error(err)
		}
		answer, ok := s[operation]
		if !ok {
			t.Errorf("unexpected %s", operation)
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		status, body := answer(request)
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		if o, ok := body.(object); ok && o[sentTwice] != nil {
			w.Header().Set(sentTwice, "yes")
		}
		w.WriteHeader(status)
		if err := json.NewEncoder(w).Encode(body); err != nil {
			t.Error(err)
		}
	}))
}

type object = map[string]any

// each answers every statement of a request by its event id.
func each(request object, answer func(id string) object) object {
	var answers []object
	for _, s := range request["Statements"].([]any) {
		id := s.(object)["Parameters"].([]any)[1].(object)["S"].(string)
		answers = append(answers, answer(id))
	}
	return object{"Responses": answers}
}

func failed(code string) object { return object{"Error": object{"Code": code, "Message": "m"}} }

func some(n int) []event.Event {
	events := make([]event.Event, n)
	for i := range events {
		events[i] = event.Event{ClientID: "c", ID: fmt.Sprintf("e%02d", i), Type: "t", MessageID: fmt.Sprint("m", i), Payload: "{}"}
	}
	return events
}

func reasons(puts []event.Put) []event.Reason {
	var reasons []event.Reason
	for _, put := range puts {
		var failure *event.Failure
		errors.As(put.Err, &failure)
		if failure == nil {
			reasons = append(reasons, "")
		} else {
			reasons = append(reasons, failure.Reason)
		}
	}
	return slices.Compact(slices.Sorted(slices.Values(reasons)))
}

func TestThrottledStatementsAreTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		tries := map[string]int{}
		db := script{"BatchExecuteStatement": func(request object) (int, any) {
			return 200, each(request, func(id string) object {
				mu.Lock()
				defer mu.Unlock()
				tries[id]++
				switch {
				case id == "e01" && tries[id] == 1:
					return failed("ProvisionedThroughputExceeded")
				case id == "e02":
					return failed("ThrottlingError")
				}
				return object{}
			})
		}}.open(t)
		puts := NewEvents(db, "events", 4, 30).PutAll(t.Context(), some(3))
		if puts[0].Err != nil || puts[1].Err != nil {
			t.Errorf("got %v, %v; want both stored", puts[0].Err, puts[1].Err)
		}
		if got := reasons(puts[2:]); !slices.Equal(got, []event.Reason{event.StoreThrottled}) {
			t.Errorf("got %v, want %s", got, event.StoreThrottled)
		}
		if tries["e00"] != 1 || tries["e01"] != 2 || tries["e02"] != maxRounds {
			t.Errorf("tries: %v", tries)
		}
	})
}

func TestWhenTheStoreIsAwayItIsNotAskedLong(t *testing.T) {
	for name, tt := range map[string]struct {
		status int
		kind   string
		want   event.Reason
	}{
		"an error of the server": {500, "InternalServerError", event.StoreUnavailable},
		"throttled as a whole":   {400, "ProvisionedThroughputExceededException", event.StoreThrottled},
		"access denied":          {400, "AccessDeniedException", event.StoreUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var requests atomic.Int32
				db := script{"BatchExecuteStatement": func(object) (int, any) {
					requests.Add(1)
					return tt.status, object{"__type": "com.amazonaws.dynamodb.v20120810#" + tt.kind, "message": "arn:aws:iam::123456789012:role/x"}
				}}.open(t)
				puts := NewEvents(db, "events", 2, 30).PutAll(t.Context(), some(1000))
				if got := reasons(puts); !slices.Contains(got, tt.want) || slices.Contains(got, "") {
					t.Errorf("got %v, want %s", got, tt.want)
				}
				if n := requests.Load(); n > breakAfter+2 { // and those that were in flight by then
					t.Errorf("%d requests for 40 chunks", n)
				}
				if text := puts[0].Err.Error(); strings.Contains(text, "arn:") {
					t.Errorf("the error names an account: %s", text)
				}
			})
		})
	}
}

func TestAStoreThatHangsEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		db := script{"BatchExecuteStatement": func(request object) (int, any) {
			<-release
			return 200, each(request, func(string) object { return object{} })
		}}.open(t)
		t.Cleanup(func() { close(release) })
		ctx, cancel := context.WithTimeout(t.Context(), time.Second) // less than a request may take
		defer cancel()
		began := time.Now()
		if got := reasons(NewEvents(db, "events", 4, 30).PutAll(ctx, some(150))); !slices.Equal(got, []event.Reason{event.DeadlineNear}) {
			t.Errorf("got %v, want %s", got, event.DeadlineNear)
		}
		if took := time.Since(began); took != time.Second {
			t.Errorf("it took %s, want a second", took)
		}
	})
}

// TestOurOwnWriteComeThroughAfterAll loses the answer to a write that was done: the second try finds it there. Such a try
// is ours, or one that net/http made beneath.
func TestOurOwnWriteComeThroughAfterAll(t *testing.T) {
	for name, beneath := range map[string]bool{"tried again by us": false, "tried again beneath": true} {
		t.Run(name, func(t *testing.T) { ownWrite(t, beneath) })
	}
}

func ownWrite(t *testing.T, beneath bool) {
	synctest.Test(t, func(t *testing.T) {
		kept := map[string]object{}
		lost := beneath
		db := script{
			"BatchExecuteStatement": func(request object) (int, any) {
				answer := each(request, func(id string) object {
					if kept[id] != nil {
						return failed("DuplicateItem")
					}
					kept[id] = object{}
					return object{}
				})
				for _, s := range request["Statements"].([]any) {
					p := s.(object)["Parameters"].([]any)
					kept[p[1].(object)["S"].(string)] = object{
						"client_id": p[0], "event_id": p[1], "message_id": p[9], "processed_at": p[11], "payload": p[5],
					}
				}
				if beneath {
					answer = each(request, func(string) object { return failed("DuplicateItem") })
					answer[sentTwice] = true
				}
				if !lost {
					lost = true
					return 500, object{"__type": "InternalServerError"}
				}
				return 200, answer
			},
			"BatchGetItem": func(object) (int, any) {
				items := []object{}
				for _, item := range kept {
					items = append(items, item)
				}
				return 200, object{"Responses": object{"events": items}}
			},
		}.open(t)
		for i, put := range NewEvents(db, "events", 4, 30).PutAll(t.Context(), some(3)) {
			if put != (event.Put{}) {
				t.Errorf("event %d: %+v, want it stored", i, put)
			}
		}
	})
}

// TestTheSameMillisecondElsewhereIsADuplicate has another environment keep the same message in the same millisecond.
func TestTheSameMillisecondElsewhereIsADuplicate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kept := []object{}
		db := script{
			"BatchExecuteStatement": func(request object) (int, any) {
				for _, s := range request["Statements"].([]any) {
					p := s.(object)["Parameters"].([]any)
					kept = append(kept, object{"client_id": p[0], "event_id": p[1], "content_hash": p[6], "message_id": p[9], "processed_at": p[11]})
				}
				return 200, each(request, func(string) object { return failed("DuplicateItem") })
			},
			"BatchGetItem": func(object) (int, any) { return 200, object{"Responses": object{"events": kept}} },
		}.open(t)
		for i, put := range NewEvents(db, "events", 4, 30).PutAll(t.Context(), some(3)) {
			if put.Err != nil || put.Existing == nil {
				t.Errorf("event %d: %+v, want what is there already", i, put)
			}
		}
	})
}

func TestGoneOnTheSecondLookFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := script{
			"BatchExecuteStatement": func(request object) (int, any) {
				return 200, each(request, func(string) object { return failed("DuplicateItem") })
			},
			"BatchGetItem": func(object) (int, any) { return 200, object{"Responses": object{"events": []object{}}} },
		}.open(t)
		if got := reasons(NewEvents(db, "events", 4, 30).PutAll(t.Context(), some(2))); !slices.Equal(got, []event.Reason{event.StoreUnavailable}) {
			t.Errorf("got %v, want %s", got, event.StoreUnavailable)
		}
	})
}

func TestOneRequestKeeps25AndIsBounded(t *testing.T) {
	for name, tt := range map[string]struct {
		events, payload, requests int
	}{
		"a hundred small ones": {100, 600, 4},
		"one more":             {101, 600, 5},
		"ten":                  {10, 600, 1},
		"25 large ones":        {25, 250 << 10, 2},
		"25 of worst escapes":  {-25, 250 << 10, 4},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var requests atomic.Int32
				db := script{"BatchExecuteStatement": func(request object) (int, any) {
					requests.Add(1)
					if text, err := json.Marshal(request); err != nil || len(text) > 4_000_000 {
						t.Errorf("a request of %d bytes, %v", len(text), err)
					}
					return 200, each(request, func(string) object { return object{} })
				}}.open(t)
				filler := "x"
				if tt.events < 0 {
					tt.events, filler = -tt.events, `\`
				}
				events := some(tt.events)
				for i := range events {
					events[i].Payload = strings.Repeat(filler, tt.payload)
				}
				NewEvents(db, "events", 4, 30).PutAll(t.Context(), events)
				if got := int(requests.Load()); got != tt.requests {
					t.Errorf("%d requests, want %d", got, tt.requests)
				}
			})
		})
	}
}

func TestRetention(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var expires []string
		db := script{"BatchExecuteStatement": func(request object) (int, any) {
			for _, s := range request["Statements"].([]any) {
				expires = append(expires, s.(object)["Parameters"].([]any)[12].(object)["N"].(string))
			}
			return 200, each(request, func(string) object { return object{} })
		}}.open(t)
		events := some(2)
		events[1].RetentionDays = 400
		table := NewEvents(db, "events", 4, 30)
		table.now = func() time.Time { return time.Unix(1_000_000_000, 0) }
		table.PutAll(t.Context(), events)
		want := []string{fmt.Sprint(1_000_000_000 + 30*86400), fmt.Sprint(1_000_000_000 + 400*86400)}
		if !slices.Equal(expires, want) {
			t.Errorf("got %v, want %v", expires, want)
		}
	})
}

func TestFindClients(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked [][]any
		left := true
		db := script{"BatchGetItem": func(request object) (int, any) {
			keys := request["RequestItems"].(object)["events-clients"].(object)["Keys"].([]any)
			asked = append(asked, keys)
			if request["RequestItems"].(object)["events-clients"].(object)["ConsistentRead"] != true {
				t.Error("the read is not consistent")
			}
			if left { // DynamoDB may leave keys unprocessed
				left = false
				return 200, object{
					"Responses":       object{"events-clients": []object{}},
					"UnprocessedKeys": object{"events-clients": object{"Keys": keys}},
				}
			}
			items := []object{}
			for _, k := range keys {
				switch id := k.(object)["client_id"].(object)["S"]; id {
				case "client-1":
					items = append(items, object{
						"client_id": object{"S": id}, "name": object{"S": "One"}, "active": object{"BOOL": true},
						"allowed_types": object{"SS": []string{"transaction"}}, "allowed_senders": object{"SS": []string{"AROA"}},
						"retention_days": object{"N": "90"},
					})
				case "client-2":
					items = append(items, object{
						"client_id": object{"S": id}, "active": object{"S": "true"}, "retention_days": object{"N": "3"},
						"allowed_senders": object{"S": "AROA"},
					})
				}
			}
			return 200, object{"Responses": object{"events-clients": items}}
		}}.open(t)
		ids := make([]string, 150)
		for i := range ids {
			ids[i] = fmt.Sprint("client-", i)
		}
		found, err := NewClients(db, "events-clients").Find(t.Context(), ids)
		if err != nil || len(found) != 150 || len(asked) != 3 || len(asked[0]) != maxKeys || len(asked[2]) != 50 {
			t.Fatalf("found %d clients with %d requests, %v", len(found), len(asked), err)
		}
		one, two := found["client-1"], found["client-2"]
		if !one.Active || one.Name != "One" || one.RetentionDays != 90 || !slices.Equal(one.AllowedTypes, []string{"transaction"}) ||
			!slices.Equal(one.AllowedSenders, []string{"AROA"}) {
			t.Errorf("client-1: %+v", one)
		}
		// What is not readable lets nobody in.
		if two.Active || two.Admit("transaction", "AROA", nil) == nil || len(two.AllowedSenders) == 0 {
			t.Errorf("client-2: %+v", two)
		}
		if c, ok := found["client-3"]; c != nil || !ok {
			t.Errorf("client-3: %v, %v; want known to be unknown", c, ok)
		}
	})
}

func TestFindClientsWhileTheTableIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		requests := 0
		db := script{"BatchGetItem": func(object) (int, any) {
			requests++
			return 500, object{"__type": "InternalServerError"}
		}}.open(t)
		found, err := NewClients(db, "events-clients").Find(t.Context(), make([]string, 1000))
		if err == nil || len(found) != 0 || requests > maxRounds {
			t.Errorf("found %v with %d requests, %v", found, requests, err)
		}
	})
}
