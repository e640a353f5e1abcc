.DEFAULT_GOAL := help
.PHONY: help check lint format-check types contract test format benchmarks

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

format: ## Format, and mend what can be mended
	uv run ruff check --fix .
	uv run ruff format .

benchmarks: ## What each benchmark is and how to start it
	@cat benchmarks/README.md
