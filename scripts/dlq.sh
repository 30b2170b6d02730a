#!/usr/bin/env bash
# Shows the messages in the dead-letter queue with the reason why the processor would reject each by today's rules,
# and sends back what it would store.
#
#   scripts/dlq.sh list|show|redrive|purge|export|import [flags]      --help says more, of each command, too
#
# STAGE=staging or production works on the stack on AWS, with your own AWS settings.

caller=$PWD
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
use_cloud
build_go dlq
cd "$caller" # names of files are relative to it
exec "$tools/bin/dlq" "$@"
