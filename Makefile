# make demo   quickstart: jets, two taggers, a report        make test   lint and the whole test suite
# make setup  the virtual environment alone                  make clean  forget all of them
# PYTHON=python3.12 make setup   chooses the interpreter (3.11 or newer, with its venv module)

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
DEMO := runs/quickstart

.PHONY: help setup demo test lint clean
.DELETE_ON_ERROR:

help:
	@sed -n '1,3s/^# //p' Makefile

setup: $(INSTALLED)

$(INSTALLED): pyproject.toml constraints/ci-cpu.txt
	@command -v $(PYTHON) >/dev/null || { echo "make: $(PYTHON) is not there; install Python 3.11 or newer, or name one: make PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "make: $$($(PYTHON) -V) is too old; lorentznet needs Python 3.11 or newer: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "make: $(PYTHON) has no venv module; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check -c constraints/ci-cpu.txt -e '.[gen,toptag,test]'
	@touch $@

demo: setup
	$(BIN)/lorentznet quickstart --out $(DEMO)

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# one process for each core, with one thread: files are shared out, so that what a file prepares is prepared once
test: lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist loadfile

clean:
	rm -rf $(VENV) $(DEMO)
