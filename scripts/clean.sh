#!/usr/bin/env bash
# Removes what set-up made: the local cloud with the stack and all that is in it, the processes that the scripts
# started, .local, .tools and .aws-sam. It asks first.
#
#   scripts/clean.sh [--yes]
#
# A cloud that AWS_ENDPOINT_URL names and this repository did not start is left as it is, with the stack on it.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
help_wanted "$@"
takes --yes "$@"
local_only
[ "$foreign" != yes ] || say "$(not_ours)"
confirm "Remove the local cloud with all that is in it, .local, .tools and .aws-sam?" "${1:-}"

for folder in .local/*/; do # of every LOCAL_NAME
	[ -d "$folder" ] || continue
	end_process "$folder/producer.pid" 10
	LOCAL_NAME=$(basename "$folder") LOCAL_CLOUD='' LOCAL_PORT='' AWS_ENDPOINT_URL='' scripts/setup-localstack.sh stop
done
rm -rf .local .aws-sam
chmod -R u+w .tools 2>/dev/null || true
rm -rf .tools
ok "What set-up made is removed"
