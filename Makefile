# `make` lists the commands. Every one of them sets up first, which is quick once done.
.DEFAULT_GOAL := help
.SUFFIXES:
SHELL := /bin/bash

# With JAVA_HOME, where set-up had to choose one.
RUN := source .venv/lake.env; exec .venv/bin/python
# Beside the lake, as for the command `lake`.
LAKE_PLACE := $(or $(LAKE_LOCAL_FOLDER),$(LAKE_ROOT),$(CURDIR)/.lake/lake)
LAKE_FOLDER := $(patsubst s3://%,$(CURDIR)/.lake/s3/%,$(patsubst file://%,%,$(LAKE_PLACE)))
DAGSTER_HOME ?= $(abspath $(LAKE_FOLDER)/..)/dagster
PORT ?= 3000
# Two processes keep two cores busy; for a few tests one is sooner ready.
WORKERS ?= $(if $(ARGS),0,2)

.PHONY: help
help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: setup
setup: ## Make .venv from requirements.lock and find or install Java
	@bash scripts/setup.sh

.PHONY: demo
demo: setup ## Take generated events and a database table to a published table
	@$(RUN) -m examples.demo $(ARGS)

.PHONY: danji
danji: setup ## Generate housing complexes for the notebook apartment_complexes
	@$(RUN) -m examples.danji

.PHONY: ui
ui: setup ## Open Dagster on the project, at http://127.0.0.1:3000 (PORT=...)
	@mkdir -p "$(DAGSTER_HOME)"
	@[ -e "$(DAGSTER_HOME)/dagster.yaml" ] || cp scripts/dagster.yaml "$(DAGSTER_HOME)/"
	@export DAGSTER_HOME="$(DAGSTER_HOME)"; $(RUN) -m dagster dev --host 127.0.0.1 --port $(PORT)

.PHONY: test
test: ## Set up with the servers of the tests and run them (ARGS=... goes to pytest)
	@bash scripts/setup.sh tests
	@$(RUN) -m pytest -n $(WORKERS) --dist loadfile $(ARGS)

.PHONY: test-big
test-big: ## Set up likewise and run the tests that take minutes each
	@bash scripts/setup.sh tests
	@$(RUN) -m pytest -n $(WORKERS) --dist loadfile -m big $(ARGS)

.PHONY: test-load
test-load: ## Set up with versitygw, an S3 server, and put load on it
	@bash scripts/setup.sh load
	@$(RUN) -m pytest -m load $(ARGS)

.PHONY: test-trino
test-trino: setup ## Read what was published with Trino (821 MB once, Java 24 or later)
	@$(RUN) -m pytest -m trino tests/trino $(ARGS)

.PHONY: notebook
notebook: setup ## Open JupyterLab with the lake at hand (installs it the first time)
	@bash scripts/setup.sh notebook
	@source .venv/lake.env; exec .venv/bin/lake notebook $(ARGS)

.PHONY: test-notebooks
test-notebooks: setup ## Run the walk-throughs, and what else needs the notebook (OUTPUTS=yes: keep what they show)
	@bash scripts/setup.sh notebook
	@$(RUN) -m pytest -m notebook $(ARGS)

.PHONY: test-ui
test-ui: ## Try the UI in a real browser, without a window (SCREENSHOTS=docs/ui: renew those)
	@bash scripts/setup.sh ui
	@$(RUN) -m pytest -m ui tests/ui $(ARGS)

.PHONY: check
check: setup ## Lint, formatting, types and the direction of imports
	@$(MAKE) --no-print-directory --keep-going lint format-check types imports

.PHONY: lint format-check types imports
lint:
	@.venv/bin/ruff check .
format-check:
	@.venv/bin/ruff format --check .
types:
	@.venv/bin/mypy
imports:
	@.venv/bin/lint-imports --no-logo

.PHONY: format
format: setup ## Format the code and mend what can be mended
	@.venv/bin/ruff check --fix-only --quiet .
	@.venv/bin/ruff format .

.PHONY: spark-versions
spark-versions: ## Hold Spark 3.5, 4.0 and 4.1 to the same rows and Parquet types
	@bash scripts/setup.sh tests
	@$(RUN) -m scripts.spark_versions $(ARGS)

.PHONY: bench
bench: ## Measure, one line "name value" a figure
	@bash scripts/setup.sh load
	@bash scripts/setup.sh notebook
	@$(RUN) -m benchmarks $(ARGS)

.PHONY: soak
soak: setup ## Let the lake live for half an hour while its processes are killed (ARGS="--minutes 5")
	@$(RUN) -W ignore -m benchmarks.soak $(ARGS)

.PHONY: docs
docs: setup ## Write docs/declaration.md from the declaration's model
	@$(RUN) -m lake_assets.reference

.PHONY: lock
lock: setup ## Pin the requirements anew after a change of pyproject.toml (UPGRADE=1: newer)
	@bash scripts/lock.sh

.PHONY: clean
clean: ## Remove caches and build products; keeps .venv and the data in .lake
	@rm -rf build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@rm -rf derby.log metastore_db spark-warehouse
	@find . -name __pycache__ -not -path './.venv*' -prune -exec rm -rf {} +

.PHONY: clean-all
clean-all: clean ## Remove .venv, the environments of spark-versions and the data in .lake too
	@rm -rf .venv .venv-spark35 .venv-spark40 .lake
