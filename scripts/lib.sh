# shellcheck shell=bash
# What the scripts share: where things are, which cloud they speak to, how they talk to people. It is sourced, and
# changes to the root of the repository. Works with bash 3.2 (macOS) and up.
#
# Settings, all from the environment:
#   LOCAL_CLOUD       ministack (default; no Docker) or localstack (in Docker)
#   LOCAL_PORT        the local cloud's port on loopback (4566)
#   LOCAL_NAME        which local cloud of this repository; each has its own folder .local/NAME (dev)
#   LOCAL_AUTH        true makes MiniStack enforce the IAM role of each function (false)
#   AWS_ENDPOINT_URL  a local cloud that somebody else started: what answers there is used, and left as it is
#   LOCAL_CLOUD_HOSTS hosts that may be in that URL beside this machine and private addresses
#   STAGE             local (default); staging or production is the stack on AWS, with your own AWS settings

set -euo pipefail

script=$(cd "$(dirname "$0")" && pwd)/${0##*/}
cd "$(dirname "${BASH_SOURCE[0]}")/.."
root=$PWD
stage=${STAGE:-local}
tools=$root/.tools # virtual environments and binaries

# --- to people ------------------------------------------------------------------------------------------------

green='' red='' plain=''
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
	green=$'\e[32m' red=$'\e[31m' plain=$'\e[0m'
fi

say() { printf '%s\n' "$*"; }
ok() { printf '%s✓%s %s\n' "$green" "$plain" "$*"; }
fail() { printf '%s✗ %s%s\n' "$red" "$1" "$plain" >&2; }

# die MESSAGE [WHAT TO DO NEXT]… ends the script.
die() {
	fail "$1"
	shift
	[ $# -eq 0 ] || printf '  → %s\n' "$@" >&2
	exit 1
}

# refuse SENTENCE ends the script where it is told what it does not know, before it does anything.
refuse() {
	fail "$1"
	exit 2
}

# listed WORD… prints the words as a sentence has them: a, b or c.
listed() {
	local text=$1
	shift
	while [ $# -gt 1 ]; do text="$text, $1" && shift; done
	echo "$text${1:+ or $1}"
}

# one_of NAME VALUE WORD… refuses a setting that is none of the words.
one_of() {
	local name=$1 value=$2 word
	shift 2
	for word; do [ "$value" != "$word" ] || return 0; done
	refuse "$name is $value; it may be $(listed "$@")."
}

# a_number NAME VALUE FROM TO refuses a setting that is no number between the two. Whole ones where FROM is one.
a_number() {
	local form='^[0-9]{1,9}(\.[0-9]{1,9})?$'
	[ "${3#*.}" != "$3" ] || form='^[0-9]{1,9}$'
	if [[ ! $2 =~ $form ]] || awk "BEGIN { exit $2 >= $3 && $2 <= $4 }"; then
		refuse "$1 is $2; it may be a number from $3 to $4."
	fi
}

# takes "WORD…" "$@" refuses more than one argument, and one that is none of the words.
takes() {
	local words=$1 word
	shift
	[ $# -gt 0 ] || return 0
	for word in $words; do
		[ "$1" = "$word" ] || continue
		[ $# -eq 1 ] || refuse "${script##*/} $1 takes nothing behind it, and there is $2."
		return 0
	done
	# shellcheck disable=SC2086 # several words
	refuse "${script##*/} does not know ${1:-an empty word}; it knows $(listed $words --help)."
}

# help_wanted "$@" prints the comment at the top of the script where the first argument asks for help.
help_wanted() {
	case ${1:-} in -h | --help | help) usage && exit 0 ;; esac
}
usage() { sed -n '2,/^$/s/^# \{0,1\}//p' "$script"; }

# confirm QUESTION [--yes] asks; without a terminal only --yes is a yes.
confirm() {
	[ "${2:-}" != --yes ] || return 0
	[ -t 0 ] || die "There is no terminal to ask on: $1" "Say --yes."
	local answer
	read -r -p "$1 [y/N] " answer
	case $answer in [yY] | [yY][eE][sS]) ;; *) die "Nothing was changed." ;; esac
}

# step TEXT COMMAND… runs the command with its output in a log, shows that time passes, and ends the script with
# the log's last lines where the command fails.
step() {
	local text=$1 log=$here/step.log start=$SECONDS clock=''
	shift
	mkdir -p "$here"
	if [ -t 1 ]; then
		(while kill -0 $$ 2>/dev/null; do printf '\r… %s (%d s) ' "$text" $((SECONDS - start)) && sleep 1; done) &
		clock=$!
	else
		say "… $text"
	fi
	local status=0
	("$@") >"$log" 2>&1 </dev/null || status=$?
	if [ -n "$clock" ]; then
		{ kill "$clock" && wait "$clock"; } 2>/dev/null || true
		printf '\r\e[K'
	fi
	if [ $status -ne 0 ]; then
		tail -n 25 "$log" | sed 's/^/  │ /' >&2
		die "$text: failed after $((SECONDS - start)) s" "The whole log is ${log#"$root"/}."
	fi
	ok "$text ($((SECONDS - start)) s)"
}

# --- the cloud ------------------------------------------------------------------------------------------------

# choose_cloud says which local cloud is meant: one of this repository's, by LOCAL_NAME and LOCAL_PORT, or where
# AWS_ENDPOINT_URL names another, that one. It sets
#   foreign      yes where this repository did not start it; refused where the URL is not a local cloud's; else empty
#   endpoint     where it answers
#   here         the folder for everything that the local cloud and the scripts write
choose_cloud() {
	local url=${AWS_ENDPOINT_URL:-} port='' saved_cloud='' saved_port='' saved_auth='' saved_version=''
	foreign=''
	# It is the name of a folder and of a project of Docker Compose.
	[[ ${LOCAL_NAME:-dev} =~ ^[a-z0-9][a-z0-9_-]*$ ]] || refuse "LOCAL_NAME is $LOCAL_NAME; it may have small letters, digits, _ and -."
	if [ "$stage" = local ] && [ -n "$url" ]; then
		if ! local_endpoint "$url"; then
			foreign=refused
		elif ! port=$(loopback_port "$url") || ! meant_by "$port"; then
			foreign=yes
		fi
	fi
	export LOCAL_NAME=${LOCAL_NAME:-dev}
	here=$root/.local/$LOCAL_NAME
	# What `start` chose last is the default for every script after it.
	[ ! -r "$here/cloud" ] || read -r saved_cloud saved_port saved_auth saved_version <"$here/cloud" || true
	export LOCAL_CLOUD=${LOCAL_CLOUD:-${saved_cloud:-ministack}}
	export LOCAL_PORT=${LOCAL_PORT:-${saved_port:-4566}}
	export LOCAL_AUTH=${LOCAL_AUTH:-${saved_auth:-false}}
	[ -z "${LOCALSTACK_VERSION:-$saved_version}" ] || export LOCALSTACK_VERSION=${LOCALSTACK_VERSION:-$saved_version}
	one_of LOCAL_CLOUD "$LOCAL_CLOUD" ministack localstack
	a_number LOCAL_PORT "$LOCAL_PORT" 1 65535
	one_of LOCAL_AUTH "$LOCAL_AUTH" true false
	endpoint=http://127.0.0.1:$LOCAL_PORT
	[ -z "$foreign" ] || endpoint=${url%/}
	build_folder=.aws-sam/build
	[ "$LOCAL_NAME" = dev ] || build_folder=$here/build # another stack's build does not trip over this one's
}

# local_endpoint URL succeeds where the URL can only be a local cloud's: http or https, a host of this machine, of a
# private network or of LOCAL_CLOUD_HOSTS, and no more than a port behind it. Addresses count as they are usually
# written: a resolver may take another spelling for anything.
local_endpoint() {
	local LC_ALL=C host octet='(0|[1-9][0-9]?|1[0-9][0-9]|2[0-4][0-9]|25[0-5])' # LC_ALL: of a-z, nothing but ASCII
	local form='^https?://(\[[0-9A-Fa-f:]+\]|[0-9A-Za-z._-]+)(:[0-9]{1,5})?/?$' v4="^($octet\\.){3}$octet\$" v6='^f[cd][0-9a-f]{2}:'
	local name='^([0-9a-z_-]+\.)*localhost$'
	[[ $1 =~ $form ]] || return
	host=$(tr '[:upper:]' '[:lower:]' <<<"${BASH_REMATCH[1]}")
	case $host in *.amazonaws.com* | *.api.aws* | *.on.aws* | '[fd00:ec2:'*) return 1 ;; esac # whatever is said
	if [[ $host =~ $v4 ]]; then
		case $host in 127.* | 10.* | 192.168.* | 172.1[6-9].* | 172.2[0-9].* | 172.3[01].*) return ;; esac
	fi
	[ "$host" != '[::1]' ] || return 0
	[[ ! $host =~ $name ]] || return 0
	host=${host#[} host=${host%]}
	[[ ! $host =~ $v6 ]] || return 0
	case " $(tr ',\t\n' '   ' <<<"${LOCAL_CLOUD_HOSTS:-}" | tr '[:upper:]' '[:lower:]') " in *" $host "*) ;; *) return 1 ;; esac
}

# loopback_port prints the port where the URL is on the address on which this repository's local clouds listen.
loopback_port() {
	local form='^http://(127\.0\.0\.1|[lL][oO][cC][aA][lL][hH][oO][sS][tT]):([0-9]+)/?$'
	[[ $1 =~ $form ]] && echo "${BASH_REMATCH[2]}"
}

# meant_by PORT succeeds where a port of this machine is that of a local cloud of this repository, be it that it runs,
# or that nothing listens there and it is the one that would be started. A name or port that was given wins.
meant_by() {
	local folder saved_port=''
	for folder in .local/*/; do
		read -r _ saved_port _ 2>/dev/null <"$folder/cloud" && [ "$saved_port" = "$1" ] || continue
		is_running "$(basename "$folder")" || ! listening "$1" || continue
		[ -n "${LOCAL_NAME:-}${LOCAL_PORT:-}" ] || LOCAL_NAME=$(basename "$folder")
		return
	done
	[ "$1" = "${LOCAL_PORT:-4566}" ] && ! listening "$1"
}

# is_running NAME tells whether a local cloud of this repository runs.
is_running() {
	running_pid ".local/$1/cloud.pid" >/dev/null || {
		grep -q ^localstack ".local/$1/cloud" 2>/dev/null &&
			docker ps -q --filter "label=com.docker.compose.project=event-processor-$1" 2>/dev/null | grep -q .
	}
}

listening() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# answers tells whether the local cloud answers. One that somebody else started need not know LocalStack's path, nor
# have a certificate that curl trusts.
answers() {
	curl -fsS -m 5 -o /dev/null "$endpoint/_localstack/health" 2>/dev/null ||
		{ [ "$foreign" = yes ] && curl -ksS -m 5 -o /dev/null "$endpoint/" 2>/dev/null; }
}

# use_cloud points every AWS client at the stack: the local cloud with nothing of yours (no profile, no
# credentials, no endpoint), or for a stage on AWS exactly what you have set.
use_cloud() {
	export SAM_CLI_TELEMETRY=0 DISABLE_DEPRECATION_NOTICE=1 __SAM_CLI_APP_DIR="$tools/sam" # else ~/.aws-sam
	if [ "$stage" != local ]; then
		export STACK_NAME=${STACK_NAME:-event-processor-$stage} AWS_PAGER=''
		return
	fi
	[ "$foreign" != refused ] || die "AWS_ENDPOINT_URL does not name a local cloud: http://HOST:PORT, the host being this machine, a private address or named in LOCAL_CLOUD_HOSTS." \
		"For AWS unset AWS_ENDPOINT_URL and say STAGE=staging or STAGE=production."
	local name authority=${AWS_CA_BUNDLE:-} host=${endpoint#*://}
	for name in "${!AWS_@}"; do unset "$name"; done
	case $endpoint in https:*) [ -z "$authority" ] || export AWS_CA_BUNDLE=$authority ;; esac
	export AWS_ENDPOINT_URL=$endpoint AWS_DEFAULT_REGION=us-east-1 AWS_REGION=us-east-1 AWS_PAGER=''
	export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_EC2_METADATA_DISABLED=true
	export AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null
	host=127.0.0.1,localhost,${host%:*}
	export NO_PROXY="$host,${NO_PROXY:-}" no_proxy="$host,${no_proxy:-}"
	export STACK_NAME=event-processor
}

# need_cloud ends the script unless the cloud answers. A Go program that is told things looks at those first, and then
# finds out by itself.
need_cloud() {
	[ "$stage" = local ] && ! answers || return 0
	[ -z "$foreign" ] || die "Nothing answers on $endpoint, which AWS_ENDPOINT_URL names." \
		"Start that cloud, or unset AWS_ENDPOINT_URL: ./scripts/setup.sh then starts one of its own."
	die "No local cloud answers on $endpoint." "./scripts/setup.sh starts one and deploys." \
		"LOCAL_PORT and LOCAL_NAME say which one is meant, or AWS_ENDPOINT_URL one that this repository did not start."
}

# not_ours is the sentence about a cloud that this repository did not start.
not_ours() { echo "The cloud on $endpoint, which AWS_ENDPOINT_URL names, was not started by this repository: it is left as it is."; }

# local_only ends the script for a stage on AWS.
local_only() {
	[ "$stage" = local ] || die "${0##*/} is for the local cloud; STAGE is $stage." "On AWS: sam build && sam deploy --config-env $stage"
}

# --- tools ----------------------------------------------------------------------------------------------------

# find_python prints a Python that both tools run on (3.10 to 3.13) and that can make virtual environments.
find_python() {
	local python
	for python in ${PYTHON:-} python3.13 python3.12 python3.11 python3.10 python3; do
		if "$python" -c 'import ensurepip, sys, venv; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then
			command -v "$python"
			return
		fi
	done
	return 1
}

# need_venv NAME… makes .tools/venv-NAME from scripts/requirements-NAME.txt unless it is there, whole and of today.
need_venv() {
	local name
	for name; do
		venv_ready "$name" || step "Install what scripts/requirements-$name.txt names" make_venv "$name"
	done
}
venv_ready() { [ "$(cat "$tools/venv-$1/stamp" 2>/dev/null)" = "$(venv_stamp "$1")" ] && "$tools/venv-$1/bin/python" -c '' 2>/dev/null; }
venv_stamp() { echo "$tools $(cksum <"scripts/requirements-$1.txt")"; } # with the folder: venvs cannot be moved
make_venv() {
	local venv=$tools/venv-$1 python
	python=$(find_python) || die "No Python 3.10 to 3.13 with venv was found." "./scripts/setup.sh says how to get one."
	rm -rf "$venv"
	"$python" -m venv "$venv" &&
		"$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "scripts/requirements-$1.txt" &&
		venv_stamp "$1" >"$venv/stamp"
}

# --- the stack ------------------------------------------------------------------------------------------------

# On a local cloud the functions run on this machine, so they are built for it; MiniStack runs them as its own
# processes, LocalStack in Linux containers.
case $(uname -m) in arm64 | aarch64) goarch=arm64 architecture=arm64 ;; *) goarch=amd64 architecture=x86_64 ;; esac

build_stack() { GOARCH=$goarch "$tools/venv-tools/bin/sam" build --build-dir "$build_folder"; }
deploy_stack() { # [PARAMETER=VALUE]…
	"$tools/venv-tools/bin/sam" deploy --config-file "$root/samconfig.toml" --template-file "$build_folder/template.yaml" \
		--stack-name "$STACK_NAME" --parameter-overrides Stage=local "Architecture=$architecture" "$@" &&
		{ [ "$LOCAL_CLOUD $LOCAL_AUTH" != 'ministack true' ] || allow_calls; }
}

# allow_calls lets the roles make batch calls under MiniStack's AUTH, which asks for the right to a call by the
# call's own name. On AWS there are no such rights: a call of ten needs the right to one, which the roles have.
allow_calls() {
	allow_call ProducerRole sqs:SendMessageBatch &&
		allow_call ProcessorRole sqs:ChangeMessageVisibilityBatch dynamodb:BatchExecuteStatement &&
		allow_call HealthRole lambda:ListEventSourceMappings
}
allow_call() { # ROLE ACTION…
	local role actions
	role=$("$tools/venv-tools/bin/aws" cloudformation describe-stack-resource --stack-name "$STACK_NAME" --logical-resource-id "$1" \
		--query StackResourceDetail.PhysicalResourceId --output text) || return
	shift
	actions=$(printf ',"%s"' "$@")
	"$tools/venv-tools/bin/aws" iam put-role-policy --role-name "$role" --policy-name ministack-calls \
		--policy-document '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":['"${actions#,}"'],"Resource":"*"}]}'
}

# run_go NAME ARGUMENT… becomes the Go program scripts/NAME.
run_go() {
	local name=$1
	shift
	build_go "$name"
	exec "$tools/bin/$name" "$@"
}
build_go() { go build -o "$tools/bin/$1" "./scripts/$1" || die "scripts/$1 does not build."; }

# --- processes ------------------------------------------------------------------------------------------------

# A pid file holds the process id and when that process started, so that another program which got the same id
# later is never taken for ours.
started() {
	if [ -r "/proc/$1/stat" ]; then
		sed 's/.*) //' "/proc/$1/stat" | awk '$1 != "Z" { print $20 }' # a zombie has ended
	else
		LC_ALL=C ps -o lstart= -p "$1" 2>/dev/null | tr -s ' ' _
	fi
}
write_pid() { echo "$2 $(started "$2")" >"$1"; }

# running_pid FILE prints the id of the process in a pid file where it is still that process.
running_pid() {
	local pid='' since=''
	read -r pid since 2>/dev/null <"$1" || return 1
	[ -n "$since" ] && [ "$(started "$pid")" = "$since" ] && echo "$pid"
}

# detach FILE LOG COMMAND… starts a process that outlives the script and Ctrl-C, with its id in FILE.
detach() {
	local file=$1 log=$2
	shift 2
	set -m # a process group of its own
	nohup "$@" >"$log" 2>&1 </dev/null &
	write_pid "$file" $!
	set +m
}

# end_process FILE SECONDS asks the process in a pid file to end and waits for it; what does not end is killed.
end_process() {
	local pid waited=0
	if pid=$(running_pid "$1"); then
		kill -TERM "$pid" 2>/dev/null || true
		while running_pid "$1" >/dev/null; do
			if [ $((waited += 1)) -gt $(($2 * 5)) ]; then
				fail "Process $pid did not end within $2 s and was killed."
				kill -KILL -- "-$pid" 2>/dev/null || true
				break
			fi
			sleep 0.2
		done
		kill -TERM -- "-$pid" 2>/dev/null || true # what it left behind in its group
	fi
	rm -f "$1"
}

one_of STAGE "$stage" local staging production
choose_cloud
