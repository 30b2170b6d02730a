package cloud

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"event-processor/internal/event"
)

// fake is a cloud with a stack on it, as far as it is asked.
type fake struct {
	name, version string
	enforces      bool
	maxBytes      int
	refusesGroups bool
	rewrite       func(body string) string // on the way to the table
	after         time.Duration            // an event is stored; 0 is at once
	refuses       error                    // every event
	always200     bool

	sent    int
	grouped bool
	clients map[string]event.Client
	events  map[event.Key]stored
}

type stored struct {
	hash event.Hash
	at   time.Time
}

func (f *fake) Cloud(context.Context) (name, version string, err error) {
	return f.name, f.version, nil
}
func (f *fake) EnforcesIAM(context.Context) (bool, error) { return f.enforces, nil }
func (f *fake) Takes(context.Context) (int, bool)         { return f.maxBytes, f.grouped && !f.refusesGroups }

func (f *fake) Get(context.Context, string) (int, []byte, error) {
	if f.always200 {
		return http.StatusOK, nil, nil
	}
	return http.StatusNotFound, nil, nil
}

func (f *fake) SendOne(_ context.Context, body, groupID string) error {
	f.sent++
	f.grouped = groupID != ""
	if f.refuses != nil {
		return f.refuses
	}
	part := strings.Split(body, `"`)
	key := event.Key{EventID: part[3], ClientID: part[11]}
	if _, known := f.clients[key.ClientID]; !known {
		return errors.New("the client is not known")
	}
	if f.rewrite != nil {
		body = f.rewrite(body)
	}
	f.events[key] = stored{event.HashOf(body), time.Now().Add(f.after)}
	return nil
}

func (f *fake) CreateMissing(_ context.Context, clients []event.Client) (created []string, err error) {
	for _, c := range clients {
		f.clients[c.ID] = c
	}
	return nil, nil
}

// tables gives the fake's tables their two Remove methods.
type (
	clientsOf struct{ *fake }
	eventsOf  struct{ *fake }
)

func (f clientsOf) Remove(_ context.Context, ids []string) error {
	for _, id := range ids {
		delete(f.clients, id)
	}
	return nil
}

func (f eventsOf) Remove(_ context.Context, keys []event.Key) error {
	for _, key := range keys {
		delete(f.events, key)
	}
	return nil
}

func (f eventsOf) HashOf(_ context.Context, key event.Key) (event.Hash, bool, error) {
	s, there := f.events[key]
	return s.hash, there && !time.Now().Before(s.at), nil
}

func TestAsk(t *testing.T) {
	const mib = 1 << 20
	for name, tt := range map[string]struct {
		cloud fake
		want  Traits
		says  string
	}{
		"one that is like AWS": {
			fake{name: "MiniStack", version: "1.5.33", maxBytes: mib, enforces: true},
			Traits{Name: "MiniStack", Version: "1.5.33", MaxMessageBytes: mib, FairGroups: true, KeepsBodies: true, KeepsState: true, EnforcesIAM: true, KeepsStatus: true},
			"MiniStack 1.5.33",
		},
		"a slow one": {
			fake{name: "LocalStack", maxBytes: mib, after: Patience - time.Second},
			Traits{Name: "LocalStack", MaxMessageBytes: mib, FairGroups: true, KeepsBodies: true, KeepsStatus: true},
			"LocalStack",
		},
		"one that can less": {
			fake{name: "LocalStack", version: "9", maxBytes: 256 << 10, refusesGroups: true, always200: true, rewrite: func(body string) string {
				return strings.ReplaceAll(body, "1.50e1", "15.0")
			}},
			Traits{Name: "LocalStack", Version: "9", MaxMessageBytes: 256 << 10},
			"LocalStack 9; it writes bodies anew; no fair groups; a function URL always answers 200; messages of at most 256 KiB",
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := tt.cloud
				f.clients, f.events = map[string]event.Client{}, map[event.Key]stored{}
				got, err := Ask(t.Context(), &f, &f, clientsOf{&f}, eventsOf{&f})
				if diff := cmp.Diff(tt.want, got); err != nil || diff != "" {
					t.Errorf("%v %s", err, diff)
				}
				if got.String() != tt.says {
					t.Errorf("String() = %q, want %q", got.String(), tt.says)
				}
				if len(f.clients)+len(f.events) > 0 {
					t.Errorf("left behind: %v, %v", f.clients, f.events)
				}
			})
		})
	}
}

func TestAWSIsNotTried(t *testing.T) {
	f := fake{name: AWS, maxBytes: 1 << 20}
	got, err := Ask(t.Context(), &f, &f, clientsOf{&f}, eventsOf{&f})
	if err != nil || f.sent > 0 || !got.KeepsBodies || !got.FairGroups || !got.EnforcesIAM || got.MaxMessageBytes != 1<<20 {
		t.Errorf("%+v, %v, %d events sent", got, err, f.sent)
	}
}

func TestNoAnswerIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for want, f := range map[string]fake{
			"not stored after 2m0s":  {name: "MiniStack", after: Patience + time.Second},
			"the queue is not there": {name: "MiniStack", refuses: errors.New("the queue is not there")},
		} {
			f.clients, f.events = map[string]event.Client{}, map[event.Key]stored{}
			if _, err := Ask(t.Context(), &f, &f, clientsOf{&f}, eventsOf{&f}); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want %q", err, want)
			}
			if len(f.clients)+len(f.events) > 0 {
				t.Errorf("left behind: %v, %v", f.clients, f.events)
			}
		}
	})
}
