package decode

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

const (
	maxDepth       = 64  // levels of objects and arrays, the outermost included
	maxNumberChars = 64  // characters of a number
	maxExponent    = 308 // either way: what a double can hold
)

// document is a body read strictly: what the validator sees and what is kept are readings of the same bytes.
type document struct {
	value   any    // as encoding/json makes it with UseNumber
	payload string // the top level's member "payload" as it came, where it is an object

	badNumber *place // the first number beyond the limits, nil where there is none
}

// place is where something stands in a body.
type place struct {
	offset  int64  // in bytes
	pointer string // JSON pointer; it holds names that the client chose
}

var errDepth = errors.New("more than " + strconv.Itoa(maxDepth) + " levels deep")

// parse reads one JSON value and nothing after it: valid UTF-8, no member twice at any depth (jsontext refuses
// both by itself), at most maxDepth levels. Numbers keep their digits. The error says what is wrong and where,
// never what stands there.
func parse(body string) (document, error) {
	p := parser{body: body, tokens: jsontext.NewDecoder(bytes.NewBuffer([]byte(body)))}
	value, err := p.value()
	if err != nil {
		return document{}, p.explain(err)
	}
	if _, err := p.tokens.ReadToken(); !errors.Is(err, io.EOF) {
		return document{}, errors.New("text after the end of the value at byte " + strconv.FormatInt(p.tokens.InputOffset(), 10))
	}
	p.doc.value = value
	return p.doc, nil
}

type parser struct {
	body   string
	tokens *jsontext.Decoder
	doc    document
}

func (p *parser) value() (any, error) {
	token, err := p.tokens.ReadToken()
	if err != nil {
		return nil, err
	}
	switch token.Kind() {
	case '{':
		return p.object()
	case '[':
		return p.array()
	case '"':
		return token.String(), nil
	case '0':
		number := token.String()
		if p.doc.badNumber == nil && !plainNumber(number) {
			p.doc.badNumber = &place{p.tokens.InputOffset(), string(p.tokens.StackPointer())}
		}
		return json.Number(number), nil
	case 't', 'f':
		return token.Bool(), nil
	default: // null: jsontext lets nothing else through
		return nil, nil
	}
}

func (p *parser) object() (any, error) {
	depth := p.tokens.StackDepth()
	if depth > maxDepth {
		return nil, errDepth
	}
	object := make(map[string]any, 8)
	for p.tokens.PeekKind() != '}' {
		token, err := p.tokens.ReadToken()
		if err != nil {
			return nil, err
		}
		name := token.String()
		if depth == 1 && name == "payload" && p.tokens.PeekKind() == '{' {
			object[name], err = p.payload()
		} else {
			object[name], err = p.value()
		}
		if err != nil {
			return nil, err
		}
	}
	_, err := p.tokens.ReadToken()
	return object, err
}

// payload reads an object and notes where it stands in the body.
func (p *parser) payload() (any, error) {
	if _, err := p.tokens.ReadToken(); err != nil {
		return nil, err
	}
	start := p.tokens.InputOffset() - 1
	object, err := p.object()
	if err == nil {
		p.doc.payload = p.body[start:p.tokens.InputOffset()]
	}
	return object, err
}

func (p *parser) array() (any, error) {
	if p.tokens.StackDepth() > maxDepth {
		return nil, errDepth
	}
	array := []any{}
	for p.tokens.PeekKind() != ']' {
		element, err := p.value()
		if err != nil {
			return nil, err
		}
		array = append(array, element)
	}
	_, err := p.tokens.ReadToken()
	return array, err
}

// plainNumber reports whether a number is within the limits. jsonschema v5 panics on 1e1000001 and takes 21 ms
// over 1e1000000; what passes here costs it nothing.
func plainNumber(number string) bool {
	if len(number) > maxNumberChars {
		return false
	}
	at := strings.IndexAny(number, "eE")
	if at < 0 {
		return true
	}
	exponent, err := strconv.Atoi(number[at+1:])
	return err == nil && -maxExponent <= exponent && exponent <= maxExponent
}

// explain turns an error of the tokenizer into one sentence without the text that it stumbled over.
func (p *parser) explain(err error) error {
	at := " at byte " + strconv.FormatInt(p.tokens.InputOffset(), 10)
	switch {
	case errors.Is(err, errDepth):
		return errDepth
	case errors.Is(err, jsontext.ErrDuplicateName):
		return errors.New("a member twice in one object" + at)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("the text ends before the value does")
	default:
		return errors.New("not valid JSON" + at)
	}
}
