package queue

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"event-processor/internal/event"
)

func TestParseDelivery(t *testing.T) {
	got, err := ParseDelivery([]byte(`{"Records":[
		{"messageId":"m1","receiptHandle":"r1","body":"{\"a\":\"\u00e9\"}","attributes":{"ApproximateReceiveCount":"3","SentTimestamp":"1768473000123",
		 "SenderId":"AROA:s","AWSTraceHeader":"Root=1-x","SequenceNumber":"1"},"md5OfBody":"x",
		 "messageAttributes":{"CorrelationId":{"stringValue":"c1","binaryListValues":[],"dataType":"String"},"Other":{"binaryValue":"eA=="}}},
		{"messageId":"m2","receiptHandle":"r2","body":"a\ud800b","attributes":{"SentTimestamp":"1768473000123"},"messageAttributes":{"CorrelationId":{"stringValue":null}}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	at := time.UnixMilli(1768473000123)
	want := []event.Record{
		{MessageID: "m1", ReceiptHandle: "r1", Body: `{"a":"é"}`, SentAt: at, ReceiveCount: 3, SenderID: "AROA:s", CorrelationID: "c1", TraceHeader: "Root=1-x"},
		{MessageID: "m2", ReceiptHandle: "r2", Body: `"a\ud800b"`, SentAt: at, ReceiveCount: 1}, // not Unicode: left in quotes
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
}
