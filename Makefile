# Everything that is typed in this repository. `make` alone lists it.

PYTHON ?= python3
BIN := .venv/bin
export PIP_CONSTRAINT := $(CURDIR)/constraints.txt
export PIP_DISABLE_PIP_VERSION_CHECK := 1

PROJECTS := $(wildcard packages/*/pyproject.toml plugins/*/pyproject.toml)
SOURCES := $(wildcard packages/*/src plugins/*/src)
TEST := OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1 $(BIN)/pytest -n 2 -q

.DEFAULT_GOAL := help
.PHONY: help setup quickstart test test-all lint types docs wheels bench bench-eval

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-11s %s\n", $$1, $$2}' Makefile

setup: .venv/.ready ## make .venv with every package, from nothing

.venv/.ready: constraints.txt requirements-dev.txt $(PROJECTS)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "error: Brahma needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1)" >&2; \
	    echo >&2; echo "hint: make $(MAKECMDGOALS) PYTHON=/path/to/python3.11" >&2; exit 2; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install -q -r requirements-dev.txt
	@touch $@

quickstart: setup ## train, tune and measure a small model on this machine (ARGS="--minutes 1")
	$(BIN)/brahma quickstart $(ARGS)

test: setup ## the tests of every change, 8 minutes at most (ARGS="-k name")
	$(TEST) -m "not slow" $(ARGS)

test-all: setup ## all tests, the slow ones too
	$(TEST) $(ARGS)

lint: setup ## style of the code
	$(BIN)/ruff check && $(BIN)/ruff format --check

types: setup ## types, strictly
	$(BIN)/mypy $(SOURCES) benchmarks docs tests

docs: setup ## build the documentation into docs/_build/html/; a warning is an error
	HF_HUB_OFFLINE=1 $(BIN)/sphinx-build -q -n -W --keep-going -c docs . docs/_build/html $(ARGS)
	@echo docs/_build/html/index.html

wheels: setup ## build every distribution into dist/
	for project in $(dir $(PROJECTS)); do $(BIN)/python -m build -q --wheel --outdir dist $$project || exit 1; done

bench: setup ## measure beside the peer, on an idle machine, into benchmarks/RESULTS.md (30 minutes)
	$(BIN)/python benchmarks/train_cpu.py --write $(ARGS)
	$(BIN)/python benchmarks/overheads.py --write $(ARGS)
	$(BIN)/python benchmarks/first_contact.py --write $(ARGS)
	$(BIN)/python benchmarks/quantized_linear.py --write $(ARGS)
	$(BIN)/python benchmarks/quantized_loading.py --write $(ARGS)

bench-eval: setup ## the same for evaluation; it needs data (ARGS="--data-dir DIR": hellaswag and mmlu)
	$(BIN)/python benchmarks/eval.py --write $(ARGS)
