#!/usr/bin/env bash
# Checks the running stack in five sentences, in about ten seconds: deployed, healthy, and one small run of events
# whose good ones are stored, whose copies are duplicates, and whose bad ones are dead letters.
#
#   scripts/test-simple.sh
#
# Exit status 0 if all is well. STAGE=staging checks the stack on AWS.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
help_wanted "$@"
takes "" "$@"
use_cloud
need_cloud
run_go account simple
