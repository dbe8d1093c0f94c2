export DOTNET_CLI_TELEMETRY_OPTOUT := 1
export DOTNET_NOLOGO := 1

.DEFAULT_GOAL := help
.PHONY: help build test lint

help: ## List the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

build: ## Build everything
	dotnet build -c Release

test: ## Start what the tests need and run them all
	infra/test.sh

lint: ## Build with warnings as errors and check the format
	dotnet build -c Release
	dotnet format --verify-no-changes --no-restore
