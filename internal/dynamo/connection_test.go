package dynamo

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"event-processor/internal/event"
)

// line is a table of clients and events behind real connections, in this process. cut has every connection there is
// fail at its next request.
type line struct {
	db       *dynamodb.Client
	cut      func()
	requests *atomic.Int32 // that were answered
	wires    *atomic.Int32 // connections that were made
}

// end is the client's end of a connection.
type end struct {
	net.Conn
	closed *atomic.Bool
}

// Write fails as on a connection that this side has just closed, because the other side did: nothing goes out.
func (e end) Write(p []byte) (int, error) {
	if e.closed.Load() {
		return 0, &net.OpError{Op: "write", Net: "tcp", Err: net.ErrClosed}
	}
	return e.Conn.Write(p)
}

// listener hands connections from a dialer to a server.
type listener chan net.Conn

func (l listener) Accept() (net.Conn, error) {
	c, ok := <-l
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}
func (l listener) Close() error   { close(l); return nil } // the server does, once
func (l listener) Addr() net.Addr { return &net.IPAddr{} }

type connection struct{}

// openLine opens the line. What is cut fails without a byte going out, or, where that is late, is closed by the other
// side when the request has come.
func openLine(t *testing.T, connections int, late bool) line {
	t.Helper()
	l := line{requests: new(atomic.Int32), wires: new(atomic.Int32)}
	var mu sync.Mutex
	var closed []*atomic.Bool
	accept := make(listener)
	var atOnce sync.WaitGroup // the first requests, so that there are connections
	atOnce.Add(connections)
	server := &http.Server{
		ReadHeaderTimeout: time.Hour,
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, connection{}, c.(serverEnd).closed)
		},
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Context().Value(connection{}).(*atomic.Bool).Load() {
				panic(http.ErrAbortHandler) // closes the connection without an answer
			}
			if len(r.Header.Values("Idempotency-Key")) > 0 {
				t.Error("a header goes out that is not signed")
			}
			var request map[string]any
			if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
				t.Error(err)
			}
			if l.requests.Add(1) <= int32(connections) {
				atOnce.Done()
				atOnce.Wait()
			}
			answer := any(object{"Responses": object{"clients": []object{}}})
			if strings.HasSuffix(r.Header.Get("X-Amz-Target"), "BatchExecuteStatement") {
				answer = each(request, func(string) object { return object{} })
			}
			w.Header().Set("Content-Type", "application/x-amz-json-1.0")
			_ = json.NewEncoder(w).Encode(answer)
		}),
	}
	go func() {
		if err := server.Serve(accept); !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	}()
	dial := func(context.Context, string, string) (net.Conn, error) {
		mine, other := net.Pipe()
		gone := new(atomic.Bool)
		mu.Lock()
		defer mu.Unlock()
		l.wires.Add(1)
		closed = append(closed, gone)
		accept <- serverEnd{other, gone}
		if late {
			return mine, nil
		}
		return end{mine, gone}, nil
	}
	l.cut = func() {
		mu.Lock()
		defer mu.Unlock()
		for _, c := range closed {
			c.Store(true)
		}
	}
	l.db = Open(aws.Config{
		Region: "us-east-1", BaseEndpoint: aws.String("http://dynamodb"),
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
		HTTPClient:  awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) { t.DialContext = dial }),
	}, connections)
	t.Cleanup(func() {
		_ = server.Close()
		synctest.Wait()
	})
	return l
}

type serverEnd struct {
	net.Conn
	closed *atomic.Bool
}

// slow is a client's end that comes back to the writer a second after the bytes have gone out.
type slow struct{ net.Conn }

func (s slow) Write(p []byte) (int, error) {
	n, err := s.Conn.Write(p)
	time.Sleep(time.Second)
	return n, err
}

// TestAnAnswerMayBeginBeforeTheRequestIsDone has a table that answers at once, and takes two seconds for it.
func TestAnAnswerMayBeginBeforeTheRequestIsDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		accept := make(listener)
		var requests atomic.Int32
		server := &http.Server{
			ReadHeaderTimeout: time.Hour,
			Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				requests.Add(1)
				_, _ = io.Copy(io.Discard, r.Body)
				_, _ = io.WriteString(w, `{"Responses":`)
				_ = http.NewResponseController(w).Flush()
				time.Sleep(2 * time.Second)
				_, _ = io.WriteString(w, `{"clients":[]}}`)
			}),
		}
		go func() { _ = server.Serve(accept) }()
		defer synctest.Wait()
		defer func() { _ = server.Close() }()
		db := Open(aws.Config{
			Region: "us-east-1", BaseEndpoint: aws.String("http://dynamodb"),
			Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
			HTTPClient: awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
				t.DialContext = func(context.Context, string, string) (net.Conn, error) {
					mine, other := net.Pipe()
					accept <- other
					return slow{mine}, nil
				}
			}),
		}, 1)
		if _, err := NewClients(db, "clients").Find(t.Context(), []string{"a"}); err != nil || requests.Load() != 1 {
			t.Errorf("%v after %d requests, want an answer to the first", err, requests.Load())
		}
	})
}

// TestAClosedConnectionCostsNothing has a table that was away for a while: all connections that were kept are closed,
// and it answers at once on new ones.
func TestAClosedConnectionCostsNothing(t *testing.T) {
	const connections = 6
	for name, late := range map[string]bool{"before the request": false, "as the request comes": true} {
		for what, ask := range map[string]func(t *testing.T, db *dynamodb.Client) error{
			"a read": func(t *testing.T, db *dynamodb.Client) error {
				_, err := NewClients(db, "clients").Find(t.Context(), []string{"a"})
				return err
			},
			"a write": func(t *testing.T, db *dynamodb.Client) error {
				return NewEvents(db, "events", 1, 30).PutAll(t.Context(), some(1))[0].Err
			},
			"more writes than are let fail": func(t *testing.T, db *dynamodb.Client) error {
				var err error
				for _, put := range NewEvents(db, "events", connections, 30).PutAll(t.Context(), some(maxStatements*connections)) {
					err = cmp.Or(err, put.Err)
				}
				return err
			},
		} {
			t.Run(what+", closed "+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					l := openLine(t, connections, late)
					puts := NewEvents(l.db, "events", connections, 30).PutAll(t.Context(), some(maxStatements*connections))
					if got := reasons(puts); len(got) != 1 || got[0] != event.Reason("") || l.wires.Load() != connections {
						t.Fatalf("got %v over %d connections, want all stored over %d", got, l.wires.Load(), connections)
					}
					synctest.Wait() // until all are kept
					l.cut()
					before := l.requests.Load()
					began := time.Now()
					if err := ask(t, l.db); err != nil {
						t.Error(err)
					}
					if took := time.Since(began); took != 0 {
						t.Errorf("it paused for %s", took)
					}
					if l.requests.Load() == before {
						t.Error("nothing was asked")
					}
				})
			})
		}
	}
}
