package queue

import (
	"fmt"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"event-processor/internal/event"
)

// delivery is what Lambda's poller hands a function, as far as it is needed.
type delivery struct {
	Records []struct {
		MessageID     string         `json:"messageId"`
		ReceiptHandle string         `json:"receiptHandle"`
		Body          jsontext.Value `json:"body"` // raw: Go's string would hide what is not UTF-8
		Attributes    struct {
			ReceiveCount  string `json:"ApproximateReceiveCount"`
			SentTimestamp string `json:"SentTimestamp"` // milliseconds since 1970
			SenderID      string `json:"SenderId"`
			TraceHeader   string `json:"AWSTraceHeader"`
		} `json:"attributes"`
		MessageAttributes struct {
			CorrelationID struct {
				Value string `json:"stringValue"`
			} `json:"CorrelationId"`
		} `json:"messageAttributes"`
	}
}

// ParseDelivery reads the batch that Lambda's poller hands a function.
func ParseDelivery(payload []byte) ([]event.Record, error) {
	var d delivery
	if err := json.Unmarshal(payload, &d, jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true)); err != nil {
		return nil, fmt.Errorf("read the batch of the queue: %w", err)
	}
	records := make([]event.Record, len(d.Records))
	for i, r := range d.Records {
		records[i] = event.Record{
			MessageID:     r.MessageID,
			ReceiptHandle: r.ReceiptHandle,
			Body:          unquote(r.Body),
			SentAt:        parseMillis(r.Attributes.SentTimestamp),
			ReceiveCount:  parseCount(r.Attributes.ReceiveCount),
			SenderID:      r.Attributes.SenderID,
			CorrelationID: r.MessageAttributes.CorrelationID.Value,
			TraceHeader:   r.Attributes.TraceHeader,
		}
	}
	return records, nil
}

// unquote is the text of a JSON string. Where it is not Unicode it stays in quotes, and the decoder refuses it.
func unquote(raw jsontext.Value) string {
	text, err := jsontext.AppendUnquote(nil, raw)
	if err != nil {
		return string(raw)
	}
	return string(text)
}

func parseMillis(s string) time.Time {
	ms, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return time.Now() // the age of an event is then 0, not 56 years
	}
	return time.UnixMilli(ms)
}

func parseCount(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return 1
	}
	return n
}
