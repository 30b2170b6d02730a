package systemtest

import (
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"event-processor/internal/cloud"
	"event-processor/internal/dynamo"
	"event-processor/internal/standin"
)

// asked are the traits of each endpoint. One answer serves all tests.
var asked sync.Map

// on is what the cloud of this test can do.
func (s *system) on() cloud.Traits {
	s.t.Helper()
	endpoint := aws.ToString(s.Config.BaseEndpoint)
	if known, ok := asked.Load(endpoint); ok {
		return known.(cloud.Traits)
	}
	traits, err := cloud.Ask(s.t.Context(), s.Stack, s.queue, dynamo.NewClients(s.db, s.ClientsTable), s.events)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Logf("the cloud is %s; IAM is enforced: %t", traits, traits.EnforcesIAM)
	asked.Store(endpoint, traits)
	return traits
}

// rewriter writes bodies anew as the poller of this test's cloud does.
func (s *system) rewriter() (anew func(body string) string) {
	s.t.Helper()
	if s.on().KeepsBodies {
		return func(body string) string { return body }
	}
	poller, err := standin.NewPoller(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		if err := poller.Close(); err != nil {
			s.t.Error(err)
		}
	})
	return func(body string) string {
		text, err := poller.Anew(body)
		if err != nil {
			s.t.Fatal(err)
		}
		return text
	}
}

// leaveOut says in a line what a test leaves out, and why.
func (s *system) leaveOut(t *testing.T, sentences ...string) {
	t.Helper()
	for _, sentence := range sentences {
		t.Logf("left out on %s: %s", s.on().Name, sentence)
	}
}
