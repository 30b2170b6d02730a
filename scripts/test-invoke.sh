#!/usr/bin/env bash
# Runs every golden batch through `sam local invoke` in Docker, against the tables of the running local cloud, and
# compares what the function answers with the .want.json beside the batch; likewise an event of the producer and of
# the health function. Then the batches once more, warm, through `sam local start-lambda`, each delivered twice.
# Without Docker the same files run in the Runtime Interface Emulator of aws-sam-cli. It closes with: N passed, N failed.
#
#   scripts/test-invoke.sh [--docker | --rie]    --docker fails where Docker is missing; --rie uses the emulator anyway
#   scripts/test-invoke.sh sam local invoke ProcessorFunction -e FILE
#                                                any command of `sam local`, with the way to the local cloud added
#
# The functions are built before they run. LOCAL_PORT and LOCAL_NAME, or AWS_ENDPOINT_URL, say which local cloud is meant.

caller=$PWD
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
help_wanted "$@"
[ "${1:-}" = sam ] || takes "--docker --rie sam" "$@"
local_only
use_cloud
need_cloud
need_venv tools
step "Build the functions (sam build)" build_stack >&2
build_go test-invoke
[ "${build_folder#/}" != "$build_folder" ] || build_folder=$root/$build_folder
cd "$caller" # names of files are relative to it
exec "$tools/bin/test-invoke" --root "$root" --build "$build_folder" --venv "$tools/venv-tools" --local "$here" \
	--architecture "$architecture" "$@"
