# Everything runs in .venv; nothing is written outside of the checkout but packages, and in memory
# what tests write.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
export TMPDIR := $(CURDIR)/.tmp
# The tests' servers sync each write. Where there are 4 GB of memory for it, that is where they write:
# a disk that stalls for a second is answered with 503, and is not what the tests are about.
MEMORY := $(shell df -Pk /dev/shm 2>/dev/null | awk '$$1 == "tmpfs" && $$4 > 4194304 { print $$6 }')
TESTS := $(if $(MEMORY),$(MEMORY)/countersign$(subst /,-,$(CURDIR)),$(TMPDIR)/tests)
PYTEST := rm -rf "$(TESTS)" && mkdir -p "$(TESTS)" && trap 'rm -rf "$(TESTS)"' EXIT && \
	TMPDIR="$(TESTS)" $(BIN)/pytest --basetemp="$(TESTS)/pytest"
WORKERS ?= 2

.PHONY: help setup demo up test test-fast check format lint types bench-quick power-cut bench-waiting bench-recovery faults faults-quick faults-controls lock clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/\1\t\2/' | expand -t 16

setup: ## Install what is missing: virtual environment, locked packages, redis-server, rabbitmq-server, strace, libfaketime
	@mkdir -p "$(TMPDIR)"
	@deploy/setup.sh

demo: setup ## Show the whole path at work, with real servers
	@$(BIN)/countersign demo

up: setup ## Run the local stack until ctrl-C
	@$(BIN)/countersign up

test: setup ## All tests, with coverage; then the short fault campaign (faults-quick)
	@$(BIN)/coverage erase
	$(PYTEST) -n $(WORKERS) --dist worksteal --cov --cov-report= 
	@$(BIN)/coverage report --fail-under=90 --skip-covered | tail -40
	@$(BIN)/python -m bench.faults --quick

test-fast: setup ## Tests that need no server
	$(PYTEST) -n $(WORKERS) -q -m "not servers"

check: setup format-check lint types test-fast ## What every commit passes

format: setup ## Format the sources
	$(BIN)/ruff format .

.PHONY: format-check
format-check: setup
	$(BIN)/ruff format --check .

lint: setup ## Lint
	$(BIN)/ruff check .

types: setup ## Check types
	$(BIN)/mypy

bench-quick: setup ## Speed beside stock Celery, at most 3 minutes
	@$(BIN)/python -m bench.quick

power-cut: setup ## Cut the power at traced moments, at most 5 minutes
	@$(BIN)/python -m bench.power_cut

bench-waiting: setup ## What a job costs with 1,000,000 waiting, 6 minutes on idle cores
	@$(BIN)/python -m bench.waiting

bench-recovery: setup ## How soon jobs go on after something broke, at most 8 minutes
	@$(BIN)/python -m bench.recovery

BROKER ?= redis

faults: setup ## 590 faults on the whole stack, 28 minutes; BROKER=redis or rabbitmq, SEED=…
	@$(BIN)/python -m bench.faults --broker $(BROKER) $(if $(SEED),--seed $(SEED))

faults-quick: setup ## The same in 2 minutes, as at the end of make test; BROKER, SEED likewise
	@$(BIN)/python -m bench.faults --quick --broker $(BROKER) $(if $(SEED),--seed $(SEED))

faults-controls: setup ## The checker finds planted bugs, and what stock Celery loses; 12 minutes
	@$(BIN)/python -m bench.faults.stock
	@$(BIN)/python -m bench.faults.planted

lock: setup ## Lock the dependencies anew, with hashes
	$(BIN)/uv pip compile pyproject.toml --extra dev --universal --generate-hashes --no-emit-index-url \
		--python-version 3.11 --custom-compile-command "make lock" --quiet --output-file requirements/dev.txt

clean: ## Remove what was built and what ran
	rm -rf $(VENV) .tmp .countersign .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage*
