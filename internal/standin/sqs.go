package standin

import (
	"crypto/md5" //nolint:gosec // SQS answers with it
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"
)

// maxBatchBytes is how much LocalStack 3.1.0 takes in a batch call: bodies and attributes, whatever the queue states.
// It holds a single message against the queue's own MaximumMessageSize, as MiniStack does.
const maxBatchBytes = 256 << 10

// maxBytes is how much MiniStack takes in a call, and the queues of this repository in a message.
const maxBytes = 1 << 20

// object is JSON whose members are of interest one by one, and go along as they are where they are not.
type object map[string]json.RawMessage

// text is a member that is a string; "" where there is none.
func (o object) text(name string) (s string) {
	if o[name] != nil {
		_ = json.Unmarshal(o[name], &s)
	}
	return s
}

func (o object) set(name string, value any) {
	o[name], _ = json.Marshal(value) //nolint:errchkjson // strings, and what was JSON before
}

func md5Of(body string) string {
	sum := md5.Sum([]byte(body)) //nolint:gosec // SQS answers with it
	return hex.EncodeToString(sum[:])
}

// originals are the bodies of messages that lie in MiniStack as functions see them. They are kept for as long as the
// stand-in runs, since any of them may end as a dead letter.
type originals struct {
	mu     sync.Mutex
	bodies map[string]string // by message id
}

func (o *originals) keep(messageID, body string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.bodies == nil {
		o.bodies = map[string]string{}
	}
	o.bodies[messageID] = body
}

func (o *originals) of(messageID string) (body string, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	body, ok = o.bodies[messageID]
	return body, ok
}

func (s *StandIn) sendMessage(w http.ResponseWriter, r *http.Request, body []byte) error {
	var call object
	if err := json.Unmarshal(body, &call); err != nil {
		return fmt.Errorf("read SendMessage: %w", err)
	}
	if refused := s.refusesGroup(call.text("QueueUrl"), call); refused != "" {
		return sqsError("InvalidParameterValueException", "InvalidParameterValue", refused).write(w)
	}
	original := call.text("MessageBody")
	if err := s.writeAnew(call); err != nil {
		return err
	}
	forward := body
	if call.text("MessageBody") != original {
		var err error
		if forward, err = json.Marshal(call); err != nil {
			return err
		}
	}
	got, err := s.ask(r, body, forward)
	if err != nil || got.status != http.StatusOK {
		return orWrite(err, got, w)
	}
	var sent object
	if err := json.Unmarshal(got.body, &sent); err != nil {
		return fmt.Errorf("read what MiniStack says of SendMessage: %w", err)
	}
	s.wasSent(sent, original, call.text("MessageBody"))
	got.body, err = json.Marshal(sent)
	return orWrite(err, got, w)
}

func (s *StandIn) sendMessageBatch(w http.ResponseWriter, r *http.Request, body []byte) error {
	var call object
	var entries []object
	if err := json.Unmarshal(body, &call); err != nil {
		return fmt.Errorf("read SendMessageBatch: %w", err)
	}
	if err := json.Unmarshal(call["Entries"], &entries); err != nil {
		return fmt.Errorf("read the entries of SendMessageBatch: %w", err)
	}
	bytes := 0
	for _, entry := range entries {
		bytes += size(entry)
	}
	if s.traits[Small] && bytes > maxBatchBytes {
		return sqsError("BatchRequestTooLong", "AWS.SimpleQueueService.BatchRequestTooLong",
			fmt.Sprintf("Batch requests cannot be longer than %d bytes. You have sent %d bytes.", maxBatchBytes, bytes)).write(w)
	}
	var forward, failed []object
	was, changed := map[string]string{}, false // by entry id
	bytes = 0
	for _, entry := range entries {
		if refused := s.refusesGroup(call.text("QueueUrl"), entry); refused != "" {
			failure := object{"Id": entry["Id"]}
			failure.set("SenderFault", true)
			failure.set("Code", "InvalidParameterValueException")
			failure.set("Message", refused)
			failed = append(failed, failure)
			continue
		}
		original := entry.text("MessageBody")
		if err := s.writeAnew(entry); err != nil {
			return err
		}
		was[entry.text("Id")] = original
		changed = changed || entry.text("MessageBody") != original
		forward = append(forward, entry)
		bytes += len(entry.text("MessageBody"))
	}
	if bytes > maxBytes && s.traits[Rewrites] {
		return fmt.Errorf("a batch has %d bytes when its bodies are written anew, and MiniStack takes %d: send it in parts", bytes, maxBytes)
	}
	got := answer{http.StatusOK, http.Header{"Content-Type": {"application/x-amz-json-1.0"}}, []byte("{}")}
	if len(forward) > 0 || len(failed) == 0 { // MiniStack is also the one that refuses a batch of none
		call.set("Entries", forward)
		ask, err := body, error(nil)
		if changed || len(failed) > 0 {
			if ask, err = json.Marshal(call); err != nil {
				return err
			}
		}
		if got, err = s.ask(r, body, ask); err != nil || got.status != http.StatusOK {
			return orWrite(err, got, w)
		}
	}
	var result struct {
		Successful, Failed []object `json:",omitempty"`
	}
	if err := json.Unmarshal(got.body, &result); err != nil {
		return fmt.Errorf("read what MiniStack says of SendMessageBatch: %w", err)
	}
	written := map[string]string{}
	for _, entry := range forward {
		written[entry.text("Id")] = entry.text("MessageBody")
	}
	for _, entry := range result.Successful {
		id := entry.text("Id")
		s.wasSent(entry, was[id], written[id])
	}
	result.Failed = append(result.Failed, failed...)
	var err error
	got.body, err = json.Marshal(result)
	return orWrite(err, got, w)
}

// receiveMessage shows messages as they were sent: only functions see what the poller made of them.
func (s *StandIn) receiveMessage(w http.ResponseWriter, r *http.Request, body []byte) error {
	got, err := s.ask(r, body, body)
	if err != nil || got.status != http.StatusOK || !s.traits[Rewrites] {
		return orWrite(err, got, w)
	}
	var result struct {
		Messages []object `json:",omitempty"`
	}
	if err := json.Unmarshal(got.body, &result); err != nil {
		return fmt.Errorf("read what MiniStack says of ReceiveMessage: %w", err)
	}
	for _, m := range result.Messages {
		if original, ok := s.sent.of(m.text("MessageId")); ok {
			m.set("Body", original)
			m.set("MD5OfBody", md5Of(original))
		}
	}
	got.body, err = json.Marshal(result)
	return orWrite(err, got, w)
}

func orWrite(err error, a answer, w http.ResponseWriter) error {
	if err != nil {
		return err
	}
	return a.write(w)
}

// refusesGroup is LocalStack 3.1.0's refusal of a message with a group on a queue that is not FIFO; "" where it is none.
func (s *StandIn) refusesGroup(queueURL string, message object) string {
	group := message.text("MessageGroupId")
	if !s.traits[NoGroups] || group == "" || strings.HasSuffix(queueURL, ".fifo") {
		return ""
	}
	return fmt.Sprintf("Value %s for parameter MessageGroupId is invalid. "+
		"Reason: The request includes a parameter that is not valid for this queue type.", group)
}

// notTaken are characters that no queue takes. A JSON string may hold them as escapes.
var notTaken = regexp.MustCompile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")

// writeAnew puts the body that the poller makes of the message's into its place. The poller does so behind the queue,
// so what a queue would not take stays as it is.
func (s *StandIn) writeAnew(message object) error {
	if !s.traits[Rewrites] {
		return nil
	}
	original := message.text("MessageBody")
	body, err := s.poller.Anew(original)
	if err != nil {
		return err
	}
	if body != "" && !notTaken.MatchString(body) && len(body) <= max(maxBytes, len(original)) {
		message.set("MessageBody", body)
	}
	return nil
}

// wasSent answers with the hash of the body that the client has sent, since SDKs compare it.
func (s *StandIn) wasSent(sent object, original, written string) {
	if original != written {
		s.sent.keep(sent.text("MessageId"), original)
		sent.set("MD5OfMessageBody", md5Of(original))
	}
}

// size is what LocalStack counts: the body, and names, types and values of the attributes.
func size(message object) int {
	var attributes map[string]struct {
		DataType, StringValue string
		BinaryValue           []byte
	}
	if message["MessageAttributes"] != nil {
		_ = json.Unmarshal(message["MessageAttributes"], &attributes) // MiniStack is the one that complains
	}
	bytes := len(message.text("MessageBody"))
	for name, value := range attributes {
		bytes += len(name) + len(value.DataType) + len(value.StringValue) + len(value.BinaryValue)
	}
	return bytes
}

// sqsError is an error of SQS as LocalStack writes it: with its code of the JSON protocol in the body, and in a header
// with the one that clients of the older protocol know.
func sqsError(code, older, message string) answer {
	body, _ := json.Marshal(map[string]string{"__type": code, "message": message}) //nolint:errchkjson // strings
	return answer{http.StatusBadRequest, http.Header{
		"Content-Type":       {"application/json"},
		"X-Amzn-Errortype":   {code},
		"X-Amzn-Query-Error": {older + ";Sender"},
	}, body}
}
