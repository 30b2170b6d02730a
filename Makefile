.DEFAULT_GOAL := help
.PHONY: help setup check quick test bench fmt fuzz clean

help: ## what there is to make
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 10

setup: ## a running service on a local cloud
	./scripts/setup.sh

check: ## everything that CI runs
	./scripts/test-system.sh

quick: ## one event of each kind, on the running stack
	./scripts/test-system.sh quick

test: ## unit tests and golden batches, with nothing running
	go test -race ./...

bench: ## this checkout against the commit before, in one run
	./scripts/bench.sh

fmt: ## rewrite files in the form that the linter wants
	.tools/bin/golangci-lint fmt

fuzz: ## look for a body that is taken for an outage, a minute long
	go test ./functions/processor -run '^$$' -fuzz FuzzProcess -fuzztime 30s
	go test ./internal/decode -run '^$$' -fuzz FuzzDecode -fuzztime 30s

clean: ## remove what set-up made
	./scripts/clean.sh

# What `sam build` calls, in the repository itself: a static, stripped, reproducible binary.
# GOARCH=arm64 builds for parameter Architecture=arm64.
build-%Function: export CGO_ENABLED = 0
build-%Function: export GOOS = linux
build-%Function: export GOARCH ?= amd64
build-%Function:
	go build -trimpath -buildvcs=false -tags lambda.norpc -ldflags '-s -w -buildid=' \
		-o "$(ARTIFACTS_DIR)/bootstrap" ./functions/$(shell echo $* | tr A-Z a-z)
