# Every habit has one target; `make help` lists them.
VENV   := .venv
PYTHON := $(VENV)/bin/python
BIN    := $(VENV)/bin
export PYTHONPATH := $(CURDIR)/include
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
INPUT ?=
AS_OF ?=
ONLY  ?=

.DEFAULT_GOAL := help
.PHONY: help setup run test test-long test-rt test-bi lint format up down status bi bench quality gates contract lock clean

help: ## Show this help
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-10s %s\n", $$1, $$2}'

setup: $(VENV)/.ready ## Make the environment in .venv from the lock

$(VENV)/.ready: requirements.txt pyproject.toml
	@test -x $(PYTHON) || python3 -m venv $(VENV)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Touchstone needs Python 3.11 or later")'
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check "$$(grep -oE '^uv==[0-9.]+' requirements.txt)"
	@echo "installing the locked packages into $(VENV)"
	@$(BIN)/uv pip sync --quiet --compile-bytecode --python $(PYTHON) --require-hashes requirements.txt
	@$(BIN)/uv pip install --quiet --python $(PYTHON) --no-deps --editable .
	@touch $@

run: setup ## Run the daily cycle on the sample's next day, or on INPUT=path [AS_OF=2026-03-31]
	@$(BIN)/touchstone run $(if $(INPUT),--input "$(INPUT)") $(if $(AS_OF),--as-of "$(AS_OF)")

test: setup ## Run the tests (about 45 minutes on two cores)
	@$(PYTHON) -m pytest -m "not long and not rt and not bi" -n 2 --dist loadfile --no-loadscope-reorder

test-long: setup ## Run storms, kills and growth
	@$(PYTHON) -m pytest -m "long and not rt and not bi"

test-rt: setup ## Install a real Request Tracker into build/, and read it (root, apt)
	@$(PYTHON) -m pytest -m rt -s tests/rt

test-bi: setup .venv-bi/.ready ## Show the dashboards of a simulated company in headless Chromium (15 minutes; apt where no Chromium is installed)
	@$(PYTHON) -m pytest -m bi -s tests/bi

lint: setup ## Check Python, SQL and the conventions of the dbt project
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(PYTHON) -m touchstone.lint

format: setup ## Lay out Python and SQL
	@$(BIN)/ruff check --fix --quiet .
	@$(BIN)/ruff format --quiet .
	@$(BIN)/sqlfluff fix --quiet dbt_project/models dbt_project/tests

up: setup ## Start the warehouse and Airflow, and show how to open them
	@$(BIN)/touchstone up

down: setup ## Stop them
	@$(BIN)/touchstone down

status: setup ## Show what runs
	@$(BIN)/touchstone status

bi: setup .venv-bi/.ready ## Start Apache Superset on 127.0.0.1 with the dashboards of bi/dashboards
	@$(BIN)/touchstone bi up

.venv-bi/.ready: requirements-bi.txt $(VENV)/.ready
	@echo "installing Superset's locked packages into .venv-bi"
	@$(BIN)/uv venv --quiet --allow-existing --python $(PYTHON) .venv-bi
	@$(BIN)/uv pip sync --quiet --compile-bytecode --python .venv-bi/bin/python --require-hashes requirements-bi.txt
	@touch $@

bench: setup ## Measure speed against baselines; ONLY=name for one
	@$(BIN)/touchstone bench $(if $(ONLY),--only "$(ONLY)")

quality: setup ## Measure scores against people's labels; writes build/quality.json; ONLY=name for one check
	@$(PYTHON) -m touchstone.quality.table $(ONLY)

gates: setup ## Run all gates on what is built, and write their page
	@$(BIN)/touchstone validate gate_1
	@$(BIN)/touchstone validate gate_2
	@$(BIN)/touchstone validate gate_3
	@$(BIN)/touchstone report

contract: setup ## Take new published tables and columns into bi/contract.yml; BREAKING=1 for what readers lose
	@$(PYTHON) -m touchstone.bi.contract $(if $(BREAKING),--breaking)

lock: $(VENV)/.ready ## Resolve requirements*.in to the three locks
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --output-file requirements.txt requirements-dev.in
	@$(BIN)/uv pip compile --quiet --python-version 3.11 --generate-hashes --no-header --no-annotate --constraint requirements.txt --output-file requirements-image.txt requirements-image.in
	@$(BIN)/uv pip compile --quiet --python-version 3.11 --generate-hashes --no-header --no-annotate --output-file requirements-bi.txt requirements-bi.in

clean: ## Stop everything and remove the environment, the state and what was built
	@test ! -x $(BIN)/touchstone || $(BIN)/touchstone down
	@test ! -x $(PYTHON) || $(PYTHON) -c 'from touchstone.warehouse.embedded import EmbeddedServer; EmbeddedServer().remove()'
	rm -rf $(VENV) .venv-bi .touchstone build dbt_project/target dbt_project/logs
