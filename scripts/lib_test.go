// Package scripts is what people run. Its tests hold the scripts to what they must not do; they run copies, in folders
// of their own, and no cloud.
package scripts

import (
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// shell runs text in bash behind lib.sh, in the copy of the repository at root, with nothing in the environment but
// what is given. BASH_PATH names another bash to try, such as macOS's 3.2.
func shell(t *testing.T, root, text string, environment ...string) (stdout, stderr string, err error) {
	t.Helper()
	return run(t, root, environment, "-c", ". scripts/lib.sh; "+text, "scripts/none.sh")
}

func run(t *testing.T, root string, environment []string, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	bash := os.Getenv("BASH_PATH")
	if bash == "" {
		bash = "bash"
	}
	var out, notes strings.Builder
	c := exec.CommandContext(t.Context(), bash, args...)
	c.Dir, c.Env = root, append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + root}, environment...)
	c.Stdout, c.Stderr = &out, &notes
	err = c.Run()
	return out.String(), notes.String(), err
}

// repository makes a folder with a copy of the scripts, and nothing running.
func repository(t *testing.T) string {
	t.Helper()
	root := filepath.Join(t.TempDir(), "it's a copy")
	scripts, err := filepath.Glob("*.sh")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	scripts = append(scripts, "producer/run-producer.sh")
	for _, name := range scripts {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(root, "scripts", name), string(text), 0o755)
	}
	return root
}

func write(t *testing.T, name, text string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

// TestLocalEndpoint has AWS, and whatever only looks local, refused.
func TestLocalEndpoint(t *testing.T) {
	root := repository(t)
	for address, want := range map[string]bool{
		"http://127.0.0.1:4566":         true,
		"http://127.0.0.1:4566/":        true,
		"http://127.9.9.9:1":            true,
		"http://localhost:4566":         true,
		"http://LocalHost:4566":         true,
		"https://localhost":             true,
		"http://aws.localhost:4566":     true,
		"http://[::1]:4566":             true,
		"http://10.0.0.1:4566":          true,
		"http://172.16.0.1":             true,
		"http://172.31.255.255:80":      true,
		"http://192.168.1.20:4566":      true,
		"http://[fd12:3456::1]:4566":    true,
		"http://[FC00::1]:4566":         true,
		"http://named:4566":             true,
		"http://NAMED.example.org:4566": true,
		"http://203.0.113.7:4566":       true, // named

		"https://sqs.us-east-1.amazonaws.com":             false,
		"https://dynamodb.cn-north-1.amazonaws.com.cn":    false,
		"https://sqs.us-east-1.api.aws":                   false,
		"https://abc.lambda-url.us-east-1.on.aws":         false,
		"https://s3.amazonaws.com.":                       false,
		"https://vpce-1.sqs.us-east-1.vpce.amazonaws.com": false, // although it is named
		"http://8.8.8.8:4566":                             false,
		"http://172.15.0.1":                               false,
		"http://172.32.0.1":                               false,
		"http://192.169.0.1":                              false,
		"http://169.254.169.254":                          false,
		"http://0.0.0.0:4566":                             false,
		"http://[fe80::1]:4566":                           false,
		"http://[fd00:ec2::254]":                          false, // the metadata of an EC2 instance
		"http://[2001:db8::1]:4566":                       false,
		"http://[::ffff:8.8.8.8]:4566":                    false,
		"http://[fc::1]:4566":                             false, // 00fc, which is not private
		"http://10.0.0.1.evil.com":                        false,
		"http://127.0.0.1.amazonaws.com":                  false,
		"http://localhost.evil.com":                       false,
		"http://evillocalhost:4566":                       false,
		"http://localhost@sqs.us-east-1.amazonaws.com":    false,
		"http://localhost:4566@evil.com":                  false,
		"http://user@localhost:4566":                      false,
		"http://127.0.0.1:4566#@evil.com":                 false,
		"http://127.0.0.1:4566?x=.evil.com":               false,
		"http://127.0.0.1:4566/path":                      false,
		"http://127.0.0.1\\.evil.com":                     false,
		"http://evil.com\n127.0.0.1":                      false,
		"http://127.0.0.1:4566\nhttp://evil.com":          false,
		"http://2130706433:4566":                          false,
		"http://0x7f000001:4566":                          false,
		"http://0x7f.0.0.1:4566":                          false,
		"http://010.0.0.1":                                false, // octal to some: 8.0.0.1
		"http://127.1:4566":                               false,
		"http://10.0.0.256":                               false,
		"http://host.docker.internal:4566":                false,
		"http://ｌocalhost:4566":                           false,
		"http://name:4566":                                false,
		"http://*:4566":                                   false,
		"http://:4566":                                    false,
		"ftp://127.0.0.1":                                 false,
		"127.0.0.1:4566":                                  false,
		"localhost":                                       false,
	} {
		t.Run(address, func(t *testing.T) {
			_, notes, err := shell(t, root, "local_endpoint \"$URL\"", "URL="+address,
				"LOCAL_CLOUD_HOSTS=named, Named.Example.org\tvpce-1.sqs.us-east-1.vpce.amazonaws.com,203.0.113.7 *")
			if got := err == nil; got != want || notes != "" {
				t.Errorf("local_endpoint %q: %t, want %t %s", address, got, want, notes)
			}
		})
	}
}

// TestChooseCloud has AWS_ENDPOINT_URL name a cloud of this repository, or somebody else's.
func TestChooseCloud(t *testing.T) {
	root := repository(t)
	listen := func() string {
		l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		_, port, _ := net.SplitHostPort(l.Addr().String())
		return port
	}
	ours, other, theirs := listen(), listen(), listen()
	const nobody = "9" // discard; a port where nothing listens
	for name, port := range map[string]string{"dev": ours, "second": other, "stopped": nobody, "crashed": theirs} {
		write(t, filepath.Join(root, ".local", name, "cloud"), "ministack "+port+" false\n", 0o644)
		if port == ours || port == other {
			if _, notes, err := shell(t, root, "write_pid .local/"+name+"/cloud.pid "+strconv.Itoa(os.Getpid())); err != nil {
				t.Fatal(err, notes)
			}
		}
	}
	for name, tt := range map[string]struct {
		environment []string
		want        string // foreign, name, endpoint's port
	}{
		"no URL":                        {want: " dev " + ours},
		"an empty URL":                  {[]string{"AWS_ENDPOINT_URL="}, " dev " + ours},
		"ours":                          {[]string{"AWS_ENDPOINT_URL=http://localhost:" + ours}, " dev " + ours},
		"ours, another name":            {[]string{"AWS_ENDPOINT_URL=http://127.0.0.1:" + other}, " second " + other},
		"ours, another name is given":   {[]string{"AWS_ENDPOINT_URL=http://127.0.0.1:" + ours, "LOCAL_NAME=second"}, " second " + other},
		"ours, a new one is given":      {[]string{"AWS_ENDPOINT_URL=http://127.0.0.1:" + ours, "LOCAL_NAME=new", "LOCAL_PORT=" + nobody}, " new " + nobody},
		"ours, stopped":                 {[]string{"AWS_ENDPOINT_URL=http://127.0.0.1:" + nobody}, " stopped " + nobody},
		"theirs":                        {[]string{"AWS_ENDPOINT_URL=http://127.0.0.1:" + theirs + "/"}, "yes dev " + theirs},
		"theirs, where ours has ended":  {[]string{"AWS_ENDPOINT_URL=http://127.0.0.1:" + theirs, "LOCAL_NAME=crashed"}, "yes crashed " + theirs},
		"theirs, though ours is given":  {[]string{"AWS_ENDPOINT_URL=http://127.0.0.1:" + theirs, "LOCAL_NAME=dev", "LOCAL_PORT=" + ours}, "yes dev " + theirs},
		"theirs, on the port for ours":  {[]string{"AWS_ENDPOINT_URL=http://127.0.0.1:" + theirs, "LOCAL_PORT=" + theirs}, "yes dev " + theirs},
		"theirs, on another machine":    {[]string{"AWS_ENDPOINT_URL=http://10.0.0.1:" + ours}, "yes dev " + ours},
		"one to be started":             {[]string{"AWS_ENDPOINT_URL=http://127.0.0.1:7", "LOCAL_PORT=7"}, " dev 7"},
		"nobody's, not one to be ours":  {[]string{"AWS_ENDPOINT_URL=http://127.0.0.1:7"}, "yes dev 7"},
		"AWS":                           {[]string{"AWS_ENDPOINT_URL=https://sqs.us-east-1.amazonaws.com:443"}, "refused dev 443"},
		"a stage on AWS is left as set": {[]string{"AWS_ENDPOINT_URL=https://sqs.us-east-1.amazonaws.com", "STAGE=staging"}, " dev " + ours},
	} {
		t.Run(name, func(t *testing.T) {
			got, notes, err := shell(t, root, `echo "$foreign $LOCAL_NAME ${endpoint##*:}"`, tt.environment...)
			if err != nil || notes != "" || got != tt.want+"\n" {
				t.Errorf("%v: %q, %v, want %q %s", tt.environment, got, err, tt.want, notes)
			}
		})
	}
}

// TestRefusal has each script that speaks to a cloud end where AWS_ENDPOINT_URL names AWS, and say what to do.
func TestRefusal(t *testing.T) {
	root := repository(t)
	for _, script := range []string{
		"setup.sh", "setup-localstack.sh start", "setup-localstack.sh reset --yes", "test-simple.sh", "load-test.sh", "dlq.sh list", "logs.sh",
		"trace.sh x", "test-invoke.sh", "env.sh",
	} {
		name, arguments, _ := strings.Cut(script, " ")
		args := append([]string{"scripts/" + name}, strings.Fields(arguments)...)
		out, notes, err := run(t, root, []string{"AWS_ENDPOINT_URL=https://sqs.us-east-1.amazonaws.com"}, args...)
		if err == nil || out != "" || !strings.Contains(notes, "For AWS unset AWS_ENDPOINT_URL and say STAGE=staging") {
			t.Errorf("%s: %v, printed %q and %q", script, err, out, notes)
		}
	}
}

// TestAForeignCloudIsLeftAsItIs runs what starts, stops and cleans against a cloud that this repository did not start.
func TestAForeignCloudIsLeftAsItIs(t *testing.T) {
	root := repository(t)
	cloud := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			t.Errorf("%s %s", r.Method, r.URL)
		}
	}))
	defer cloud.Close()
	const sentence = "was not started by this repository: it is left as it is."
	for script, want := range map[string]bool{ // whether what was asked for is there
		"setup-localstack.sh start":       true,
		"setup-localstack.sh status":      true,
		"setup-localstack.sh stop":        false,
		"setup-localstack.sh restart":     false,
		"setup-localstack.sh reset --yes": false,
		"setup-localstack.sh logs":        false,
		"clean.sh --yes":                  true,
	} {
		args := strings.Fields("scripts/" + script)
		write(t, filepath.Join(root, ".local/dev/kept"), "", 0o644)
		out, notes, err := run(t, root, []string{"AWS_ENDPOINT_URL=" + cloud.URL}, args...)
		if (err == nil) != want || !strings.Contains(out+notes, sentence) || !strings.Contains(out+notes, cloud.URL) {
			t.Errorf("%s: %v, printed %s%s", script, err, out, notes)
		}
		if _, err := os.Stat(filepath.Join(root, ".local/dev/kept")); os.IsNotExist(err) != strings.HasPrefix(script, "clean") {
			t.Errorf("%s: what the scripts wrote: %v", script, err)
		}
	}
}

// TestInUse names what may be done where somebody else's cloud has the port.
func TestInUse(t *testing.T) {
	root := repository(t)
	for name, tt := range map[string]struct {
		status int
		hint   bool
	}{
		"a local cloud":   {http.StatusOK, true},
		"another program": {http.StatusNotFound, false},
	} {
		t.Run(name, func(t *testing.T) {
			program := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(tt.status) }))
			defer program.Close()
			u, _ := url.Parse(program.URL)
			_, notes, err := run(t, root, []string{"LOCAL_PORT=" + u.Port()}, "scripts/setup-localstack.sh", "start")
			hint := strings.Contains(notes, "AWS_ENDPOINT_URL="+program.URL+" ./scripts/setup.sh")
			if err == nil || !strings.Contains(notes, "which this repository did not start") || hint != tt.hint {
				t.Errorf("%v %s", err, notes)
			}
		})
	}
}

// TestEnv has a terminal evaluate what env.sh prints, in a repository whose name has a quote in it.
func TestEnv(t *testing.T) {
	root := repository(t)
	cloud := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	bin := filepath.Join(root, "bin")
	const terminal = `eval "$(scripts/env.sh)"; echo "$?,${PATH%%:*},${AWS_ENDPOINT_URL:-},${AWS_PROFILE:-},${AWS_ACCESS_KEY_ID:-},${HEALTH_URL:-},${DLQ_URL:-}"`
	for _, step := range []struct {
		name, program string // what account does
		close         bool
		want          string
	}{
		{
			"deployed", `printf '%s\n' "HEALTH_URL http://x/y" "DLQ_URL http://q's"`, false,
			"0," + root + "/.tools/venv-tools/bin," + cloud.URL + ",,test,http://x/y,http://q's\n",
		},
		{"not deployed", "echo no stack >&2; exit 1", false, "0," + root + "/.tools/venv-tools/bin," + cloud.URL + ",,test,,\n"},
		{"no cloud", "", true, "0," + bin + "," + cloud.URL + ",mine,,old,\n"},
	} {
		t.Run(step.name, func(t *testing.T) {
			if step.close {
				cloud.Close()
			}
			write(t, filepath.Join(bin, "go"), "#!/bin/sh\nprintf '%s\\n' '#!/bin/sh' \"$PROGRAM\" >\"$3\"; chmod +x \"$3\"\n", 0o755)
			if err := os.MkdirAll(filepath.Join(root, ".tools/bin"), 0o755); err != nil {
				t.Fatal(err)
			}
			out, notes, err := run(t, root, []string{
				"PATH=" + bin + ":" + os.Getenv("PATH"), "PROGRAM=" + step.program,
				"AWS_ENDPOINT_URL=" + cloud.URL, "AWS_PROFILE=mine", "HEALTH_URL=old",
			}, "-c", terminal)
			if err != nil || out != step.want {
				t.Errorf("%v: got %s, want %s %s", err, out, step.want, notes)
			}
		})
	}
}
