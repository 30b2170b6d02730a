#!/usr/bin/env bash
# Manages the local cloud: MiniStack as a process of your own, or with LOCAL_CLOUD=localstack LocalStack in Docker.
#
#   scripts/setup-localstack.sh start           start it and wait until it answers
#   scripts/setup-localstack.sh stop            stop it; MiniStack's state is kept
#   scripts/setup-localstack.sh restart         the two after one another
#   scripts/setup-localstack.sh status          what runs where; exit status 3 where nothing runs
#   scripts/setup-localstack.sh logs            its last lines and what follows, until Ctrl-C (--no-follow: only those)
#   scripts/setup-localstack.sh reset [--yes]   forget all state, and start anew where it was running
#
# Settings: LOCAL_CLOUD, LOCAL_PORT (4566), LOCAL_NAME (dev), LOCAL_AUTH; localstack/README.md describes them. A cloud
# that AWS_ENDPOINT_URL names and this repository did not start is left as it is.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
help_wanted "$@"
command=${1:-}
case $command in
reset) takes --yes "${@:2}" ;;
logs) takes --no-follow "${@:2}" ;;
'') usage >&2 && exit 2 ;;
*) takes "start stop restart status logs reset" "$@" ;;
esac
local_only
use_cloud

pid_file=$here/cloud.pid
log=$here/cloud.log
limit=60 # seconds until it must answer; LocalStack may pull its image before that

# holder says who listens on the port, as well as this machine tells.
holder() {
	{ ss -Hltnp "sport = :$LOCAL_PORT" | sed -n 's/.*(("\([^"]*\)",pid=\([0-9]*\).*/\1 (process \2)/p' | head -n 1 | grep . ||
		lsof -nP -iTCP:"$LOCAL_PORT" -sTCP:LISTEN | awk 'NR == 2 { print $1 " (process " $2 ")" }' | grep .; } 2>/dev/null ||
		echo "another program"
}

compose() {
	if docker compose version >/dev/null 2>&1; then
		docker compose -p "event-processor-$LOCAL_NAME" -f localstack/docker-compose.yml "$@"
	elif command -v docker-compose >/dev/null; then
		docker-compose -p "event-processor-$LOCAL_NAME" -f localstack/docker-compose.yml "$@"
	else
		die "LOCAL_CLOUD=localstack needs Docker with Compose." "Install it (https://docs.docker.com/engine/install/)," \
			"or leave LOCAL_CLOUD away: MiniStack needs no Docker."
	fi
}

# running prints what runs, or fails.
running() {
	case $LOCAL_CLOUD in
	ministack) running_pid "$pid_file" ;;
	localstack) compose ps -q localstack 2>/dev/null | grep . ;;
	esac
}

# stale tells of a pid file whose process is gone: the local cloud crashed, or the machine was restarted.
stale() {
	local pid
	read -r pid _ 2>/dev/null <"$pid_file" || return 1
	say "It ended without being stopped (process $pid is gone, or another program by now)." \
		"What came after its last start is lost. The end of its log may say why: $log (.1 after the next start)."
}

start() {
	if running >/dev/null; then
		answers || die "$LOCAL_CLOUD runs but does not answer on $endpoint." "scripts/setup-localstack.sh logs --no-follow" "scripts/setup-localstack.sh restart"
		ok "$LOCAL_CLOUD is running on $endpoint"
		return
	fi
	! stale || rm -f "$pid_file"
	! listening "$LOCAL_PORT" || in_use
	mkdir -p "$here/tmp"
	echo "$LOCAL_CLOUD $LOCAL_PORT $LOCAL_AUTH ${LOCALSTACK_VERSION:-}" >"$here/cloud"
	if [ "$LOCAL_CLOUD" = localstack ]; then
		compose up -d || die "LocalStack did not start." "Is Docker running? Try: docker info"
	else
		need_venv ministack
		[ ! -e "$log" ] || mv -f "$log" "$log.1"
		# Functions inherit this environment. State and temporary files stay in this repository.
		detach "$pid_file" "$log" env GATEWAY_PORT="$LOCAL_PORT" BIND_HOST=127.0.0.1 IOT_MTLS_ENABLED=0 SFTP_ENABLED=0 \
			LAMBDA_EXECUTOR=local PERSIST_STATE=1 STATE_DIR="$here/state" S3_PERSIST=1 S3_DATA_DIR="$here/s3" \
			TMPDIR="$here/tmp" AUTH="$LOCAL_AUTH" "$tools/venv-ministack/bin/ministack"
	fi
	local since=$SECONDS
	until answers; do
		running >/dev/null || crashed "ended while it started"
		[ $((SECONDS - since)) -lt $limit ] || crashed "did not answer within $limit s"
		sleep 0.2
	done
	ok "$LOCAL_CLOUD is running on $endpoint ($((SECONDS - since)) s)"
}

in_use() {
	local advice=("Stop that program, or take another port: LOCAL_PORT=4567 $script $command")
	! answers || advice+=("Or use what answers there: AWS_ENDPOINT_URL=$endpoint ./scripts/setup.sh")
	die "Port $LOCAL_PORT is in use by $(holder), which this repository did not start." "${advice[@]}"
}

crashed() {
	lines 20 | sed 's/^/  │ /' >&2
	end_process "$pid_file" 5
	die "$LOCAL_CLOUD $1; its last lines are above." "scripts/setup-localstack.sh logs --no-follow shows more." \
		"If its state is damaged: scripts/setup-localstack.sh reset"
}

stop() {
	if ! running >/dev/null; then
		! stale || rm -f "$pid_file"
		ok "$LOCAL_CLOUD is not running"
		return
	fi
	if [ "$LOCAL_CLOUD" = localstack ]; then compose down --volumes; else end_process "$pid_file" 60; fi
	ok "$LOCAL_CLOUD is stopped"
}

status() {
	if ! running >/dev/null; then
		say "$LOCAL_CLOUD is not running (scripts/setup-localstack.sh start)"
		! stale || lines 5 | sed 's/^/  │ /'
		! listening "$LOCAL_PORT" || say "Port $LOCAL_PORT is in use by $(holder)."
		exit 3
	fi
	answers || die "$LOCAL_CLOUD runs ($(running)) but does not answer on $endpoint." "scripts/setup-localstack.sh logs --no-follow"
	ok "$LOCAL_CLOUD is running on $endpoint ($(running))"
	say "  state and log in .local/$LOCAL_NAME ($(du -sh "$here" | cut -f1))"
}

lines() { # COUNT [-f]
	if [ "$LOCAL_CLOUD" = localstack ]; then compose logs --tail "$1" ${2:+-f} localstack; else tail -n "$1" ${2:+-F} "$log"; fi
}

reset() {
	confirm "Forget everything in the local cloud (stack, events, messages)?" "${1:-}"
	local was_running=''
	was_running=$(running) || true
	stop
	rm -rf "$here/state" "$here/s3" "$here/tmp"
	ok "its state is forgotten; ./scripts/setup.sh deploys again"
	[ -z "$was_running" ] || start
}

if [ -n "$foreign" ]; then
	case $command in
	status) answers || { say "Nothing answers on $endpoint, which AWS_ENDPOINT_URL names." && exit 3; } ;;
	start) need_cloud ;;
	stop | restart | reset | logs) die "$(not_ours)" "Whoever started it can. Without AWS_ENDPOINT_URL this script means the repository's own (.local/$LOCAL_NAME)." ;;
	esac
	ok "$(not_ours)"
	exit
fi
case $command in
start | stop | status) "$command" ;;
restart) stop && start ;;
logs)
	[ "$LOCAL_CLOUD" = localstack ] || [ -e "$log" ] || die "There is no log: the local cloud was never started."
	if [ "${2:-}" = --no-follow ]; then lines 50; else lines 50 -f; fi
	;;
reset) reset "${2:-}" ;;
esac
