#!/usr/bin/env bash
# Runs the tests and closes with one line: N passed, N failed.
#
#   scripts/test-system.sh          everything: vet, lint, unit tests with -race, golden batches, contract tests, and the
#                                   system tests against a stack of its own, on a port of its own
#   scripts/test-system.sh quick    against the stack that runs already: health, and one event of each kind in its place
#
# Where AWS_ENDPOINT_URL names a local cloud that this repository did not start, the stack is deployed there instead of to
# one of its own, and nothing there is started, stopped or reset.
#
# Settings: TEST_PORT (14566) is the port of the stack of its own; KEEP=1 leaves that stack running; INVOKE=docker or rie
# chooses how the golden batches run (Docker where there is one).

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
help_wanted "$@"
takes quick "$@"
a_number TEST_PORT "${TEST_PORT:-14566}" 1 65535
[ -z "${INVOKE:-}" ] || one_of INVOKE "$INVOKE" docker rie
local_only
passed=0 failed=0

# check TEXT COMMAND… is one test: it passes where the command does.
check() {
	local text=$1 log=$tools/check.log start=$SECONDS
	shift
	if "$@" >"$log" 2>&1 </dev/null; then
		passed=$((passed + 1))
		ok "$text ($((SECONDS - start)) s)"
	else
		failed=$((failed + 1))
		fail "$text"
		tail -n 40 "$log" | sed 's/^/  │ /' >&2
	fi
}

# go_tests TEXT ARGUMENT… runs Go tests and counts them one by one, subtests included.
go_tests() {
	local text=$1 events=$tools/tests.json status=0
	shift
	say "… $text"
	: >"$events"
	"$tools/bin/gotestsum" --format pkgname --jsonfile "$events" -- "$@" || status=$?
	local p f
	p=$(grep -c '"Action":"pass".*"Test":' "$events" || true)
	f=$(grep -c '"Action":"fail".*"Test":' "$events" || true)
	[ "$status" -eq 0 ] || [ "$f" -gt 0 ] || f=1 # it did not even build
	[ "$p" -gt 0 ] || [ "$f" -gt 0 ] || f=1      # no test ran
	passed=$((passed + p)) failed=$((failed + f))
}

# counted TEXT COMMAND… runs a script that closes with N passed, N failed, and adds them up.
counted() {
	local text=$1 log=$tools/check.log status=0 p f
	shift
	say "… $text"
	"$@" 2>&1 </dev/null | tee "$log" || status=$?
	read -r p _ f _ <<<"$(tail -n 1 "$log")"
	case $p$f in '' | *[!0-9]*) p=0 f=1 ;; esac # it did not come to its end
	[ "$status" -eq 0 ] || [ "$f" -gt 0 ] || f=1
	passed=$((passed + p)) failed=$((failed + f))
}

need_go_tool() { # NAME PACKAGE@VERSION
	[ "$(cat "$tools/bin/$1.version" 2>/dev/null)" = "$2" ] && [ -x "$tools/bin/$1" ] && return
	step "Build $1 (the first time)" env GOBIN="$tools/bin" go install "$2" && echo "$2" >"$tools/bin/$1.version"
}

summary() {
	say "$passed passed, $failed failed"
	[ "$failed" -eq 0 ]
}

mkdir -p "$tools/bin"
need_go_tool gotestsum gotest.tools/gotestsum@v1.13.0

if [ "${1:-}" = quick ]; then
	use_cloud
	need_cloud
	TEST_ENDPOINT=$endpoint go_tests "One event of each kind, and health" -count=1 -run '^(TestHealth|TestEventsOfEachKind)$' ./internal/systemtest
	summary
	exit
fi
[ -z "$foreign" ] || (use_cloud && need_cloud) # before anything that takes long

# --- without a cloud ------------------------------------------------------------------------------------------

race=-race
command -v gcc >/dev/null || command -v clang >/dev/null || { race=-race=false && say "No C compiler: the tests run without -race."; }
need_venv tools ministack
need_go_tool golangci-lint github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
lint=$tools/bin/golangci-lint

check "go vet" go vet ./...
check "go mod tidy leaves go.mod as it is" go mod tidy -diff
check "golangci-lint" "$lint" run ./...
check "shellcheck" "$tools/venv-tools/bin/shellcheck" -x scripts/*.sh scripts/*/*.sh .ci/run .ci/*.sh
check "sam validate --lint" "$tools/venv-tools/bin/sam" validate --lint --region us-east-1
go_tests "Unit tests and golden batches ($race)" "$race" ./...
check "Ten seconds of fuzzing: no body is taken for a transient failure" \
	go test ./functions/processor -run '^$' -fuzz FuzzProcess -fuzztime 10s

# --- with a stack of its own ----------------------------------------------------------------------------------

use_foreign() {
	use_cloud
	need_cloud
	mkdir -p "$here"
	say "$(not_ours) The stack is deployed there; the tests that restart the cloud or need IAM are skipped."
}
use_own() {
	export LOCAL_NAME=test LOCAL_PORT=${TEST_PORT:-14566} LOCAL_CLOUD=${LOCAL_CLOUD:-ministack} LOCAL_AUTH=true AWS_ENDPOINT_URL=''
	choose_cloud
	use_cloud
	trap take_down EXIT
	scripts/setup-localstack.sh reset --yes >/dev/null 2>&1 || true # what a run that was killed left behind
	check "Start a local cloud of its own on port $LOCAL_PORT, with IAM enforced" scripts/setup-localstack.sh start
	export TEST_RESTART=1
}
take_down() {
	[ -n "${KEEP:-}" ] || { scripts/setup-localstack.sh stop && rm -rf "$here"; } >/dev/null 2>&1 || true
}
if [ -n "$foreign" ]; then use_foreign; else use_own; fi
check "sam build" build_stack
check "sam deploy" deploy_stack
check "sam deploy again, unchanged" deploy_stack
check "The producer makes the sample clients" \
	"$tools/venv-tools/bin/aws" lambda invoke --function-name event-producer --payload '{"count":0}' "$here/answer.json"
counted "Golden batches through sam local invoke" scripts/test-invoke.sh ${INVOKE:+"--$INVOKE"}
TEST_ENDPOINT=$endpoint go_tests "Contract of the table adapter" -count=1 \
	-run '^TestContract$' ./internal/dynamo
TEST_ENDPOINT=$endpoint go_tests "System tests" -count=1 -timeout 60m ./internal/systemtest
summary
