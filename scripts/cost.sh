#!/usr/bin/env bash
# Says what a month of events would cost on AWS, line by line, and what there is to pay in any case. It asks nobody: the
# list prices and what was measured stand in internal/cost.
#
#   scripts/cost.sh --events-per-month 30000000 --payload 600 [--batch 10] [--invalid 0.02] [--duplicates 0.02]
#   scripts/cost.sh --json                                      --help says more

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
run_go cost "$@"
