# The two commands of this project are `make demo` and `make test`; both set up all they need.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: demo test lint bench pictures torture mutants fuzz lock audit clean

demo: $(VENV)/.run
	$(BIN)/aftersale demo

test: $(VENV)/.dev
	$(BIN)/python -m pytest -n auto --dist worksteal

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.dev
	$(BIN)/python -m bench

# The pictures of presets' messages in docs/presets.md, by the Chromium of this machine.
pictures: $(VENV)/.dev
	$(BIN)/python -m connector.preview.gallery

# Everything that the laws are tried with, at full length: under half an hour on two cores.
torture: $(VENV)/.dev
	$(BIN)/python -m torture

# Seeded bugs, each of which the tests have to catch.
mutants: $(VENV)/.dev
	$(BIN)/python -m torture.mutants

# Minutes of what the tests do for seconds: odd configs, rules, templates, orders and answers.
fuzz: $(VENV)/.dev
	$(BIN)/python -m pytest -n auto tests/security/fuzz --hypothesis-profile=fuzz

# The exact packages of a deployment, with their hashes.
lock: $(VENV)/.dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip compile pyproject.toml --extra postgresql --universal --python-version 3.11 --generate-hashes --custom-compile-command "make lock" -q -o requirements.lock

# Advice: known holes in them, where the database of holes can be reached.
audit: $(VENV)/.dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check pip-audit
	-$(BIN)/pip-audit --disable-pip --no-deps -r requirements.lock

clean:
	rm -rf $(VENV) demo-messages

$(VENV)/.run: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Aftersale needs Python 3.11 or newer: try make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.run
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@
