package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"event-processor/internal/batch"
	"event-processor/internal/clients"
	"event-processor/internal/decode"
	"event-processor/internal/emf"
	"event-processor/internal/event"
	"event-processor/internal/generate"
	"event-processor/internal/queue"
	"event-processor/internal/storetest"
)

// sampleTable is the table of clients with the sample clients in it.
type sampleTable struct{}

func (sampleTable) Find(_ context.Context, ids []string) (map[string]*event.Client, error) {
	found := map[string]*event.Client{}
	for _, id := range ids {
		found[id] = nil
	}
	for _, c := range generate.Clients() {
		if slices.Contains(ids, c.ID) {
			found[c.ID] = &c
		}
	}
	return found, nil
}

// visibilities notes what is made visible again.
type visibilities struct {
	mu      sync.Mutex
	changes []queue.Visibility
	err     error
}

func (v *visibilities) SetVisibility(_ context.Context, changes []queue.Visibility) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.changes = append(v.changes, changes...)
	return v.err
}

func newHandler(tb testing.TB, store batch.Store) (*handler, *visibilities) {
	tb.Helper()
	decoder, err := decode.New(256<<10, 10000)
	if err != nil {
		tb.Fatal(err)
	}
	sent := new(visibilities)
	return &handler{
		processor: &batch.Processor{
			Decoder: decoder, Directory: clients.New(sampleTable{}, time.Minute), Store: store, DeadlineMargin: 2 * time.Second,
		},
		queue:   sent,
		metrics: emf.New(io.Discard, "event-processor", "test"),
	}, sent
}

// TestGoldenBatches runs every batch in testdata twice, as redelivery would, and compares the answer with its
// .want.json. The same files run through `sam local invoke ProcessorFunction -e FILE`.
func TestGoldenBatches(t *testing.T) {
	files, err := filepath.Glob("testdata/*.json")
	if err != nil {
		t.Fatal(err)
	}
	store := new(storetest.Memory)
	ran := 0
	for _, file := range files {
		if strings.HasSuffix(file, ".want.json") {
			continue
		}
		ran++
		t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
			payload := read(t, file)
			want := strings.TrimSpace(string(read(t, strings.TrimSuffix(file, ".json")+".want.json")))
			kept := 0
			for delivery := 1; delivery <= 2; delivery++ {
				h, sent := newHandler(t, store)
				got, err := h.Invoke(t.Context(), payload)
				if err != nil {
					t.Fatal(err)
				}
				if string(got) != want {
					t.Errorf("delivery %d\ngot  %s\nwant %s", delivery, got, want)
				}
				if reported := strings.Count(want, "itemIdentifier"); len(sent.changes) != reported {
					t.Errorf("%d messages made visible again, want %d", len(sent.changes), reported)
				}
				if delivery == 2 && store.Len() != kept {
					t.Errorf("the second delivery brought %d events to %d", kept, store.Len())
				}
				kept = store.Len()
			}
		})
	}
	if ran < 16 {
		t.Errorf("only %d golden batches found", ran)
	}
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestTroubleWithVisibilityDoesNotFailTheBatch(t *testing.T) {
	h, sent := newHandler(t, new(storetest.Memory))
	sent.err = errors.New("no")
	got, err := h.Invoke(t.Context(), read(t, "testdata/mixed.json"))
	if err != nil || !strings.Contains(string(got), "not-json") {
		t.Errorf("got %s, %v", got, err)
	}
}

func TestWhatIsNoBatchIsAnError(t *testing.T) {
	h, _ := newHandler(t, new(storetest.Memory))
	for _, payload := range []string{"", "[]", `{"Records":{}}`, `"text"`} {
		if got, err := h.Invoke(t.Context(), []byte(payload)); err == nil {
			t.Errorf("%q: got %s, want an error", payload, got)
		}
	}
}
