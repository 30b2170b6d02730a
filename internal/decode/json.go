package decode

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
)

const (
	maxDepth       = 64  // levels of objects and arrays, the outermost included
	maxNumberChars = 64  // characters of a number
	maxExponent    = 308 // either way: what a double can hold
)

// document is a body read strictly: what the validator sees and what is kept are readings of the same bytes.
type document struct {
	value     any    // as encoding/json makes it with UseNumber, down to the depth that was asked for
	payload   string // the top level's member "payload" as it came, where it is an object
	badNumber *place // the first number beyond the limits, nil where there is none
}

// place is where something stands in a body.
type place struct {
	offset  int64  // in bytes
	pointer string // JSON pointer; it holds names that the client chose
}

var errDepth = errors.New("more than " + strconv.Itoa(maxDepth) + " levels deep")

// How deep the value of a document goes. All of the text is read as strictly either way.
const (
	shallow = 2        // the envelope and the payload's members; of what is inside these only the kind
	whole   = maxDepth // everything
)

// parse reads one JSON value and nothing after it: valid UTF-8, no member twice at any depth (jsontext refuses
// both by itself), at most maxDepth levels. Numbers keep their digits. The error says what is wrong and where,
// never what stands there. An object or array below the depth is a nil map or a nil slice.
//
// A shallow value whose texts are pieces of the body takes a third of the time of a whole one, 1.7 of 4.8 µs.
func parse(body string, depth int) (document, error) {
	p := parsers.Get().(*parser)
	defer parsers.Put(p)
	return p.parse(body, depth)
}

// parsers are kept: making a tokenizer anew costs as much as reading a small body.
var parsers = sync.Pool{New: func() any {
	p := new(parser)
	p.tokens = jsontext.NewDecoder(&p.source)
	return p
}}

type parser struct {
	body   string
	depth  int
	source bytes.Buffer
	tokens *jsontext.Decoder
	doc    document
}

func (p *parser) parse(body string, depth int) (document, error) {
	p.source.Reset()
	p.source.WriteString(body)
	p.tokens.Reset(&p.source)
	p.body, p.depth, p.doc = body, depth, document{}
	defer func() { p.body, p.doc = "", document{} }() // a parser in the pool holds no body
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

// wanted reports whether what stands at this level is part of the value.
func (p *parser) wanted(level int) bool { return level <= p.depth }

func (p *parser) value() (any, error) {
	switch p.tokens.PeekKind() {
	case '{':
		return p.object()
	case '[':
		return p.array()
	case '"':
		text, err := p.text(p.wanted(p.tokens.StackDepth()))
		return text, err
	case '0':
		return p.number()
	default:
		token, err := p.tokens.ReadToken()
		if err != nil || token.Kind() == 'n' {
			return nil, err
		}
		return token.Bool(), nil // jsontext lets nothing else through
	}
}

// text reads a name or a string. It is a piece of the body where nothing in it is escaped.
func (p *parser) text(wanted bool) (string, error) {
	raw, err := p.tokens.ReadValue()
	if err != nil || !wanted {
		return "", err
	}
	if bytes.IndexByte(raw, '\\') < 0 {
		end := p.tokens.InputOffset()
		return p.body[end-int64(len(raw))+1 : end-1], nil
	}
	unquoted, err := jsontext.AppendUnquote(nil, raw)
	return string(unquoted), err
}

func (p *parser) number() (any, error) {
	raw, err := p.tokens.ReadValue()
	if err != nil {
		return nil, err
	}
	end := p.tokens.InputOffset()
	number := p.body[end-int64(len(raw)) : end]
	if p.doc.badNumber == nil && !plainNumber(number) {
		p.doc.badNumber = &place{end, string(p.tokens.StackPointer())}
	}
	if !p.wanted(p.tokens.StackDepth()) {
		return nil, nil
	}
	return json.Number(number), nil
}

func (p *parser) object() (any, error) {
	if _, err := p.tokens.ReadToken(); err != nil {
		return nil, err
	}
	level := p.tokens.StackDepth()
	if level > maxDepth {
		return nil, errDepth
	}
	start := p.tokens.InputOffset() - 1
	var object map[string]any
	if p.wanted(level) {
		object = make(map[string]any, 8)
	}
	isPayload := level == 2 && p.tokens.StackPointer() == "/payload"
	for p.tokens.PeekKind() != '}' {
		name, err := p.text(object != nil)
		if err != nil {
			return nil, err
		}
		value, err := p.value()
		if err != nil {
			return nil, err
		}
		if object != nil {
			object[name] = value
		}
	}
	_, err := p.tokens.ReadToken()
	if isPayload && err == nil {
		p.doc.payload = p.body[start:p.tokens.InputOffset()]
	}
	return object, err
}

func (p *parser) array() (any, error) {
	if _, err := p.tokens.ReadToken(); err != nil {
		return nil, err
	}
	level := p.tokens.StackDepth()
	if level > maxDepth {
		return nil, errDepth
	}
	var array []any
	if p.wanted(level) {
		array = []any{}
	}
	for p.tokens.PeekKind() != ']' {
		element, err := p.value()
		if err != nil {
			return nil, err
		}
		if array != nil {
			array = append(array, element)
		}
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
