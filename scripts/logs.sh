#!/usr/bin/env bash
# Shows what the functions log, and what follows until Ctrl-C: time, level, outcome, reason, client and event, and the rest
# behind them. A rejected message, which is received several times within seconds, is one line with the time of the last
# receive and ×5 for five; while lines are followed it comes when none was received for three seconds.
#
#   scripts/logs.sh [processor|producer|health|all] [--since 10m] [--no-follow]
#                   [--client CLIENT] [--outcome OUTCOME] [--reason REASON] [--level INFO|WARN|ERROR]
#   scripts/logs.sh … --all       every receive of a rejected message
#   scripts/logs.sh … --json      the lines as they are, for jq; every receive
#
# STAGE=staging reads the logs of the stack on AWS.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
help_wanted "$@"
use_cloud
run_go logs "$@"
