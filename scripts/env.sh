#!/usr/bin/env bash
# Prints what a terminal needs for commands of your own against the running stack:
#
#   eval "$(scripts/env.sh)"
#
# That is the tools on the PATH, the local cloud's endpoint with credentials for it, and of the stack HEALTH_URL,
# QUEUE_URL and DLQ_URL. Every other AWS_ variable of the terminal is unset, so that nothing of yours reaches the local
# cloud and no command reaches AWS: use another terminal for that.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
help_wanted "$@"
takes "" "$@"
local_only
yours=("${!AWS_@}")
use_cloud
need_cloud
build_go account

# quoted TEXT is the text as one word of any shell.
quoted() { sed "s/'/'\\\\''/g; 1s/^/'/; \$s/\$/'/" <<<"$1"; }

# Without the stack, the rest is what `sam deploy` needs. The terminal keeps no URL of a stack that is gone.
urls=$("$tools/bin/account" urls) || urls=''
[ ${#yours[@]} -eq 0 ] || say "unset ${yours[*]}"
say "unset HEALTH_URL QUEUE_URL DLQ_URL"
case :$PATH: in *":$tools/venv-tools/bin:"*) ;; *) say "export PATH=$(quoted "$tools/venv-tools/bin"):\"\$PATH\"" ;; esac
for name in "${!AWS_@}"; do
	case $name in AWS_CONFIG_FILE | AWS_SHARED_CREDENTIALS_FILE) ;; *) say "export $name=$(quoted "${!name}")" ;; esac
done
[ -z "$urls" ] || while read -r name value; do say "export $name=$(quoted "$value")"; done <<<"$urls"
