# make demo: the whole path with no camera and no GPU.   make test: all tests.   make check: format, lint, types, import contract, tests.
.PHONY: demo test check install clean
.DEFAULT_GOAL := help

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
STAMP := .venv/installed
# Files of tests at the same time: as many as there are cores, four at most, since each holds torch.
TESTS_AT_ONCE ?= $(shell n=$$(nproc); echo $$((n < 4 ? n : 4)))
PYTEST := $(BIN)/python -m pytest -n $(TESTS_AT_ONCE) --dist loadfile --no-loadscope-reorder --max-worker-restart 0

help:
	@sed -n 1p Makefile

install: $(STAMP)

$(STAMP): setup.py constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { echo "rigtrack needs Python 3.10 or newer; '$(PYTHON)' is older: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@./.ci/system_libraries
	@$(PYTHON) -m venv .venv || { echo "the venv module is missing: apt-get install python3-venv" >&2; exit 1; }
	@echo "installing into .venv: torch, then everything else, about 3 GB; this takes minutes" >&2
	@$(BIN)/pip install --disable-pip-version-check -c constraints.txt torch
	@$(BIN)/pip install --disable-pip-version-check -c constraints.txt -e '.[trainer,backbones,basler,record,export,serial,calib,dev]'
	@./.ci/aravis $(BIN)/pip
	@touch $(STAMP)

demo: $(STAMP)
	$(BIN)/python examples/demo.py --out demo

test: $(STAMP)
	@./.ci/test_programs
	$(PYTEST)

check: $(STAMP)
	@./.ci/test_programs
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(PYTEST)

clean:
	rm -rf .venv build demo *.egg-info
