#!/usr/bin/env bash
# Shows what the functions log, and what follows until Ctrl-C.
#
#   scripts/logs.sh [processor|producer|health|all] [--since 10m] [--no-follow] [--json]
#
# --json prints the lines as they are, for jq. STAGE=staging reads the logs of the stack on AWS.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
help_wanted "$@"
use_cloud
need_cloud
run_go logs "$@"
