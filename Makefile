export DOTNET_CLI_TELEMETRY_OPTOUT := 1
export DOTNET_NOLOGO := 1

.DEFAULT_GOAL := help
.PHONY: help build test test-long chaos upgrade screenshots lint bench bench-micro run run-production pack up down install uninstall demo drill clean

PREFIX ?= /usr/local
CONFIGURATION ?= Release
OUT ?= artifacts
prefix := $(DESTDIR)$(PREFIX)

help: ## List the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

build: ## Build everything
	dotnet build -c Release

test: ## Start what the tests need and run them, but for the long ones
	infra/test.sh

test-long: ## The tests that take long: jobs killed on their way through 200,000 checkpoints
	infra/test.sh --filter Category=Long

chaos: ## Random faults under load, from a seed (SEED=1 MINUTES=10); not a part of make test
	infra/chaos.sh "$(SEED)" "$(MINUTES)"

upgrade: ## An older build's workers and application are replaced by this one's, under load (FROM=revision)
	infra/upgrade.sh "$(FROM)"

screenshots: ## The pictures of the dashboard in docs/images, of a worker under load (LOAD=90: seconds of load before)
	infra/install.sh
	dotnet build -c Release Worker.Tests --nologo -v quiet
	dotnet Worker.Tests/bin/Release/net10.0/AsyncCheckpoints.Worker.Tests.dll screenshots docs/images $(or $(LOAD),90)

lint: ## Build with warnings as errors and check the format
	dotnet build -c Release
	dotnet format whitespace --verify-no-changes --no-restore
	dotnet format style --verify-no-changes --no-restore # its analyzers have run in the build

bench: ## Measure floors, peers and ours (QUICK=1: small counts; BENCH=name: one measure; MARKDOWN=file)
	infra/install.sh servers
	dotnet build -c Release Benchmarks --nologo -v quiet
	dotnet Benchmarks/bin/Release/net10.0/AsyncCheckpoints.Benchmarks.dll \
		--json '$(if $(MARKDOWN),$(MARKDOWN:.md=.json),Benchmarks/results/latest.json)' \
		$(if $(QUICK),--quick) $(if $(BENCH),--bench $(BENCH)) $(if $(MARKDOWN),--markdown $(MARKDOWN))

bench-micro: ## Measure the in-process parts with BenchmarkDotNet (BENCH=pattern)
	dotnet build -c Release Benchmarks --nologo -v quiet
	dotnet Benchmarks/bin/Release/net10.0/AsyncCheckpoints.Benchmarks.dll micro --filter '$(or $(BENCH),*)'

run: ## Run the worker with nothing else: queue and cache in memory, archive in SQLite
	dotnet run -c Release --project Worker

pack: ## Make the packages of the SDK (OUT=artifacts, a folder; VERSION=that of Directory.Build.props)
	for project in Contracts Producer.Sdk Producer.Sdk.Spool; do \
		dotnet pack -c $(CONFIGURATION) $(PACK) $(if $(VERSION),-p:Version=$(VERSION)) "$$project" -o '$(OUT)' || exit 1; \
	done

up: ## Start Redis, RabbitMQ and PostgreSQL for run-production
	infra/services.sh up

down: ## Stop them; their data stay
	infra/services.sh down

run-production: ## Run the worker on the servers of `make up`
	@[ -s .services/servers.env ] || { echo 'Run `make up` first.' >&2; exit 1; }
	set -a && . ./.services/servers.env && set +a && exec dotnet run -c Release --project Worker

install: ## Install the command checkpoints and its completion (PREFIX=/usr/local; DESTDIR for packages)
	rm -rf '$(prefix)/lib/checkpoints.new'
	dotnet publish -c $(CONFIGURATION) $(PUBLISH) Worker -o '$(prefix)/lib/checkpoints.new'
	rm -rf '$(prefix)/lib/checkpoints'
	mv '$(prefix)/lib/checkpoints.new' '$(prefix)/lib/checkpoints'
	install -D -m 0755 infra/command/checkpoints '$(prefix)/bin/checkpoints'
	install -D -m 0644 infra/command/checkpoints.bash '$(prefix)/share/bash-completion/completions/checkpoints'
	install -D -m 0644 infra/command/_checkpoints '$(prefix)/share/zsh/site-functions/_checkpoints'
	install -D -m 0644 infra/command/checkpoints.fish '$(prefix)/share/fish/vendor_completions.d/checkpoints.fish'

uninstall: ## Remove what install put there (PREFIX, DESTDIR as there)
	rm -rf '$(prefix)/lib/checkpoints'
	rm -f '$(prefix)/bin/checkpoints' '$(prefix)/share/bash-completion/completions/checkpoints' \
		'$(prefix)/share/zsh/site-functions/_checkpoints' '$(prefix)/share/fish/vendor_completions.d/checkpoints.fish'

demo: ## Kill an agent in the middle of its work and see it resume (DEMO=embedded or production)
	infra/demo.sh

drill: ## Back up, destroy and restore each part on throw-away servers, and verify (COUNT=2000)
	infra/drill.sh $(COUNT)

clean: ## Remove what builds and tests wrote
	find . \( -path ./.git -o -path ./.services \) -prune -o -type d \( -name bin -o -name obj -o -name TestResults -o -name BenchmarkDotNet.Artifacts \) -prune -exec rm -rf {} +
	rm -rf artifacts
