#!/usr/bin/env bash
# Sends events continuously, PRODUCER_RATE a second (1), until Ctrl-C; then it prints how many.
#
#   scripts/producer/run-producer.sh               in this terminal
#   scripts/producer/run-producer.sh background    as a process of its own
#   scripts/producer/run-producer.sh logs          what that process prints, until Ctrl-C
#   scripts/producer/run-producer.sh stop          end it, with its totals
#
# Settings: PRODUCER_RATE=5; PRODUCER_INVALID=0.1 has a tenth of the events invalid.

. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
help_wanted "$@"
takes "background logs stop" "$@"
a_number PRODUCER_RATE "${PRODUCER_RATE:-1}" 0.001 1000
a_number PRODUCER_INVALID "${PRODUCER_INVALID:-0}" 0.0 1
use_cloud
pid_file=$here/producer.pid
log=$here/producer.log

case ${1:-} in
'')
	need_cloud
	run_go producer
	;;
background)
	! pid=$(running_pid "$pid_file") || die "It is running already (process $pid)." "scripts/producer/run-producer.sh stop"
	need_cloud
	build_go producer
	detach "$pid_file" "$log" "$tools/bin/producer"
	sleep 1
	running_pid "$pid_file" >/dev/null || { tail -n 5 "$log" >&2 && die "It ended at once; its last lines are above."; }
	ok "Events are sent in the background (process $(running_pid "$pid_file"))"
	;;
stop)
	running_pid "$pid_file" >/dev/null || die "No producer of .local/$LOCAL_NAME is running."
	end_process "$pid_file" 10
	tail -n 1 "$log"
	;;
logs)
	[ -e "$log" ] || die "There is no log: nothing was sent in the background yet."
	exec tail -n 20 -F "$log"
	;;
esac
