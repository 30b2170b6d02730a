#!/usr/bin/env bash
# Shows the way of one event by its correlation id: when it was sent, what became of it each time it was received, and
# where it is now.
#
#   scripts/trace.sh CORRELATION_ID [--since 24h] [--client CLIENT --event EVENT_ID] [--scan]
#
# A stored event leaves no line in the processor's log. Where it is found by the line of this project's producer or of
# an earlier failure, nothing more is needed; for an event of another sender say --client and --event. --scan reads the
# whole table for it, which costs on AWS.
# STAGE=staging or production looks on AWS.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
help_wanted "$@"
use_cloud
need_cloud
run_go trace "$@"
