package main

import (
	"net/url"
	"strings"
	"testing"
)

func TestDeclareEndpoint(t *testing.T) {
	const built = `Globals:
  Function:
    Environment:
      Variables:
        LOG_LEVEL: INFO
Resources:
  ProcessorFunction:
    Properties:
      Environment:
        Variables:
          EVENTS_TABLE: x
`
	got, err := declareEndpoint([]byte(built))
	want := strings.Replace(built, "        LOG_LEVEL", "        AWS_ENDPOINT_URL: ''\n        LOG_LEVEL", 1)
	if err != nil || string(got) != want {
		t.Errorf("declareEndpoint = %s, %v, want %s", got, err, want)
	}
	if _, err := declareEndpoint([]byte("Resources: {}\n")); err == nil {
		t.Error("no error for a template without variables")
	}
}

func TestContainerIDs(t *testing.T) {
	const log = "Mounting x\nSAM_CONTAINER_ID: 0eb13d35b115d31915b6f84fd06c2f61711fb9df016252e5c48f60e2d6981a76\nSTART RequestId: 406bb63d\n"
	match := containerIDs.FindStringSubmatch(log)
	if len(match) != 2 || !strings.HasPrefix(match[1], "0eb13d35b115") || len(match[1]) != 64 {
		t.Errorf("found %q", match)
	}
}

func TestReachStaysOffOtherInterfaces(t *testing.T) {
	if address, found := addressOf(""); found {
		t.Errorf("an interface without a name has address %s", address)
	}
	if address, found := addressOf("lo"); found && address != "127.0.0.1" {
		t.Errorf("the loopback interface has address %s", address)
	}
}

func TestFromDesktop(t *testing.T) {
	for endpoint, want := range map[string]string{
		"http://127.0.0.1:4566":       "http://host.docker.internal:4566",
		"http://localhost:4566":       "http://host.docker.internal:4566",
		"https://cloud.localhost":     "https://host.docker.internal",
		"http://[::1]:4566":           "http://host.docker.internal:4566",
		"http://192.168.1.20:4566":    "http://192.168.1.20:4566",
		"https://cloud.internal:4566": "https://cloud.internal:4566",
	} {
		u, err := url.Parse(endpoint)
		if err != nil {
			t.Fatal(err)
		}
		if got := fromDesktop(*u); got != want {
			t.Errorf("fromDesktop(%s) = %s, want %s", endpoint, got, want)
		}
	}
}

func TestColdStarts(t *testing.T) {
	const log = "REPORT RequestId: 1\tInit Duration: 0.05 ms\tDuration: 15 ms\nREPORT RequestId: 2\tDuration: 3 ms\n"
	if got := coldStarts(log); got != 1 {
		t.Errorf("coldStarts = %d, want 1", got)
	}
}
