#!/usr/bin/env bash
# Puts the running stack under load, waits until every message is accounted for, and says what came of it: the account,
# the rate, the latency and the cost of a million events, as a table, as an HTML page with charts, and as JSON.
#
#   scripts/load-test.sh --profile normal|peak|sustained|burst      5/s for 5 minutes, 20/s for 5, 10/s for 15, all at once
#   scripts/load-test.sh --events 20000 --invalid 0.02 --duplicates 0.02 [--rate 50] [--clients 20]    --help says more
#
# Each report has a folder of its own under .local/NAME/load-test, and latest leads to the newest.
# Exit status 0 only if the account balances exactly. Ctrl-C stops sending; the report is of what was sent.
# STAGE=staging loads the stack on AWS, which costs money: scripts/cost.sh says how much.

caller=$PWD
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
use_cloud
export LOAD_REPORT=${LOAD_REPORT:-$here/load-test}
build_go load-test
cd "$caller" # the folder of the report is relative to it
exec "$tools/bin/load-test" "$@"
