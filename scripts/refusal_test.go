package scripts

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// told has a program of a script built where it is, and put where the script wants it.
const told = `#!/bin/sh
# go build -o FILE ./scripts/NAME, and nothing else
[ "$1 $2" = "build -o" ] || { echo "go $*" >>"$CALLED"; exit 1; }
mkdir -p "$(dirname "$3")"
cd "$REPOSITORY" && PATH=$REAL_PATH "$REAL_GO" build -o "$3" "$4"
`

// TestUnknown tells each script a word, a flag or a setting that it does not know. It must end at once, with status 2 and
// a sentence that names it and what there is, having called nothing and changed nothing.
func TestUnknown(t *testing.T) {
	root := repository(t)
	here, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	called := filepath.Join(root, "called")
	bin := filepath.Join(root, "bin")
	for _, name := range []string{"aws", "sam", "samlocal", "curl", "docker", "docker-compose", "make", "python3"} {
		write(t, filepath.Join(bin, name), "#!/bin/sh\necho \"$0 $*\" >>\"$CALLED\"\nexit 1\n", 0o755)
	}
	write(t, filepath.Join(bin, "go"), told, 0o755)
	realGo, err := exec.LookPath("go")
	if err != nil {
		t.Fatal(err)
	}
	environment := func(settings ...string) []string {
		all := []string{
			"PATH=" + bin + ":" + os.Getenv("PATH"), "CALLED=" + called, "REPOSITORY=" + here, "REAL_PATH=" + os.Getenv("PATH"), "REAL_GO=" + realGo,
		}
		for _, name := range []string{"GOCACHE", "GOMODCACHE", "GOFLAGS", "GOPROXY"} { // the copy has another HOME
			value, err := exec.CommandContext(t.Context(), realGo, "env", name).Output()
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, name+"="+strings.TrimSpace(string(value)))
		}
		return append(all, settings...)
	}
	basic := environment()
	if said, err := exec.CommandContext(t.Context(), "git", "init", "--quiet", root).CombinedOutput(); err != nil {
		t.Fatalf("git init: %v %s", err, said)
	}
	write(t, filepath.Join(root, ".local/dev/kept"), "", 0o644)

	type call struct{ line, knows string } // [SETTING=value] script argument…
	calls := []call{
		{"bench.sh --foo", "COMMIT"},
		{"bench.sh nosuch", "git log"},
		{"bench.sh HEAD more", "one commit"},
		{"BENCH_COUNT=many bench.sh", "from 1 to"},
		{"clean.sh --foo", "--yes"},
		{"clean.sh --yes --foo", "nothing behind it"},
		{"clean.sh ''", "--yes"},
		{"cost.sh --foo", "--payload"},
		{"cost.sh nosuch", "takes none"},
		{"dlq.sh nosuch", "redrive"},
		{"dlq.sh list --foo", "--client"},
		{"dlq.sh list --type nosuch", "transaction"},
		{"env.sh --foo", "--help"},
		{"load-test.sh --foo", "--profile"},
		{"load-test.sh nosuch", "takes none"},
		{"load-test.sh --seed abc", "--seed"},
		{"logs.sh nosuch", "processor"},
		{"logs.sh --foo", "--since"},
		{"logs.sh --outcome nosuch", "stored"},
		{"logs.sh --reason nosuch", "unknown_client"},
		{"logs.sh --level nosuch", "WARN"},
		{"logs.sh --since yesterday", "duration"},
		{"logs.sh --since=-1m", "above 0"},
		{"logs.sh --outcome stored --reason unknown_client", "never"},
		{"producer/run-producer.sh nosuch", "background"},
		{"producer/run-producer.sh stop more", "nothing behind it"},
		{"PRODUCER_RATE=abc producer/run-producer.sh", "to 1000"},
		{"PRODUCER_RATE=0 producer/run-producer.sh background", "to 1000"},
		{"PRODUCER_RATE=1e3 producer/run-producer.sh", "to 1000"},
		{"PRODUCER_INVALID=2 producer/run-producer.sh", "to 1"},
		{"setup.sh --foo", "--help"},
		{"setup-localstack.sh nosuch", "restart"},
		{"setup-localstack.sh start more", "nothing behind it"},
		{"setup-localstack.sh reset --foo", "--yes"},
		{"setup-localstack.sh logs --foo", "--no-follow"},
		{"test-invoke.sh --foo", "--rie"},
		{"test-invoke.sh --rie more", "nothing behind it"},
		{"test-simple.sh --foo", "--help"},
		{"test-system.sh nosuch", "quick"},
		{"test-system.sh quick more", "nothing behind it"},
		{"TEST_PORT=abc test-system.sh", "65535"},
		{"INVOKE=nosuch test-system.sh", "rie"},
		{"trace.sh --foo", "--since"},
		{"trace.sh a b", "it knows"},
	}
	scripts, _ := filepath.Glob("*.sh")
	for _, script := range append(scripts, "producer/run-producer.sh") {
		if script == "lib.sh" {
			continue
		}
		for setting, knows := range map[string]string{
			"STAGE=foo": "staging", "LOCAL_CLOUD=foo": "localstack", "LOCAL_PORT=abc": "65535", "LOCAL_PORT=65536": "65535", "LOCAL_PORT=0": "65535",
			"LOCAL_AUTH=maybe": "false", "LOCAL_NAME=../foo": "digits",
		} {
			calls = append(calls, call{setting + " " + script, knows})
		}
	}
	for _, c := range calls {
		t.Run(c.line, func(t *testing.T) {
			words := strings.Fields(strings.ReplaceAll(c.line, "''", "\x00"))
			settings, unknown := basic, words[len(words)-1]
			if name, value, is := strings.Cut(words[0], "="); is && !strings.HasPrefix(name, "-") {
				settings, unknown, words = append(settings[:len(settings):len(settings)], words[0]), value, words[1:]
			}
			if _, value, is := strings.Cut(unknown, "="); is {
				unknown = value
			}
			words[0] = "scripts/" + words[0]
			for i := range words {
				words[i] = strings.ReplaceAll(words[i], "\x00", "")
			}
			out, notes, err := run(t, root, settings, words...)
			var ended *exec.ExitError
			if !errors.As(err, &ended) || ended.ExitCode() != 2 {
				t.Errorf("ended with %v, want status 2", err)
			}
			if out != "" || strings.Count(notes, "\n") != 1 || !strings.Contains(notes, strings.Trim(unknown, "\x00")) || !strings.Contains(notes, c.knows) {
				t.Errorf("printed %q and %q, want one sentence with %q and %q", out, notes, unknown, c.knows)
			}
			if text, err := os.ReadFile(called); err == nil {
				t.Errorf("called %s", text)
				_ = os.Remove(called)
			}
			if _, err := os.Stat(filepath.Join(root, ".local/dev/kept")); err != nil {
				t.Error(err)
			}
		})
	}
}
