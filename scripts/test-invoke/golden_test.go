package main

import (
	"strings"
	"testing"
)

func TestFindHasEveryFunction(t *testing.T) {
	events, err := find("../..")
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for _, g := range events {
		count[g.function]++
		if err := g.compare(g.want); err != nil && g.function == processor {
			t.Errorf("%s: its own answer: %v", g.name, err)
		}
	}
	if count[processor] < 16 || count[producer] < 1 || count[health] < 1 {
		t.Errorf("found %v, want 16 batches and an event of each other function", count)
	}
}

func TestFindAsksForAnswers(t *testing.T) {
	if _, err := find(t.TempDir()); err == nil {
		t.Error("found golden events in an empty folder")
	}
}

func TestCompare(t *testing.T) {
	const (
		batch = `{"batchItemFailures":[{"itemIdentifier":"a"},{"itemIdentifier":"b"}]}`
		sent  = `{"sent":3,"failed":0}`
		well  = `{"statusCode":200,"body":{"healthy":true}}`
	)
	for name, tt := range map[string]struct {
		function, want, answer string
		same                   bool
	}{
		"the same":                    {processor, batch, batch, true},
		"written with spaces, by SAM": {processor, batch, `{"batchItemFailures": [{"itemIdentifier": "a"}, {"itemIdentifier": "b"}]}`, true},
		"other order":                 {processor, batch, `{"batchItemFailures":[{"itemIdentifier":"b"},{"itemIdentifier":"a"}]}`, false},
		"one missing":                 {processor, batch, `{"batchItemFailures":[{"itemIdentifier":"a"}]}`, false},
		"null for an empty list":      {processor, `{"batchItemFailures":[]}`, `{"batchItemFailures":null}`, false},
		"more than a batch response":  {processor, `{"batchItemFailures":[]}`, `{"batchItemFailures":[],"x":1}`, false},
		"an error":                    {processor, `{"batchItemFailures":[]}`, `{"errorMessage":"x","errorType":"y"}`, false},
		"nothing, as after a timeout": {processor, `{"batchItemFailures":[]}`, ``, false},
		"two answers":                 {processor, `{"batchItemFailures":[]}`, `{"batchItemFailures":[]}{}`, false},
		"all sent":                    {producer, sent, `{"sent":3,"failed":0,"eventIds":["x"]}`, true},
		"some sent":                   {producer, sent, `{"sent":2,"failed":1}`, false},
		"no count":                    {producer, sent, `{"sent":3}`, false},
		"healthy":                     {health, well, `{"statusCode":200,"body":"{\"healthy\":true,\"checks\":{}}"}`, true},
		"unhealthy":                   {health, well, `{"statusCode":200,"body":"{\"healthy\":false}"}`, false},
		"no JSON in the body":         {health, well, `{"statusCode":200,"body":"healthy"}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			err := golden{name: "x", function: tt.function, want: []byte(tt.want)}.compare([]byte(tt.answer))
			if (err == nil) != tt.same {
				t.Errorf("compare = %v, want the same: %v", err, tt.same)
			}
			if err != nil && (!strings.Contains(err.Error(), "got ") || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("compare = %v, want both answers in it", err)
			}
		})
	}
}
