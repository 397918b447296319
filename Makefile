# What a person does with commute. `make help` lists it; every target installs first what it needs.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
REAL := theory egraph verify lowering kernels commute tests examples benchmarks conftest.py

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint types golden discoveries soundness soundness-sample

help: ## list these targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1|/' | awk -F'|' '{printf "  make %-16s %s\n", $$1, $$2}'

setup: .venv/.installed ## create .venv with the pinned dependencies

# pip on some machines warns about each mirror it knows, hence -qq: say what it does first, so that it isn't silent.
.venv/.installed: pyproject.toml constraints.txt
	@echo "installing the pinned dependencies into .venv (1.7 GB, a minute or two) ..."
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "commute needs Python 3.11 or newer: make PYTHON=/path/to/python3.11")'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/pip install -qq -c constraints.txt -e ".[dev]"
	@touch $@

demo: .venv/.installed ## prove streamed attention equal to plain attention, refute a broken one, recheck, draw
	@PATH="$(CURDIR)/$(BIN):$$PATH" sh examples/demo.sh

test: .venv/.installed ## run every test, doctest and example, in two processes
	@$(BIN)/pytest -q -n 2 --dist loadfile

lint: .venv/.installed ## ruff: style, import order, banned imports
	@$(BIN)/ruff check $(REAL)

types: .venv/.installed ## basedpyright, standard mode
	@$(BIN)/basedpyright

golden: .venv/.installed ## rewrite the committed pictures and printed texts after a wanted change; read the diff
	@COMMUTE_GOLDEN=write $(BIN)/pytest -q tests -k golden

discoveries: .venv/.installed ## search plans for all 24 rows of the catalogue; writes build/discoveries.json (minutes)
	@$(BIN)/python -m commute.discovering

soundness: .venv/.installed ## hunt for false verdicts at length: mutants, random terms and programs (under half an hour, two processes)
	@$(BIN)/python -m tests.soundness

soundness-sample: .venv/.installed ## the same for two minutes
	@$(BIN)/python -m tests.soundness --sample
