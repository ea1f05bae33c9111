# Everything that a developer or a data engineer does here. `make` alone prints this list.
PYTHON ?= python3
VENV := .venv
BENCH_VENV := .venv-bench
BIN := $(VENV)/bin
SHELL := /bin/bash

# Dagster's instance is dagster.yaml in this folder; all that is made at run time stands under data/.
export DAGSTER_HOME := $(CURDIR)
export MIGRATION_DATA ?= $(CURDIR)/data
export MIGRATION_DAGSTER_STORAGE ?= $(MIGRATION_DATA)/dagster
export MIGRATION_DAGSTER_LOGS ?= $(MIGRATION_DATA)/dagster/logs
UI_PORT ?= 3000
# The servers and workers of demo and tests start many interpreters: compiling anew each time costs minutes.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help install demo test ui sandbox check lint format bench lock clean

help: ## print this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1|\2/' | column -t -s '|'

install: $(VENV)/.installed ## install everything into .venv (done by the others as needed)

$(VENV)/.installed: requirements.lock pyproject.toml .ci/system-packages
	@PYTHON="$(PYTHON)" .ci/system-packages
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: install ## migrate the demo practices between the embedded sandboxes and print the proof
	@$(BIN)/python -m migration_sandbox demo

test: install ## run every test
	@TMPDIR="$$(.ci/fast-tmp)" POLARS_MAX_THREADS=1 $(BIN)/python -m pytest -n 4 --dist loadfile --no-loadscope-reorder

ui: install ## start the sandboxes and Dagster's UI at http://127.0.0.1:3000 (UI_PORT=...)
	@$(BIN)/python -m migration_sandbox run -- $(BIN)/dagster dev -h 127.0.0.1 -p $(UI_PORT)

sandbox: install ## start the sandbox servers alone and print how to reach them
	@$(BIN)/python -m migration_sandbox serve

check: install ## compare source and destination of the demo practices, without any code of the pipeline
	@$(BIN)/python -m migration_sandbox check

lint: install ## ruff, mypy and the import contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy migration_assets migration_sandbox migration_assets_tests benchmarks
	@$(BIN)/lint-imports --no-cache

format: install ## format the code
	@$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format --quiet .

bench: install $(BENCH_VENV)/.installed ## measure speed and memory (benchmarks/), some ten minutes
	@$(BIN)/python -m benchmarks

# dlt stands apart: beside it our own packages would have other versions than those of requirements.lock.
$(BENCH_VENV)/.installed: benchmarks/requirements.txt
	@test -x $(BENCH_VENV)/bin/python || $(PYTHON) -m venv $(BENCH_VENV)
	@$(BENCH_VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r benchmarks/requirements.txt
	@touch $@

lock: install ## pin every dependency anew into requirements.lock
	@$(BIN)/python -m pip install --quiet uv
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-emit-index-url --no-header --no-annotate \
		--upgrade --group dev pyproject.toml -o requirements.lock

clean: ## remove what can be made again; ledgers and practice files stay
	@rm -rf $(MIGRATION_DATA)/warehouse $(MIGRATION_DATA)/reports $(MIGRATION_DATA)/dagster build .pytest_cache \
		.mypy_cache .ruff_cache .hypothesis
