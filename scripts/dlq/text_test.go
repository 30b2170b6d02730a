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
	o.log = []string{`{"message":"record","message_id":"` + id + `","reason":"store_throttled"}`}
	if err := (&list{JSON: true}).Run(t.Context(), o.desk); err != nil {
		t.Fatal(err)
	}
	var got row
	if err := json.Unmarshal(o.out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	want := row{
		MessageID: id, ClientID: "nobody", EventID: "00000000-0000-4000-8000-000000000001", EventType: "transaction", Receives: 1,
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
			if err := f.add(&want[i]); err != nil {
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
		if err := readExport(bytes.NewReader(text), func(_ int, m queue.Received) error { got = append(got, m); return nil }); err != nil {
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

func TestAFileThatIsNotWholeIsNotImported(t *testing.T) {
	good := `{"messageId":"a","body":"x"}` + "\n"
	for name, tt := range map[string]struct{ text, want string }{
		"cut off":          {good + `{"messageId":"b","bo`, "line 2"},
		"another file":     {good + good + `{"timestamp":"now"}`, "line 3"},
		"no body":          {`{"messageId":"b"}`, "neither body"},
		"not Unicode":      {good + `{"messageId":"b","bodyBase64":"/w=="}`, "line 2: the body is not Unicode"},
		"damaged on a way": {`{"messageId":"b","body":"x","damaged":true}`, "not Unicode"},
	} {
		t.Run(name, func(t *testing.T) {
			o := open(t)
			file := filepath.Join(t.TempDir(), "file")
			if err := os.WriteFile(file, []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			err := (&importCmd{File: file}).Run(t.Context(), o.desk)
			if err == nil || !strings.Contains(err.Error(), tt.want) || len(o.sqs.Messages("event-dlq")) != 0 {
				t.Errorf("got %v, want %q; %d messages were sent", err, tt.want, len(o.sqs.Messages("event-dlq")))
			}
		})
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
