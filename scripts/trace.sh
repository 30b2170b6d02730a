#!/usr/bin/env bash
# Shows the way of one event by its correlation id, its own id or its message's: when it was sent, what became of it each
# time it was received, and where it is now.
#
#   scripts/trace.sh ID [--since 24h] [--client CLIENT] [--event EVENT_ID] [--scan]
#
# A stored event leaves no line in the processor's log. Where it is found by the line of the producer function or of an
# earlier failure, nothing more is needed. What run-producer.sh or another program sent has no such line: say
# EVENT_ID --client CLIENT, as run-producer.sh prints both. --scan reads the whole table for it, which costs on AWS; on a
# local cloud that happens by itself where the logs know nothing.
# STAGE=staging or production looks on AWS.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
help_wanted "$@"
use_cloud
run_go trace "$@"
