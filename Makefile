# Needs make, Python 3.11 or newer and a C library; everything else goes into .venv.

VENV := .venv
BIN := $(VENV)/bin
PYTHON := $(BIN)/python
INSTALLED := $(VENV)/.installed
SOURCES := app migrations
# The newest first. Each is tried, not just looked up: a pyenv shim may stand for nothing, Debian's python3 may lack ensurepip.
PYTHONS := python3.13 python3.12 python3.11 python3
SUITABLE := import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))
# Without byte code a start takes two to three times as long, and some environments tell Python to leave none.
COMPILE := $(PYTHON) -m compileall -q -j 0
SEED := 1
KILLS := 1000
DATABASE := sqlite
LOCK := uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --upgrade --quiet

.PHONY: help run test test-fast soak soak-crash check fmt migrate lock clean

help: ## List these targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

run: $(INSTALLED) ## Start the service at http://127.0.0.1:8000; the first start runs the daily pipeline once
	@$(COMPILE) $(SOURCES)
	@OPENBELL_FIRST_RUN=$${OPENBELL_FIRST_RUN:-true} exec $(BIN)/openbell serve

test: $(INSTALLED) ## Run all tests
	$(PYTHON) -m pytest -n 2

test-fast: $(INSTALLED) ## Run the tests that take no more than a second or two each
	$(PYTHON) -m pytest -n 2 -m 'not slow'

soak: $(INSTALLED) ## Kill real services while clients ask, and judge the history: make soak SEED=1 KILLS=1000 DATABASE=postgresql
	$(PYTHON) -m tests.faults.soak --seed $(SEED) --kills $(KILLS) --database $(DATABASE)

soak-crash: $(INSTALLED) ## Crash at every commit, move, link and fsync of every scenario, on both databases (half an hour)
	CRASH_POINTS=all $(PYTHON) -m pytest -rP $(wildcard tests/faults/test_crash_*.py) tests/faults/test_model.py

check: $(INSTALLED) ## Lint, check the format, the types and the direction of imports
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

fmt: $(INSTALLED) ## Format the code and repair what the linter can
	$(BIN)/ruff check --fix-only
	$(BIN)/ruff format

migrate: $(INSTALLED) ## Bring the database to the newest schema (SQLite does so by itself at start)
	$(BIN)/openbell db migrate

lock: ## Pin the newest versions that pyproject.toml allows (needs uv)
	$(LOCK) pyproject.toml --output-file requirements.lock
	$(LOCK) pyproject.toml --group dev --output-file requirements-dev.lock
	$(LOCK) --group build --output-file requirements-build.lock

clean: ## Remove the environment and all caches; the data in var/ stays
	rm -rf $(VENV) dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage*
	find $(SOURCES) tests -name __pycache__ -prune -exec rm -rf {} +

$(INSTALLED): requirements-dev.lock pyproject.toml
	@echo 'Setting up $(VENV): this takes a minute or two, once.'
	@rm -f $@
	@$(PYTHON) -c '$(SUITABLE)' 2>/dev/null && exit; \
	for python in $(PYTHONS); do \
	  if "$$python" -c '$(SUITABLE)' 2>/dev/null; then exec "$$python" -m venv --clear $(VENV); fi; \
	done; \
	echo 'Openbell needs Python 3.11 or newer with its venv module (Debian: apt install python3-venv).' >&2; exit 1
	@# uv is quicker where it works. It does not read pip's configuration, so pip has the last word.
	@uv pip install --quiet --python $(PYTHON) --require-hashes -r $< 2>/dev/null || \
	  $(PYTHON) -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes -r $<
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@$(COMPILE) $(VENV)/lib $(SOURCES)
	@touch $@
