.DEFAULT_GOAL := help
.PHONY: help check lint format-check types contract test format benchmarks requirements dashboard container-check hostile-check

help: ## Show what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "%-14s %s\n", $$1, $$2}'

check: lint format-check types contract test ## Everything CI runs

lint: ## Find mistakes
	uv run ruff check .

format-check: ## Is every file formatted?
	uv run ruff format --check .

types: ## mypy --strict
	uv run mypy

contract: ## Imports run downwards only
	uv run lint-imports

test: ## Tests, and every example in the documentation of the code
	uv run pytest

hostile-check: ## Attack the service: 10 000 cases, or CASES=N; SEED=N; ONLY=INDEX again; TEXTS=1; BUNDLE=RUN/bundle
	uv run --group hostile python -m tests.hostile.check $(if $(CASES),--cases $(CASES)) $(if $(SEED),--seed $(SEED)) \
		$(if $(ONLY),--only $(ONLY)) $(if $(TEXTS),--texts) $(if $(BUNDLE),--bundle $(BUNDLE)) $(if $(OUTPUT),--output $(OUTPUT))

format: ## Format, and mend what can be mended
	uv run ruff check --fix .
	uv run ruff format .

benchmarks: ## What each benchmark is and how to start it
	@cat benchmarks/README.md

requirements: ## Write what the container installs, with hashes and without hosts
	uv export -q --no-dev --extra serve --no-emit-project --no-header --format requirements-txt -o requirements-serve.txt

dashboard: ## Write the dashboard that Grafana is provisioned with
	uv run python deploy/grafana/make_dashboard.py

container-check: ## Build the Dockerfile and run it, without a daemon or a registry: make container-check BUNDLE=RUN/bundle
	deploy/container_check.sh $(BUNDLE) $(PICTURE)
