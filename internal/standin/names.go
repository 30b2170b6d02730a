package standin

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// version is whose answers under LocalStack's own paths these are.
const version = "4.14.0"

// services are those of LocalStack's that this repository uses. LocalStack lists more.
var services = []string{"cloudformation", "cloudwatch", "dynamodb", "iam", "lambda", "logs", "s3", "sqs", "sts"}

func localStackHealth(w http.ResponseWriter) {
	states := map[string]string{}
	for _, name := range services {
		states[name] = "running"
	}
	writeJSON(w, map[string]any{"services": states, "edition": "community", "version": version})
}

func localStackInfo(w http.ResponseWriter) {
	writeJSON(w, map[string]any{
		"version": version, "edition": "community", "is_license_activated": false,
		"session_id": uuid.NewString(), "machine_id": "stand-in", "system": "linux", "is_docker": true,
		"server_time_utc": time.Now().UTC().Format("2006-01-02T15:04:05"), "uptime": 1,
	})
}

func writeJSON(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(value) // a client that went away
}

// noSuchBucket is what LocalStack 4.14.0 answers on a path that it does not know: it takes it for one of S3.
func noSuchBucket(w http.ResponseWriter, r *http.Request) {
	bucket, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	id := uuid.NewString()
	w.Header().Set("Content-Type", "application/xml")
	w.Header().Set("X-Amz-Request-Id", id)
	w.WriteHeader(http.StatusNotFound)
	_, _ = fmt.Fprintf(w, "<?xml version='1.0' encoding='utf-8'?>\n<Error><Code>NoSuchBucket</Code><Message>The specified bucket does not exist</Message>"+
		"<RequestId>%s</RequestId><BucketName>%s</BucketName></Error>", id, bucket)
}

// inner is the host and port that LocalStack has inside of its container unless it is told otherwise. Nobody listens
// there where these URLs are read, or somebody else.
const inner = "localhost.localstack.cloud:4566"

var (
	functionURL = regexp.MustCompile(`https://([a-z0-9-]+)\.lambda-url\.([a-z0-9-]+)\.on\.aws`) // as MiniStack names it
	queueURL    = regexp.MustCompile(`http://[^/\s"<>]+/(\d{12}/)`)
)

// nameInside renames functions and queues in the answers that say where these are.
func (s *StandIn) nameInside(response *http.Response) error {
	if !s.traits[InnerPort] || !saysWhere(response.Request) {
		return nil
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	body = functionURL.ReplaceAll(body, []byte("http://$1.lambda-url.$2."+inner))
	body = queueURL.ReplaceAll(body, []byte("http://sqs.us-east-1."+inner+"/$1"))
	response.Body = io.NopCloser(bytes.NewReader(body))
	response.ContentLength = int64(len(body))
	response.Header.Set("Content-Length", strconv.Itoa(len(body)))
	return nil
}

// saysWhere reports whether a call asks for URLs.
func saysWhere(r *http.Request) bool {
	switch r.Header.Get("X-Amz-Target") {
	case "AmazonSQS.GetQueueUrl", "AmazonSQS.ListQueues", "AmazonSQS.CreateQueue":
		return true
	}
	scope := r.Header.Get("Authorization") // Credential=KEY/DATE/REGION/SERVICE/aws4_request
	return strings.Contains(scope, "/cloudformation/aws4_request") ||
		strings.HasPrefix(r.URL.Path, "/2021-10-31/functions/") && (strings.HasSuffix(r.URL.Path, "/url") || strings.HasSuffix(r.URL.Path, "/urls"))
}
