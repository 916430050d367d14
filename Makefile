# One command for each thing; `make help` lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PY := .venv/bin/python
FLEET ?= examples/fleets/quickstart
RUN := .venv/bin

.PHONY: help setup up down test test-slow check fix bench docs clean

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1|/' | while IFS='|' read -r name text; do printf '  make %-10s %s\n' "$$name" "$$text"; done

setup: ## make .venv with everything that is needed
	@scripts/setup.sh

up: setup ## start the quickstart's two hubs and prove them; Ctrl-C ends them (FLEET=DIR for another fleet)
	@$(RUN)/hubfleet up --fleet $(FLEET) $(ARGS)

down: ## end what `make up` started
	@$(RUN)/hubfleet down --fleet $(FLEET) $(ARGS)

test: setup ## run the tests (with real hubs, proxy, sandbox and browser); under 10 minutes
	@scripts/chromium.sh
	@$(RUN)/pytest -q -n 2 --dist loadgroup -m "not slow and not browser" $(ARGS)
	@$(RUN)/pytest -q -m "browser and not slow" tests/browser $(ARGS)

test-slow: setup ## run the slower suites
	@scripts/chromium.sh
	@scripts/systemd_root.sh
	@$(RUN)/pytest -q -n 2 --dist loadgroup -m "slow and not browser" $(ARGS)
	@$(RUN)/pytest -q -m "slow and browser" tests/browser $(ARGS)

check: setup ## lint, types, layers, unit tests, docs; under a minute
	@$(RUN)/ruff check -q src tests benchmarks scripts docs
	@$(RUN)/ruff format -q --check src tests benchmarks scripts docs
	@$(RUN)/mypy --no-error-summary
	@$(RUN)/lint-imports --no-logo
	@$(RUN)/pytest -q -n 2 tests/unit
	@$(RUN)/sphinx-build -q -W --keep-going docs docs/_build

fix: setup ## format and mend what can be mended by itself
	@$(RUN)/ruff check -q --fix src tests benchmarks scripts docs
	@$(RUN)/ruff format -q src tests benchmarks scripts docs

bench: setup ## measure against what one would use instead, and print ratios
	@scripts/systemd_root.sh
	@$(PY) -m benchmarks $(ARGS)

docs: setup ## build the documentation into docs/_build
	@$(RUN)/sphinx-build -q -W --keep-going docs docs/_build
	@echo "open docs/_build/index.html"

clean: ## remove what was built here; hubs' data are elsewhere and stay
	@rm -rf .venv .cache docs/_build docs/reference/generated
