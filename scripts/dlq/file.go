package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"unicode/utf8"

	"event-processor/internal/queue"
)

// kept is a message as a line of an exported file, in the words of the events that Lambda hands to a function. It
// holds all that SQS says of the message.
type kept struct {
	MessageID  string                   `json:"messageId"`
	Body       *string                  `json:"body,omitempty"`
	BodyBytes  []byte                   `json:"bodyBase64,omitempty"` // instead of body, where that is not Unicode
	Damaged    bool                     `json:"damaged,omitempty"`    // the body is not what the queue had, see queue.Received
	Attributes map[string]keptAttribute `json:"messageAttributes,omitempty"`
	System     map[string]string        `json:"attributes,omitempty"`
}

type keptAttribute struct {
	Type   string  `json:"dataType"`
	Text   *string `json:"stringValue,omitempty"`
	Binary []byte  `json:"binaryValue,omitempty"`
}

func keep(m *queue.Received) kept {
	k := kept{MessageID: m.ID, Damaged: m.Damaged, System: m.System, Attributes: make(map[string]keptAttribute, len(m.Attributes))}
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

// exportFile is a file under way. It stands under its name only when it is whole and on the disk.
type exportFile struct {
	name string
	temp *os.File
	to   *bufio.Writer
	n    int
}

// createExport begins a file that only its owner can read, for it holds payloads. It never replaces one.
func createExport(name string) (*exportFile, error) {
	if _, err := os.Lstat(name); err == nil {
		return nil, fmt.Errorf("%s is there already; name another file", name)
	}
	temp, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*") // of mode 0600
	if err != nil {
		return nil, err
	}
	return &exportFile{name: name, temp: temp, to: bufio.NewWriter(temp)}, nil
}

func (f *exportFile) add(m *queue.Received) error {
	line := json.NewEncoder(f.to)
	line.SetEscapeHTML(false)
	f.n++
	k := keep(m)
	return line.Encode(&k)
}

// finish puts the file on the disk and under its name.
func (f *exportFile) finish() error {
	err := errors.Join(f.to.Flush(), f.temp.Sync(), f.temp.Close())
	if err == nil {
		err = os.Rename(f.temp.Name(), f.name)
	}
	if err != nil {
		_ = os.Remove(f.temp.Name())
		return fmt.Errorf("write %s: %w", f.name, err)
	}
	folder, err := os.Open(filepath.Dir(f.name))
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// abandon leaves nothing behind.
func (f *exportFile) abandon() {
	_ = f.temp.Close()
	_ = os.Remove(f.temp.Name())
}

// readExport shows the messages of an exported file with their line numbers, and ends with the first error.
func readExport(from io.Reader, see func(line int, m queue.Received) error) error {
	lines := bufio.NewReader(from)
	for n, end := 1, false; !end; n++ {
		text, err := lines.ReadBytes('\n')
		end = errors.Is(err, io.EOF)
		if err != nil && !end {
			return err
		}
		if len(bytes.TrimSpace(text)) == 0 {
			continue
		}
		m, err := readLine(text)
		if err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
		if err := see(n, m); err != nil {
			return err
		}
	}
	return nil
}

func readLine(text []byte) (m queue.Received, err error) {
	var k kept
	from := json.NewDecoder(bytes.NewReader(text))
	from.DisallowUnknownFields()
	if err := from.Decode(&k); err != nil {
		return m, err
	}
	if k.Body == nil && k.BodyBytes == nil {
		return m, errors.New("it has neither body nor bodyBase64")
	}
	return k.message(), nil
}
