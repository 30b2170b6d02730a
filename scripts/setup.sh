#!/usr/bin/env bash
# Takes a fresh clone to a running service: checks what it needs, installs pinned tools into .tools, starts the local
# cloud, builds, deploys, has the producer send 200 events (some invalid, some twice), waits until every message is
# accounted for, and prints the account. Exit status 0 only if it balances exactly. Running it again does no harm.
#
#   scripts/setup.sh
#
# Settings: LOCAL_CLOUD=localstack uses LocalStack in Docker instead of MiniStack; LOCAL_PORT=4567 another port;
# AWS_ENDPOINT_URL=http://HOST:PORT a local cloud that runs already. localstack/README.md describes them and the rest.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
help_wanted "$@"
takes "" "$@"
local_only
use_cloud
began=$SECONDS

# check_needs names everything that is missing, not only the first of it.
check_needs() {
	local missing=() wanted found
	wanted=$(sed -n 's/^go //p' go.mod)
	found=$(go env GOVERSION 2>/dev/null | sed 's/^go//') || true # a newer one that Go fetches by itself counts
	if [ "$(printf '%s\n' "$wanted" "$found" | sort -V | head -n 1)" != "$wanted" ]; then
		missing+=("Go $wanted or newer${found:+ (there is $found)}: https://go.dev/doc/install")
	fi
	find_python >/dev/null || missing+=("Python 3.10 to 3.13 with venv (Debian, Ubuntu: apt install python3-venv; macOS: brew install python@3.13; PYTHON=… names one)")
	command -v curl >/dev/null || missing+=("curl (Debian, Ubuntu: apt install curl)")
	command -v make >/dev/null || missing+=("make (Debian, Ubuntu: apt install make; macOS: xcode-select --install)")
	if [ -n "$foreign" ]; then
		:
	elif [ "$LOCAL_CLOUD" = ministack ] && [ "$(uname)" != Linux ]; then
		missing+=("Linux: MiniStack runs the functions as they are built. Elsewhere: LOCAL_CLOUD=localstack ./scripts/setup.sh, with Docker")
	elif [ "$LOCAL_CLOUD" = localstack ] && ! docker info >/dev/null 2>&1; then
		missing+=("Docker, running (https://docs.docker.com/engine/install/); without LOCAL_CLOUD=localstack it is not needed")
	fi
	if [ ${#missing[@]} -gt 0 ]; then
		die "This machine lacks ${#missing[@]} of what is needed:" "${missing[@]}" "Then run ./scripts/setup.sh again."
	fi
	ok "This machine has what is needed: Go $found, $("$(find_python)" --version), curl, make"
}

# prepare does side by side what needs the network.
prepare() {
	local jobs=() job
	venv_ready tools || { make_venv tools & jobs+=($!); }
	[ -n "$foreign" ] || [ "$LOCAL_CLOUD" != ministack ] || venv_ready ministack || { make_venv ministack & jobs+=($!); }
	{ go mod download && go build -o "$tools/bin/account" ./scripts/account; } & jobs+=($!)
	for job in "${jobs[@]}"; do wait "$job" || return; done
}

check_needs
step "Install the tools and modules into .tools" prepare
scripts/setup-localstack.sh start # or only says that another one is used
step "Build the functions (sam build)" build_stack
# A deployment finds nothing to do where the stack has what somebody deleted.
"$tools/bin/account" repair || die "The stack cannot be repaired, or not asked." "scripts/setup-localstack.sh status says how the local cloud is." \
	"Or start afresh, which forgets all events: scripts/setup-localstack.sh reset && ./scripts/setup.sh"
step "Deploy the stack (sam deploy)" deploy_stack
say "… The producer sends 200 events: some invalid, some twice"
"$tools/bin/account" run || die "The trial run failed." "scripts/logs.sh --no-follow shows what the functions say." \
	"scripts/setup-localstack.sh status says how the local cloud is." "./scripts/setup.sh tries again."
first='' remove='remove what this made'
if [ -n "$foreign" ]; then
	first="  export AWS_ENDPOINT_URL=$endpoint"$'\n'"                                         before all of these: nothing remembers it"$'\n'
	remove="$remove here; that cloud keeps the stack"
fi
cat <<EOF

Ready after $((SECONDS - began)) s. What to try next:
$first  ./scripts/test-simple.sh               five checks in words
  ./scripts/producer/run-producer.sh     events, continuously
  ./scripts/logs.sh                      what the functions say
  ./scripts/test-system.sh               all tests
  eval "\$(./scripts/env.sh)"             this terminal made ready for commands of your own
  ./scripts/clean.sh                     $remove
EOF
