package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"unicode/utf8"

	strict "github.com/go-json-experiment/json"

	"event-processor/internal/queue"
)

// kept is a message as a line of an exported file, in the words of the events that Lambda hands to a function. It
// holds all that SQS says of the message.
type kept struct {
	MessageID  string                   `json:"messageId"`
	Body       *string                  `json:"body,omitempty"`
	BodyBytes  []byte                   `json:"bodyBase64,omitempty"` // instead of body, where that is not Unicode
	Damaged    bool                     `json:"damaged,omitempty"`    // it is not what the queue had, see queue.Received
	Attributes map[string]keptAttribute `json:"messageAttributes,omitempty"`
	System     map[string]string        `json:"attributes,omitempty"`
}

type keptAttribute struct {
	Type   string  `json:"dataType"`
	Text   *string `json:"stringValue,omitempty"`
	Binary []byte  `json:"binaryValue,omitempty"`
}

func keep(m *queue.Received) kept {
	k := kept{MessageID: m.ID, Damaged: m.Damaged || m.DamagedAttributes, System: m.System, Attributes: make(map[string]keptAttribute, len(m.Attributes))}
	if utf8.ValidString(m.Body) {
		k.Body = &m.Body
	} else {
		k.BodyBytes = []byte(m.Body)
	}
	for name, a := range m.Attributes {
		attribute := keptAttribute{Type: a.Type, Binary: a.Binary}
		if a.Binary == nil {
			attribute.Text = &a.Text
		}
		k.Attributes[name] = attribute
	}
	return k
}

func (k *kept) message() queue.Received {
	m := queue.Received{
		ID: k.MessageID, Body: string(k.BodyBytes), Damaged: k.Damaged, System: k.System,
		Attributes: make(map[string]queue.Attribute, len(k.Attributes)),
	}
	if k.Body != nil {
		m.Body = *k.Body
	}
	for name, a := range k.Attributes {
		attribute := queue.Attribute{Type: a.Type, Binary: a.Binary}
		if a.Text != nil {
			attribute.Text = *a.Text
		}
		m.Attributes[name] = attribute
	}
	return m
}

// exportFile is a file under way.
type exportFile struct {
	name string
	file *os.File
	to   *bufio.Writer
	n    int
}

// createExport takes a name for a file that only its owner can read, for it holds payloads. It never replaces one, and
// from here on nobody else gets the name: of two exports to one file, the second does not begin.
func createExport(name string) (*exportFile, error) {
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("%s is there already; name another file", name)
	}
	if err != nil {
		return nil, err
	}
	return &exportFile{name: name, file: file, to: bufio.NewWriter(file)}, nil
}

// errUnrestorable says that a line of a file cannot stand for a message.
var errUnrestorable = errors.New("a file cannot hold it as it is")

// add writes a message. One that an import could not put back as it was is an errUnrestorable, written only if asked for.
func (f *exportFile) add(m *queue.Received, anyway bool) error {
	var b bytes.Buffer
	line := json.NewEncoder(&b)
	line.SetEscapeHTML(false)
	k := keep(m)
	if err := line.Encode(&k); err != nil {
		return err
	}
	var fault error
	if back, err := readLine(b.Bytes()); err != nil || !reflect.DeepEqual(back.Message(), m.Message()) {
		fault = errUnrestorable
	}
	if fault != nil && !anyway {
		return fault
	}
	f.n++
	if _, err := f.to.Write(b.Bytes()); err != nil {
		return err
	}
	return fault
}

// finish puts the file on the disk, and makes sure that it is still there under its name.
func (f *exportFile) finish() error {
	if err := errors.Join(f.to.Flush(), f.file.Sync()); err != nil {
		f.abandon()
		return fmt.Errorf("write %s: %w", f.name, err)
	}
	if !f.isThere() {
		_ = f.file.Close()
		return fmt.Errorf("%s was taken away or replaced while it was written", f.name)
	}
	folder, err := os.Open(filepath.Dir(f.name))
	if err != nil {
		return errors.Join(err, f.file.Close())
	}
	return errors.Join(folder.Sync(), folder.Close(), f.file.Close())
}

func (f *exportFile) isThere() bool {
	own, err := f.file.Stat()
	there, missing := os.Lstat(f.name)
	return err == nil && missing == nil && os.SameFile(own, there)
}

// abandon leaves nothing behind.
func (f *exportFile) abandon() {
	if f.isThere() {
		_ = os.Remove(f.name)
	}
	_ = f.file.Close()
}

// readExport shows the messages of an exported file with their line numbers, and of a line that is none why. It ends with
// the first error of see.
func readExport(from io.Reader, see func(line int, m queue.Received, fault error) error) error {
	lines := bufio.NewReader(from)
	for n, end := 1, false; !end; n++ {
		text, err := lines.ReadBytes('\n')
		end = errors.Is(err, io.EOF)
		if err != nil && !end {
			return err
		}
		if len(bytes.Trim(text, " \t\r\n")) == 0 {
			continue
		}
		m, fault := readLine(text)
		if err := see(n, m, fault); err != nil {
			return err
		}
	}
	return nil
}

// readLine reads a line that is one message and nothing else: no member twice, none unknown, nothing behind it, and one
// value of each thing.
func readLine(text []byte) (m queue.Received, err error) {
	var k kept
	if err := strict.Unmarshal(text, &k, strict.RejectUnknownMembers(true)); err != nil {
		return m, err
	}
	switch {
	case k.Body == nil && k.BodyBytes == nil:
		return m, errors.New("it has neither body nor bodyBase64")
	case k.Body != nil && k.BodyBytes != nil:
		return m, errors.New("it has body and bodyBase64")
	}
	for name, a := range k.Attributes {
		if binary := strings.HasPrefix(a.Type, "Binary"); a.Type == "" || (a.Text != nil) == binary || (a.Binary != nil) != binary {
			return m, fmt.Errorf("attribute %s has no dataType, or not the value that belongs to it", name)
		}
	}
	if m = k.message(); !m.Whole() {
		return m, errors.New("it is not Unicode, or damaged; no queue takes it as it was")
	}
	return m, nil
}
