# Everything runs in the virtual environment .venv, which `make install` sets up from pyproject.toml.

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
OURS := gsic kernels tests benchmarks examples
# Tests run in as many processes as there are cores, or in JOBS; each takes one file after the other.
JOBS ?= auto
PYTEST := $(BIN)/python -m pytest --numprocesses $(JOBS) --dist loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help install demo test test-slow test-all test-gpu fuzz bench-gpu triton-aot lint fmt \
  golden-check kernels wheel clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(STAMP)  ## set up .venv with gsic and everything that development needs

$(STAMP): pyproject.toml
	@if ! test -x $(BIN)/python; then \
	  for python in python3 python3.13 python3.12 python3.11 python; do \
	    if $$python -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' \
	        >/dev/null 2>&1; then \
	      echo "$$python -m venv $(VENV)"; exec $$python -m venv $(VENV); \
	    fi; \
	  done; \
	  echo "gsic needs Python 3.11 or newer with its venv module; none was found on PATH." >&2; \
	  exit 1; \
	fi
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@mkdir -p .mypy && ln -sfn ../kernels .mypy/gsic_kernels  # the folder under its import name
	@touch $@

demo: $(STAMP)  ## encode and decode the bundled photo; the files are left in demo/
	@$(BIN)/python examples/demo.py

test: $(STAMP)  ## run the tests that take minutes
	$(PYTEST) -m 'not slow and not gpu' --durations=10

test-slow: $(STAMP)  ## run the slow tests, which `make test` leaves out
	$(PYTEST) -m 'slow and not gpu'

test-all: $(STAMP)  ## run all tests
	$(PYTEST)

# COUNT files, made from SEED and their numbers; what is found is kept in build/fuzz.
COUNT ?= 100000
SEED ?= 1
fuzz: $(STAMP)  ## read damaged files, which takes up to an hour [COUNT=100000] [SEED=1]
	$(BIN)/python tests/support/fuzz.py --count $(COUNT) --seed $(SEED)

test-gpu: $(STAMP)  ## run the tests that need an NVIDIA GPU
	$(BIN)/python -m pytest -m gpu tests/kernels/gpu

# On a machine without a package index, PYTHON names an interpreter that has what gsic needs.
bench-gpu:  ## test and measure on an NVIDIA GPU: benchmarks/results/gpu.json [PYTHON=python3]
ifdef PYTHON
	$(PYTHON) -m pip install --quiet --no-index --no-deps --no-build-isolation --editable .
	$(PYTHON) -m benchmarks.gpu.measure
else
	$(MAKE) $(STAMP)
	$(BIN)/python -m benchmarks.gpu.measure
endif

triton-aot: $(STAMP)  ## compile the Triton kernels without a GPU; fail if a rasteriser spills
	@$(BIN)/python -m benchmarks.gpu.triton_aot

lint: $(STAMP)  ## check style, types, module length and layers; change nothing
	$(BIN)/ruff check $(OURS)
	$(BIN)/ruff format --check $(OURS)
	$(BIN)/mypy
	@find $(OURS) -name '*.py' -exec wc -l {} + | awk ' \
	  $$2 == "total" { next } \
	  $$1 > 600 { print $$2 ": " $$1 " lines, 600 are allowed"; long = 1; next } \
	  $$1 > 400 { print $$2 ": " $$1 " lines; consider splitting it" } \
	  END { exit long }'
	$(BIN)/python -m pytest $(addprefix tests/layers/test_,source.py cycles.py layout.py style.py)

fmt: $(STAMP)  ## format the code and fix what can be fixed
	$(BIN)/ruff check --fix-only --quiet $(OURS)
	$(BIN)/ruff format $(OURS)

golden-check: $(STAMP)  ## check that every released file still decodes to the same image
	$(BIN)/python -m pytest tests/golden

kernels: $(STAMP)  ## compile all kernels ahead of time (Linux on x86-64, with a C compiler)
	$(BIN)/python -m gsic_kernels.cpu.ahead.build

wheel: kernels  ## build a wheel in dist/, with all kernels compiled
	@rm -rf build/lib  # what setuptools left there would get into the wheel
	$(BIN)/python -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .

clean:  ## remove everything that was made, except .venv
	rm -rf build dist demo *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	rm -f kernels/cpu/runtime/*.so
	find $(OURS) -name __pycache__ -type d -exec rm -rf {} +
