package dynamo

import (
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// inMemory opens a DynamoDB that is a handler in this process. There is no socket in between, so that the time of
// testing/synctest holds: it stands still while a request is worked on, however slow the machine is.
func inMemory(handler http.Handler) *dynamodb.Client {
	db := Open(aws.Config{Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider("test", "test", "")}, 4)
	return dynamodb.New(db.Options(), func(o *dynamodb.Options) { o.HTTPClient = wire{handler} })
}

// sentTwice is the header of an answer to a request that the transport sent twice, as net/http may.
const sentTwice = "X-Sent-Twice"

// wire carries requests to a handler. As with a real one, whoever asked goes when the context ends.
type wire struct{ handler http.Handler }

func (w wire) Do(r *http.Request) (*http.Response, error) {
	answers := make(chan *http.Response, 1)
	go func() {
		recorder := httptest.NewRecorder()
		w.handler.ServeHTTP(recorder, r)
		answers <- recorder.Result()
	}()
	select {
	case answer := <-answers:
		if trace := httptrace.ContextClientTrace(r.Context()); trace != nil && trace.GotConn != nil {
			trace.GotConn(httptrace.GotConnInfo{})
			if answer.Header.Get(sentTwice) != "" {
				trace.GotConn(httptrace.GotConnInfo{})
			}
		}
		return answer, nil
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
}
