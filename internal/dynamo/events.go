package dynamo

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http/httptrace"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"event-processor/internal/event"
)

const (
	maxStatements   = 25        // of one BatchExecuteStatement
	maxRequestBytes = 3_800_000 // of one BatchExecuteStatement, which takes 4 MB
	maxKeys         = 100       // of one BatchGetItem
	maxWhole        = 10        // of one BatchGetItem that asks for payloads: 4 MB, since an item holds 400 KB
	maxRounds       = 3         // attempts to keep an event within a batch
	breakAfter      = 3         // failed requests in a row, after which the store is taken to be away
	firstPause      = 50 * time.Millisecond
	requestTimeout  = 5 * time.Second
)

// The attributes of an event, in the order of their parameters. With them and a payload of 600 bytes an item
// stays below 1 KB: one write unit.
const insertValue = `{'client_id':?,'event_id':?,'event_type':?,'version':?,'occurred_at':?,'payload':?,` +
	`'content_hash':?,'priority':?,'correlation_id':?,'message_id':?,'received_at':?,'processed_at':?,'expires_at':?}`

// timeFormat is RFC 3339 with milliseconds, always in UTC.
const timeFormat = "2006-01-02T15:04:05.000Z07:00"

// Events is the table of events.
type Events struct {
	db        *dynamodb.Client
	table     string
	statement string
	inFlight  int
	retention time.Duration
	now       func() time.Time
}

// NewEvents opens the table of events for up to inFlight requests side by side. Events of clients that do not
// say how long are kept for retentionDays.
func NewEvents(db *dynamodb.Client, table string, inFlight, retentionDays int) *Events {
	return &Events{
		db: db, table: table, inFlight: inFlight, retention: days(retentionDays), now: time.Now,
		statement: `INSERT INTO "` + table + `" VALUE ` + insertValue,
	}
}

func days(n int) time.Duration { return time.Duration(n) * 24 * time.Hour }

// PutAll keeps events, whose keys must differ: the same key twice in one request fails the whole request. It
// answers in their order. Each INSERT holds only where nothing is stored under the key, which makes redelivery
// harmless; throttled statements are tried again a few times. The reasons of its failures are StoreThrottled,
// StoreUnavailable, DeadlineNear and InternalError.
//
// An event id is remembered for at least the retention of the event that was kept under it. DynamoDB deletes an item
// some time after its expires_at, most often within days; until then it counts as it did before, as a duplicate or as
// a conflict, and nobody looks at expires_at. After that the id is as good as new.
func (t *Events) PutAll(ctx context.Context, events []event.Event) []event.Put {
	w := writing{
		table: t, events: events, puts: make([]event.Put, len(events)), retried: make([]bool, len(events)),
		processedAt: t.now().UTC(),
	}
	w.run(ctx)
	return w.puts
}

// writing is one PutAll under way.
type writing struct {
	table       *Events
	events      []event.Event
	puts        []event.Put
	retried     []bool // sent more than once: an earlier time may have come through
	processedAt time.Time
	failures    atomic.Int32 // requests that failed since the last that did not
}

func (w *writing) run(ctx context.Context) {
	open := make([]int, len(w.events))
	for i := range open {
		open[i] = i
	}
	var existing []int
	for round := range maxRounds {
		if round > 0 && !pause(ctx, firstPause<<round) {
			break
		}
		w.sendAll(ctx, open)
		var again []int
		for _, i := range open {
			switch {
			case w.puts[i].Existing != nil:
				existing = append(existing, i)
			case retryable(w.puts[i].Err):
				w.retried[i] = true
				again = append(again, i)
			}
		}
		if open = again; len(open) == 0 || w.away() {
			break
		}
	}
	w.tellApart(ctx, existing)
}

// sendAll sends the events at these indexes, in as few requests as they fit into, side by side.
func (w *writing) sendAll(ctx context.Context, open []int) {
	slots := make(chan struct{}, w.table.inFlight)
	var group sync.WaitGroup
	for _, chunk := range w.chunks(open) {
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			defer func() {
				if r := recover(); r != nil {
					w.failAll(chunk, event.Panicked(r))
				}
			}()
			if w.away() || ctx.Err() != nil {
				w.failAll(chunk, event.Fail(reasonOf(ctx, errAway), errAway))
				return
			}
			w.send(ctx, chunk)
		})
	}
	group.Wait()
}

var errAway = errors.New("not asked: the requests before had no answer")

// away reports whether the store failed often enough in a row to stop asking.
func (w *writing) away() bool { return w.failures.Load() >= breakAfter }

func (w *writing) chunks(open []int) [][]int {
	var chunks [][]int
	start, size := 0, 0
	for at, i := range open {
		n := w.table.statementSize(&w.events[i])
		if at > start && (at-start == maxStatements || size+n > maxRequestBytes) {
			chunks = append(chunks, open[start:at])
			start, size = at, 0
		}
		size += n
	}
	if start < len(open) {
		chunks = append(chunks, open[start:])
	}
	return chunks
}

func (w *writing) send(ctx context.Context, chunk []int) {
	statements := make([]types.BatchStatementRequest, len(chunk))
	for at, i := range chunk {
		statements[at] = types.BatchStatementRequest{
			Statement:  &w.table.statement,
			Parameters: w.parameters(&w.events[i]),
		}
	}
	attempt, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	var sent atomic.Int32 // net/http sends again by itself where a connection was closed under the request
	attempt = httptrace.WithClientTrace(attempt, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { sent.Add(1) }})
	out, err := w.table.db.BatchExecuteStatement(attempt, &dynamodb.BatchExecuteStatementInput{Statements: statements}, once)
	if err == nil && len(out.Responses) != len(chunk) {
		err = fmt.Errorf("%d answers for %d statements", len(out.Responses), len(chunk))
	}
	if err != nil {
		w.failures.Add(1)
		w.failAll(chunk, event.Fail(reasonOf(ctx, err), fmt.Errorf("keep events: %w", short(err))))
		return
	}
	w.failures.Store(0)
	for at, i := range chunk {
		w.retried[i] = w.retried[i] || sent.Load() > 1
		w.puts[i] = putOf(out.Responses[at].Error)
	}
}

// once keeps the SDK from trying again: the rounds of PutAll do that, within the deadline of the batch.
func once(o *dynamodb.Options) { o.Retryer = aws.NopRetryer{} }

func (w *writing) failAll(chunk []int, failure error) {
	for _, i := range chunk {
		w.puts[i] = event.Put{Err: failure}
	}
}

func (w *writing) parameters(e *event.Event) []types.AttributeValue {
	retention := w.table.retention
	if e.RetentionDays > 0 {
		retention = days(e.RetentionDays)
	}
	return []types.AttributeValue{
		text(e.ClientID), text(e.ID), text(e.Type), text(e.Version), text(e.OccurredAt), text(e.Payload),
		&types.AttributeValueMemberB{Value: e.Hash[:]}, text(string(e.Priority)), text(e.CorrelationID), text(e.MessageID),
		text(e.ReceivedAt.UTC().Format(timeFormat)), text(w.processedAt.Format(timeFormat)),
		&types.AttributeValueMemberN{Value: strconv.FormatInt(w.processedAt.Add(retention).Unix(), 10)},
	}
}

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

// taken stands in for what is stored until tellApart has read it.
var taken = &event.Event{}

// putOf reads one statement's answer: throttling arrives per statement inside a 200.
func putOf(e *types.BatchStatementError) event.Put {
	if e == nil {
		return event.Put{}
	}
	switch e.Code {
	case types.BatchStatementErrorCodeEnumDuplicateItem:
		return event.Put{Existing: taken}
	case types.BatchStatementErrorCodeEnumProvisionedThroughputExceeded,
		types.BatchStatementErrorCodeEnumRequestLimitExceeded, types.BatchStatementErrorCodeEnumThrottlingError:
		return event.Put{Err: event.Fail(event.StoreThrottled, nil)}
	default:
		return event.Put{Err: event.Fail(event.StoreUnavailable, errors.New("keep event: "+string(e.Code)))}
	}
}

// tellApart reads what is stored under the keys of the events at these indexes. What was sent more than once and carries
// our own message id and time is our own write come through after all, its answer lost: stored. What was sent once is not:
// SQS may hand a message to two environments in the same millisecond.
func (w *writing) tellApart(ctx context.Context, existing []int) {
	if len(existing) == 0 {
		return
	}
	keys := make([]event.Key, len(existing))
	for at, i := range existing {
		keys[at] = w.events[i].Key()
	}
	stored := make(map[event.Key]Item, len(keys))
	err := w.table.read(ctx, keys, head, func(item Item) { stored[item.Event.Key()] = item })
	processedAt := w.processedAt.Format(timeFormat)
	for _, i := range existing {
		item, ok := stored[w.events[i].Key()]
		switch {
		case !ok && err != nil:
			w.puts[i] = event.Put{Err: notRead(ctx, err)}
		case !ok:
			w.puts[i] = event.Put{Err: event.Fail(event.StoreUnavailable, errors.New("stored already, and gone on the second look"))}
		case w.retried[i] && item.Event.MessageID == w.events[i].MessageID && item.ProcessedAt == processedAt:
			w.puts[i] = event.Put{}
		default:
			w.puts[i] = event.Put{Existing: &item.Event}
		}
	}
}

func notRead(ctx context.Context, err error) error {
	return event.Fail(reasonOf(ctx, err), fmt.Errorf("read what is stored: %w", short(err)))
}

// Each reads what is stored under keys, consistently, and shows one after another: a batch may be in conflict with
// 400 MB, of which 4 are held at a time. What it does not show is not stored, unless the error, a *event.Failure, is
// not nil: then it is not known.
func (t *Events) Each(ctx context.Context, keys []event.Key, show func(stored *event.Event)) error {
	if err := t.read(ctx, keys, part{most: maxWhole}, func(item Item) { show(&item.Event) }); err != nil {
		return notRead(ctx, err)
	}
	return nil
}

// Item is an event as it is kept.
type Item struct {
	Event       event.Event
	ProcessedAt string // RFC 3339, UTC, milliseconds
	ExpiresAt   int64  // Unix seconds
	Bytes       int    // as DynamoDB counts: a write unit is 1,024 of them
}

// Read reads what is stored under keys, consistently. What is not in the answer is not stored, unless the error
// is not nil: then it is not known.
func (t *Events) Read(ctx context.Context, keys []event.Key) (map[event.Key]Item, error) {
	stored := make(map[event.Key]Item, len(keys))
	err := t.read(ctx, keys, part{most: maxKeys}, func(item Item) { stored[item.Event.Key()] = item })
	return stored, err
}

// part is how much is asked for.
type part struct {
	most       int     // items in a request
	projection *string // nil is all attributes
	names      map[string]string
}

// head is what tells most events apart.
var head = part{
	most:       maxKeys,
	projection: aws.String("client_id, event_id, event_type, #v, occurred_at, content_hash, message_id, processed_at"),
	names:      map[string]string{"#v": "version"}, // lest it is a word that DynamoDB keeps for itself
}

func (t *Events) read(ctx context.Context, keys []event.Key, p part, each func(Item)) error {
	request := make([]map[string]types.AttributeValue, len(keys))
	for i, k := range keys {
		request[i] = keyOf(k)
	}
	return batchGet(ctx, t.db, t.table, request, p, func(item map[string]types.AttributeValue) { each(readItem(item)) })
}

func keyOf(k event.Key) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{"client_id": text(k.ClientID), "event_id": text(k.EventID)}
}

// HashOf is the hash of the body that is stored under a key, as it came, and whether there is one.
func (t *Events) HashOf(ctx context.Context, key event.Key) (hash event.Hash, there bool, err error) {
	stored, err := t.Read(ctx, []event.Key{key})
	item, there := stored[key]
	return item.Event.Hash, there, err
}

func readItem(item map[string]types.AttributeValue) Item {
	e := event.Event{
		ClientID: str(item["client_id"]), ID: str(item["event_id"]), Type: str(item["event_type"]),
		Version: str(item["version"]), OccurredAt: str(item["occurred_at"]), Payload: str(item["payload"]),
		Priority: event.Priority(str(item["priority"])), CorrelationID: str(item["correlation_id"]),
		MessageID: str(item["message_id"]),
	}
	// What this package wrote parses; what someone else wrote has no instant and no hash, and equals nothing.
	e.Timestamp, _ = time.Parse(time.RFC3339, e.OccurredAt)
	e.ReceivedAt, _ = time.Parse(time.RFC3339, str(item["received_at"]))
	if hash, ok := item["content_hash"].(*types.AttributeValueMemberB); ok {
		copy(e.Hash[:], hash.Value)
	}
	expires := int64(number(item["expires_at"]))
	return Item{Event: e, ProcessedAt: str(item["processed_at"]), ExpiresAt: expires, Bytes: sizeOf(item)}
}

func str(v types.AttributeValue) string {
	if s, ok := v.(*types.AttributeValueMemberS); ok {
		return s.Value
	}
	return ""
}

func number(v types.AttributeValue) int {
	n, ok := v.(*types.AttributeValueMemberN)
	if !ok {
		return 0
	}
	i, err := strconv.Atoi(n.Value)
	if err != nil {
		return 0
	}
	return i
}

// batchGet reads the items of a table by their keys, consistently, and asks again for what DynamoDB leaves
// unprocessed.
func batchGet(ctx context.Context, db *dynamodb.Client, table string, keys []map[string]types.AttributeValue, p part,
	each func(map[string]types.AttributeValue),
) error {
	for tries := 0; len(keys) > 0; {
		n := min(len(keys), p.most)
		attempt, cancel := context.WithTimeout(ctx, requestTimeout)
		out, err := db.BatchGetItem(attempt, &dynamodb.BatchGetItemInput{
			RequestItems: map[string]types.KeysAndAttributes{table: {
				Keys: keys[:n], ConsistentRead: aws.Bool(true), ProjectionExpression: p.projection, ExpressionAttributeNames: p.names,
			}},
		}, once)
		cancel()
		if err == nil {
			for _, item := range out.Responses[table] {
				each(item)
			}
			left := out.UnprocessedKeys[table].Keys
			if len(left) < n {
				tries = 0 // it moves on
			}
			keys = append(left, keys[n:]...)
			if len(left) == 0 {
				continue
			}
			err = errUnprocessed
		}
		if tries++; tries == maxRounds || !pause(ctx, firstPause<<tries) {
			return err
		}
	}
	return nil
}

var errUnprocessed = errors.New("throttled: keys left unprocessed")

// pause waits for between half and all of d, at random, and reports whether there is time to go on.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d/2 + rand.N(d/2)):
		return true
	}
}

func retryable(err error) bool {
	var failure *event.Failure
	return errors.As(err, &failure) && (failure.Reason == event.StoreThrottled || failure.Reason == event.StoreUnavailable)
}

// reasonOf tells why a request failed.
func reasonOf(ctx context.Context, err error) event.Reason {
	var throughput *types.ProvisionedThroughputExceededException
	var limit *types.RequestLimitExceeded
	var throttling *types.ThrottlingException
	switch {
	case ctx.Err() != nil:
		return event.DeadlineNear
	case errors.As(err, &throughput), errors.As(err, &limit), errors.As(err, &throttling), errors.Is(err, errUnprocessed):
		return event.StoreThrottled
	default:
		return event.StoreUnavailable
	}
}

// short strips an SDK error of what makes log lines long and different from one another: request ids, addresses.
func short(err error) error {
	var api interface{ ErrorCode() string }
	if errors.As(err, &api) {
		return errors.New(api.ErrorCode())
	}
	message := err.Error()
	if at := strings.LastIndex(message, ": "); at >= 0 {
		message = message[at+2:]
	}
	return errors.New(message)
}
