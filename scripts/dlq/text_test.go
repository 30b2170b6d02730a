package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"event-processor/internal/queue"
	"event-processor/internal/queuetest"
)

func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"plain ä 東 😀":        "plain ä 東 😀",
		"\x1b[31mred\x07":    `\u001b[31mred\u0007`,
		"\u009b2J":           `\u009b2J`,
		"a\nb\tc":            `a\nb\u0009c`,
		"x\xffy":             `x\xffy`,
		"\u202eright":        `\u202eright`,
		"\U000e0001":         `\U000e0001`,
		"\u2028 \u00a0 \x7f": `\u2028 \u00a0 \u007f`,
	} {
		if got := printable(in); got != want {
			t.Errorf("%q: got %s, want %s", in, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		in := string(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes"))
		for _, r := range printable(in) + strings.ReplaceAll(printableLines(in), "\n", "") {
			if !unicode.IsPrint(r) {
				t.Fatalf("%q is printed as %U", in, r)
			}
		}
	})
}

func TestNothingFromAMessageReachesTheTerminalRaw(t *testing.T) {
	evil := "\x1b]0;owned\a\u202e\u009b31m"
	o := open(t)
	o.terminal = 80
	id := o.sqs.Put("event-dlq", queuetest.Message{
		Body:       `{"clientId":"` + evil + "\",\n\"payload\":{\"" + evil + `":1}}`,
		Attributes: map[string]queuetest.Attribute{evil: {DataType: "String." + evil, StringValue: &evil}, "ClientId": {DataType: "String", StringValue: &evil}},
		System:     map[string]string{"SenderId": evil},
	})
	for _, command := range []interface {
		Run(context.Context, *desk) error
	}{
		&list{}, &list{JSON: true}, &show{ID: id}, &redrive{target: target{All: true}}, &redrive{target: target{All: true}, DryRun: true, Force: true},
	} {
		if err := command.Run(t.Context(), o.desk); err != nil {
			t.Fatal(err)
		}
	}
	for _, r := range o.out.String() + o.notes.String() {
		if r != '\n' && !unicode.IsPrint(r) {
			t.Errorf("%U is printed", r)
		}
	}
	t.Log(o.out.String())
}

func TestListShowsNoPayload(t *testing.T) {
	o := open(t)
	o.sqs.Put("event-dlq", queuetest.Message{Body: strings.Replace(transaction("bank", 1), `"amount":1`, `"amount":-1,"card":"SECRET"`, 1)})
	for _, asJSON := range []bool{false, true} {
		if err := (&list{JSON: asJSON}).Run(t.Context(), o.desk); err != nil {
			t.Fatal(err)
		}
	}
	if text := o.out.String() + o.notes.String(); strings.Contains(text, "SECRET") || !strings.Contains(text, "schema_violation") {
		t.Error(text)
	}
}

func TestListJSON(t *testing.T) {
	o := open(t)
	began := time.Now().Truncate(time.Millisecond)
	id := o.sqs.Put("event-dlq", queuetest.Message{Body: transaction("nobody", 1)})
	o.log = []string{`{"message":"record","message_id":"` + id + `","reason":"store_throttled","receive_count":5}`}
	if err := (&list{JSON: true}).Run(t.Context(), o.desk); err != nil {
		t.Fatal(err)
	}
	var got row
	if err := json.Unmarshal(o.out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	want := row{
		MessageID: id, ClientID: "nobody", EventID: "00000000-0000-4000-8000-000000000001", EventType: "transaction", Receives: 5, InQueue: 1,
		Reason: "unknown_client", Detail: "no client nobody", Before: "store_throttled",
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(row{}, "SentAt", "Age")); diff != "" || got.SentAt.Before(began) || got.SentAt.After(time.Now()) {
		t.Errorf("sent at %s; -want +got:\n%s", got.SentAt, diff)
	}
}

func TestTheTableFitsIntoANarrowTerminal(t *testing.T) {
	o := open(t)
	o.fill(3, 1)
	letters, err := o.collect(t.Context(), &selection{})
	if err != nil {
		t.Fatal(err)
	}
	for columns, wide := range map[int]bool{0: true, 200: true, 100: false} {
		o.terminal = columns
		o.out.Reset()
		o.table(letters)
		if got := strings.Contains(o.out.String(), letters[0].ID); got != wide {
			t.Errorf("on %d columns whole ids: %v\n%s", columns, got, &o.out)
		}
		if columns > 0 && widest(o.out.String()) > columns {
			t.Errorf("%d columns are too few for\n%s", columns, &o.out)
		}
	}
}

func TestShowHasEveryViolation(t *testing.T) {
	o := open(t)
	body := strings.Replace(transaction("bank", 1), `{"transactionId":"t","amount":1,"currency":"EUR"}`, `{"amount":-1,"currency":"eur"}`, 1)
	id := o.sqs.Put("event-dlq", queuetest.Message{Body: body})
	if err := (&show{ID: id[:8]}).Run(t.Context(), o.desk); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"/payload/amount", "/payload/currency", "transactionId", "schema_violation", body, "SenderId", "AROATEST:someone"} {
		if !strings.Contains(o.out.String(), want) {
			t.Errorf("%q is not in\n%s", want, &o.out)
		}
	}
	if err := (&show{ID: "99999999"}).Run(t.Context(), o.desk); err == nil || !strings.Contains(err.Error(), "no message 99999999") {
		t.Errorf("got %v", err)
	}
}

// message draws a message of any content that a line of a file must hold: bodies of any bytes.
func message(t *rapid.T) queue.Received {
	m := queue.Received{
		ID: rapid.String().Draw(t, "id"), Body: string(rapid.OneOf(
			rapid.SliceOf(rapid.Byte()), rapid.Map(rapid.String(), func(s string) []byte { return []byte(s) }),
		).Draw(t, "body")),
		Attributes: map[string]queue.Attribute{}, System: map[string]string{},
	}
	for _, name := range rapid.SliceOfN(rapid.StringMatching(`[A-Za-z_.-]{1,9}`), 0, 4).Draw(t, "names") {
		m.Attributes[name] = rapid.OneOf(
			rapid.Map(rapid.String(), func(s string) queue.Attribute { return queue.Attribute{Type: "String", Text: s} }),
			rapid.Map(rapid.SliceOfN(rapid.Byte(), 1, 9), func(b []byte) queue.Attribute { return queue.Attribute{Type: "Binary.x", Binary: b} }),
		).Draw(t, "attribute")
	}
	if rapid.Bool().Draw(t, "system") {
		m.System["SenderId"] = rapid.String().Draw(t, "sender")
	}
	return m
}

func TestAFileLosesNothing(t *testing.T) {
	folder := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOfN(rapid.Custom(message), 1, 5).Draw(t, "messages")
		name := filepath.Join(folder, "file")
		f, err := createExport(name)
		if err != nil {
			t.Fatal(err)
		}
		defer os.Remove(name) //nolint:errcheck // the next run needs its place
		for i := range want {
			if err := f.add(&want[i], true); (err != nil) == want[i].Whole() {
				t.Fatal(err)
			}
		}
		if err := f.finish(); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(name)
		if err != nil || !utf8.Valid(text) {
			t.Fatalf("not Unicode, or %v", err)
		}
		var got []queue.Received
		if err := readExport(bytes.NewReader(text), func(_ int, m queue.Received, fault error) error {
			if i := len(got); (fault != nil) == want[i].Whole() {
				t.Fatalf("%v, of %+v", fault, want[i])
			}
			got = append(got, m)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("-want +got:\n%s", diff)
		}
	})
}

func TestExportAndImport(t *testing.T) {
	odd, number := "\u2028 \ufeff 😀 </script> \u009b", "0012"
	messages := []queuetest.Message{
		{Body: "\u2028 \ufffd \ufdd0 \U0010ffff <&> \r\n\t 😀"},
		{Body: strings.Repeat("é", 100_000), System: map[string]string{"MessageGroupId": "g", "AWSTraceHeader": "Root=1-a"}},
		{Body: "b", Attributes: map[string]queuetest.Attribute{
			"B": {DataType: "Binary", BinaryValue: []byte{0, 0xff, '\n'}}, "S": {DataType: "String.label", StringValue: &odd},
			"N": {DataType: "Number.int", StringValue: &number},
		}},
	}
	from, to := open(t), open(t)
	for _, m := range messages {
		from.sqs.Put("event-dlq", m)
	}
	name := filepath.Join(t.TempDir(), "letters.jsonl")
	if err := (&exportCmd{File: name}).Run(t.Context(), from.desk); err != nil {
		t.Fatal(err)
	}
	if len(from.sqs.Messages("event-dlq")) != 3 || from.sqs.Visible("event-dlq") != 3 {
		t.Error("an export changed the queue")
	}
	if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if err := (&exportCmd{File: name}).Run(t.Context(), from.desk); err == nil || !strings.Contains(err.Error(), "there already") {
		t.Errorf("a file was replaced: %v", err)
	}
	if err := (&importCmd{File: name}).Run(t.Context(), to.desk); err != nil {
		t.Fatal(err)
	}
	got := to.sqs.Messages("event-dlq")
	for _, want := range messages {
		if !slices.ContainsFunc(got, func(m queuetest.Message) bool { return sameMessage(m, want) }) {
			t.Errorf("not imported as it was: %.60q", want.Body)
		}
	}
	if len(got) != 3 {
		t.Errorf("%d imported", len(got))
	}
}

func TestLinesThatAreNoMessageAreNamed(t *testing.T) {
	good := `{"messageId":"a","body":"x"}`
	for name, tt := range map[string]struct{ line, want string }{
		"cut off":                   {`{"messageId":"b","body":`, "EOF"},
		"two values":                {`{"messageId":"b","body":"y"}{"messageId":"c","body":"z"}`, "after top-level value"},
		"garbage behind it":         {`{"messageId":"b","body":"y"} ,`, "after top-level value"},
		"a member twice":            {`{"messageId":"b","body":"y","body":"z"}`, "duplicate"},
		"an attribute twice":        {`{"messageId":"b","body":"y","attributes":{"SenderId":"a","SenderId":"b"}}`, "duplicate"},
		"another file":              {`{"timestamp":"now"}`, "unknown"},
		"a member in other letters": {`{"messageId":"b","Body":"y"}`, "unknown"},
		"no object":                 {`"y"`, "string"},
		"no body":                   {`{"messageId":"b"}`, "neither body"},
		"two bodies":                {`{"messageId":"b","body":"y","bodyBase64":"eQ=="}`, "body and bodyBase64"},
		"not Unicode":               {`{"messageId":"b","bodyBase64":"/w=="}`, "not Unicode"},
		"half a character":          {`{"messageId":"b","body":"\ud800"}`, "surrogate"},
		"damaged on a way":          {`{"messageId":"b","body":"x","damaged":true}`, "damaged"},
		"an attribute of nothing":   {`{"messageId":"b","body":"x","messageAttributes":{"A":{"dataType":"String"}}}`, "attribute A"},
		"an attribute of two kinds": {`{"messageId":"b","body":"x","messageAttributes":{"A":{"dataType":"String","stringValue":"a","binaryValue":"eQ=="}}}`, "attribute A"},
		"an attribute of no type":   {`{"messageId":"b","body":"x","messageAttributes":{"A":{"dataType":"","stringValue":"a"}}}`, "attribute A"},
		"bytes as a text":           {`{"messageId":"b","body":"x","messageAttributes":{"A":{"dataType":"Binary","stringValue":"a"}}}`, "attribute A"},
	} {
		t.Run(name, func(t *testing.T) {
			o := open(t)
			file := filepath.Join(t.TempDir(), "file")
			if err := os.WriteFile(file, []byte(good+"\n\n"+tt.line+"\n"+good+"\r\n"+tt.line), 0o600); err != nil {
				t.Fatal(err)
			}
			err := (&importCmd{File: file}).Run(t.Context(), o.desk)
			if err == nil || !strings.Contains(err.Error(), "2 lines without a message") {
				t.Errorf("got %v", err)
			}
			for _, line := range []string{"line 3", "line 5"} {
				_, said, _ := strings.Cut(o.notes.String(), line+" is not put: ")
				if said, _, _ = strings.Cut(said, "\n"); !strings.Contains(said, tt.want) {
					t.Errorf("of %s is said %q, want %q", line, said, tt.want)
				}
			}
			if n := len(o.sqs.Messages("event-dlq")); n != 2 || !strings.Contains(o.out.String(), "2 of 2 messages put") {
				t.Errorf("%d messages are there\n%s", n, &o.out)
			}
		})
	}
}

// TestAnImportOnceMoreSaysWhatIsThere, and puts what is not. Of a message that was there twice two are put.
func TestAnImportOnceMoreSaysWhatIsThere(t *testing.T) {
	o := open(t)
	o.fill(5, 3)
	c := "c-1"
	for range 2 {
		o.sqs.Put("event-dlq", queuetest.Message{Body: transaction("nobody", 4), Attributes: map[string]queuetest.Attribute{
			"CorrelationId": {DataType: "String", StringValue: &c},
		}, System: map[string]string{"MessageGroupId": "nobody"}})
	}
	name := filepath.Join(t.TempDir(), "file")
	run := func(command interface {
		Run(context.Context, *desk) error
	}, want string,
	) {
		t.Helper()
		o.out.Reset()
		if err := command.Run(t.Context(), o.desk); err != nil || !strings.Contains(o.out.String(), want) {
			t.Errorf("%v, not said: %s\n%s%s", err, want, &o.out, &o.notes)
		}
	}
	run(&exportCmd{File: name}, "7 messages in ")
	run(&importCmd{File: name}, "0 of 7 messages put into the dead-letter queue\n7 are there already")
	run(&purge{target: target{selection: selection{Client: []string{"nobody"}}}, Export: name + "2", Yes: true}, "4 messages deleted")
	run(&importCmd{File: name}, "4 of 7 messages put into the dead-letter queue\n3 are there already")
	run(&importCmd{File: name + "2"}, "0 of 4 messages put into the dead-letter queue\n4 are there already")
	if n := len(o.sqs.Messages("event-dlq")); n != 7 || o.sqs.Visible("event-dlq") != 7 {
		t.Errorf("%d messages are there, %d of them visible", n, o.sqs.Visible("event-dlq"))
	}
}

// TestWhatTheQueueDoesNotTakeIsNamed, and stops nothing else.
func TestWhatTheQueueDoesNotTakeIsNamed(t *testing.T) {
	o := open(t)
	o.sqs.MaxMessage = 1000
	var lines []string
	for i := range 400 {
		body := "x"
		if i%2 == 1 {
			body = strings.Repeat("x", 1001)
		}
		lines = append(lines, `{"messageId":"a","body":"`+body+`"}`)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	err := (&importCmd{File: file}).Run(t.Context(), o.desk)
	if err == nil || !strings.Contains(err.Error(), "200 messages could not be put") || len(o.sqs.Messages("event-dlq")) != 200 ||
		!strings.Contains(o.notes.String(), "line 400 is not put: the message has 1001 bytes") {
		t.Errorf("got %v, %d put", err, len(o.sqs.Messages("event-dlq")))
	}
	o.sqs.Fate = func(c queuetest.Call) queuetest.Fate {
		if c.Action == "SendMessageBatch" {
			return queuetest.Lost
		}
		return queuetest.Done
	}
	o.sqs.Move("event-dlq", "event-queue")
	if err := (&importCmd{File: file}).Run(t.Context(), o.desk); err == nil || !strings.Contains(err.Error(), "gave up") {
		t.Errorf("got %v", err)
	}
}

func TestAge(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0s", 59 * time.Second: "59s", 61 * time.Second: "1m", 200 * time.Minute: "3h20m", 100 * time.Hour: "4d04h",
	} {
		if got := age(d); got != want {
			t.Errorf("%s: got %s, want %s", d, got, want)
		}
	}
}
