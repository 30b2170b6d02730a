#!/usr/bin/env bash
# Measures this checkout against another commit, in one call on one machine: Go benchmarks compared by benchstat, and
# the processor as `sam build` makes it as a whole process beside an empty function.
#
#   scripts/bench.sh [COMMIT]     COMMIT is what to compare with (HEAD; a clean checkout compares with HEAD~1)
#
# Settings: BENCH_COUNT (6) is how often each Go benchmark runs.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
help_wanted "$@"
case ${1:-} in -*) takes "COMMIT" "$@" ;; esac
[ $# -lt 2 ] || refuse "bench.sh takes one commit, and there is $2."
a_number BENCH_COUNT "${BENCH_COUNT:-6}" 1 1000
[ "$(uname)" = Linux ] || die "The whole-process figures are read from /proc, which only Linux has."
base=HEAD
[ -n "$(git status --porcelain --untracked-files=no)" ] || base=HEAD~1
base=$(git rev-parse --quiet --verify --short "${1:-$base}^{commit}") || refuse "bench.sh does not know the commit ${1:-$base}; git log shows those there are."
work=$(mktemp -d)
remove() { git worktree remove --force "$work/base" 2>/dev/null || true; rm -rf "$work"; }
trap remove EXIT
git worktree add --quiet --detach "$work/base" "$base"

packages="./internal/decode ./internal/event ./internal/dynamo ./functions/processor"
say "… Go benchmarks: $base against this checkout, in turns"
for _ in $(seq "${BENCH_COUNT:-6}"); do
	# shellcheck disable=SC2086 # several packages
	for side in base new; do
		folder=$root
		[ $side = new ] || folder=$work/base
		(cd "$folder" && go test -run '^$' -bench . -benchtime 0.3s $packages >>"$work/$side.txt" 2>&1) || true # an older commit may lack some
	done
done
go run golang.org/x/perf/cmd/benchstat@v0.0.0-20260908200009-22c9c6c9d4da "$base=$work/base.txt" "now=$work/new.txt"

build() { # FOLDER BINARY PACKAGE
	(cd "$1" && CGO_ENABLED=0 go build -trimpath -buildvcs=false -tags lambda.norpc -ldflags '-s -w -buildid=' -o "$2" "$3")
}
build "$work/base" "$work/$base" ./functions/processor
build "$root" "$work/now" ./functions/processor
build "$root" "$work/empty" ./scripts/bench/empty
go build -o "$work/bench" ./scripts/bench
# The settings that template.yaml gives the processor.
environment=(--env GOGC=400 --env GOMEMLIMIT=40MiB)
for batch in 10 100 1000; do
	say ""
	"$work/bench" "${environment[@]}" --batch $batch --records 20000 --starts $((batch == 100 ? 15 : 0)) --latency $((batch == 10 ? 1 : 8))ms \
		"$base=$work/$base" now="$work/now" empty="$work/empty"
done
