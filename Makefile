.DEFAULT_GOAL := help

# What `sam build` calls, in the repository itself: a static, stripped, reproducible binary.
# GOARCH=arm64 builds for parameter Architecture=arm64.
build-%Function: export CGO_ENABLED = 0
build-%Function: export GOOS = linux
build-%Function: export GOARCH ?= amd64
build-%Function:
	go build -trimpath -buildvcs=false -tags lambda.norpc -ldflags '-s -w -buildid=' \
		-o "$(ARTIFACTS_DIR)/bootstrap" ./functions/$(shell echo $* | tr A-Z a-z)

.PHONY: help
help: ## what there is to make
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12
