// Package functionurl serves an http.Handler behind a Lambda function URL whose answers come whole (InvokeMode
// BUFFERED, which is what local clouds know; aws-lambda-go's lambdaurl only streams).
package functionurl

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/aws/aws-lambda-go/events"
)

// Handler is what lambda.Start takes.
type Handler func(context.Context, events.LambdaFunctionURLRequest) (events.LambdaFunctionURLResponse, error)

// Wrap makes a Handler of h. Answers are text: a body goes out as it is. Bodies of requests are not handed on, since
// nothing here reads one.
func Wrap(h http.Handler) Handler {
	return func(ctx context.Context, in events.LambdaFunctionURLRequest) (events.LambdaFunctionURLResponse, error) {
		r, err := request(ctx, in)
		if err != nil {
			return events.LambdaFunctionURLResponse{}, err
		}
		w := &response{header: http.Header{}}
		h.ServeHTTP(w, r)
		return w.whole(r.Method), nil
	}
}

func request(ctx context.Context, in events.LambdaFunctionURLRequest) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, in.RequestContext.HTTP.Method, "/", http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("read the function URL's event: %w", err)
	}
	r.URL = &url.URL{Path: in.RawPath, RawQuery: in.RawQueryString}
	r.Host = in.RequestContext.DomainName
	for name, value := range in.Headers {
		r.Header.Set(name, value)
	}
	return r, nil
}

// response gathers an answer.
type response struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (w *response) Header() http.Header { return w.header }

func (w *response) WriteHeader(status int) {
	if w.status == 0 { // the first one stands, as with net/http
		w.status = status
	}
}

func (w *response) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(p)
}

func (w *response) whole(method string) events.LambdaFunctionURLResponse {
	w.WriteHeader(http.StatusOK)
	out := events.LambdaFunctionURLResponse{StatusCode: w.status, Headers: map[string]string{}}
	for name, values := range w.header {
		out.Headers[name] = strings.Join(values, ", ")
	}
	if method != http.MethodHead {
		out.Body = w.body.String()
	}
	return out
}
