package systemtest

import (
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"event-processor/internal/standin"
)

// TestTraits runs the short form of this suite, test-simple.sh and the trial run through stand-ins that have the
// traits of LocalStack: each by itself, and all.
func TestTraits(t *testing.T) {
	behind := open(t)
	if testing.Short() {
		t.Skip("takes a minute, and -short is set")
	}
	endpoint := aws.ToString(behind.Config.BaseEndpoint)
	if !behind.isMiniStack() {
		t.Skip("what answers at TEST_ENDPOINT is no MiniStack, so it has traits of its own")
	}
	cases := map[string][]standin.Trait{"all": standin.All}
	for _, trait := range standin.All {
		cases[string(trait)] = []standin.Trait{trait}
	}
	for name, traits := range cases {
		t.Run(name, func(t *testing.T) {
			cloud, err := standin.New(t.Context(), endpoint, traits...)
			if err != nil {
				t.Fatal(err)
			}
			server := httptest.NewServer(cloud)
			t.Cleanup(func() {
				server.Close()
				if err := cloud.Close(); err != nil {
					t.Error(err)
				}
			})
			// Restored before the stand-in ends. MiniStack sets AWS_ENDPOINT_URL itself.
			behind := open(t)
			for _, function := range []string{behind.Producer, behind.Processor, behind.Health} {
				behind.configure(function, nil, map[string]string{"AWS_ENDPOINT_URL_SQS": server.URL})
			}
			through := func(t *testing.T) *system {
				s := connectTo(t, server.URL)
				s.nudges = behind.nudges // whatever the stand-in says it is
				s.begin()
				if s.on().KeepsBodies == slices.Contains(traits, standin.Rewrites) {
					t.Fatalf("asked, the stand-in keeps bodies: %t", s.on().KeepsBodies)
				}
				if s.on().FairGroups == slices.Contains(traits, standin.NoGroups) {
					t.Fatalf("asked, the stand-in takes groups: %t", s.on().FairGroups)
				}
				return s
			}
			t.Run("health", func(t *testing.T) { health(t, through(t)) })
			t.Run("one event of each kind", func(t *testing.T) { eventsOfEachKind(t, through(t)) })
			t.Run("test-simple.sh", func(t *testing.T) { run(t, server.URL, "scripts/test-simple.sh") })
			t.Run("the trial run of setup.sh", func(t *testing.T) {
				run(t, server.URL, ". scripts/lib.sh && use_cloud && run_go account run")
			})
		})
	}
}

// run runs a command of bash in this repository, as a person would who has a cloud of their own at the endpoint.
func run(t *testing.T, endpoint, command string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "bash", "-c", command)
	cmd.Dir = "../.."
	cmd.Env = append(os.Environ(), "AWS_ENDPOINT_URL="+endpoint)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
