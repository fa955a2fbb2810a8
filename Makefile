# Two commands do all: `make quickstart` and `make test`. Each makes its own virtual environment in
# .venv, on top of the given Python's torch where it has one (PYTHON=python3.12 make test).
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN ?= runs/quickstart
T ?= tests
# one more than there are cores: some tests wait for programs that they started
JOBS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)
ORACLES := 'hessian-eigenthings>=1.0.0a5' einops einconv linear_operator opt_einsum
ORACLES_WITHOUT_TORCHVISION := 'curvlinops-for-pytorch>=3' backpack-for-pytorch unfoldNd
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

# Tests start hundreds of processes: compiled modules are kept between them.
unexport PYTHONDONTWRITEBYTECODE
.DEFAULT_GOAL := help
.PHONY: help quickstart lint format typecheck fast test slow stacks figures fuzz docs gallery clean

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(BIN)/python:
	@if $(PYTHON) -c "import torch" 2>/dev/null; then \
	  $(PYTHON) -m venv --system-site-packages $(VENV); \
	else \
	  $(PYTHON) -m venv $(VENV); \
	fi

# A torch that is already there is left alone, whatever its version: only then no constraint.
$(VENV)/.installed: $(BIN)/python pyproject.toml constraints.txt
	@if $(BIN)/python -c "import torch" 2>/dev/null; then \
	  $(BIN)/python -c "import torch; print('torch==' + torch.__version__)" > $(VENV)/torch.txt; \
	else \
	  cp constraints.txt $(VENV)/torch.txt; \
	fi
	$(PIP) -c $(VENV)/torch.txt -e .
	@touch $@

# The tools of `make lint`, `make typecheck` and `make fast`: seconds to install.
$(VENV)/.dev: $(VENV)/.installed
	$(PIP) -c $(VENV)/torch.txt -e '.[dev]'
	@touch $@

# mup and curvlinops (through backpack) ask for torchvision, which is never imported here and can
# break other imports: their own dependencies are installed without it.
$(VENV)/.tests: $(VENV)/.dev
	$(PIP) -c $(VENV)/torch.txt -e '.[test,digits]' pandas seaborn tqdm
	$(PIP) -c $(VENV)/torch.txt $(ORACLES)
	$(PIP) --no-deps 'mup>=1.0' $(ORACLES_WITHOUT_TORCHVISION)
	@touch $@

# The tools of `make docs`.
$(VENV)/.docs: $(VENV)/.installed
	$(PIP) -c $(VENV)/torch.txt -e '.[docs]'
	@touch $@

quickstart: $(VENV)/.installed  ## Check, sweep, fit and scale the quickstart recipe
	$(BIN)/mutransfer check recipes/quickstart.yaml
	$(BIN)/mutransfer sweep recipes/quickstart.yaml --run $(RUN)
	$(BIN)/mutransfer fit $(RUN)
	$(BIN)/mutransfer scale $(RUN) --width 4096 --format json -o $(RUN)/target.json
	$(BIN)/mutransfer scale $(RUN) --width 4096 --format torch -o $(RUN)/target.py
	$(BIN)/mutransfer summary $(RUN)

lint: $(VENV)/.dev  ## Style, docstrings and import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

format: $(VENV)/.dev  ## Format, and fix what ruff can fix
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

typecheck: $(VENV)/.dev  ## mypy --strict on the package
	$(BIN)/mypy

fast: T = tests/recipe tests/test_house.py
fast: lint typecheck  ## Lint, types and the tests of one room (T=tests/fit), under a minute
	$(BIN)/python -m pytest -n $(JOBS) $(T)

test: $(VENV)/.tests lint typecheck  ## What CI runs; with T=tests/fit the tests of one room only
	$(BIN)/python -m pytest -n $(JOBS) $(T)

slow: $(VENV)/.tests  ## Statistical checks and whole runs: an hour or more
	$(BIN)/python -m pytest -m slow $(T)

# Emitted files in the stacks' own code: make stacks STACKS='--without lm-engine --case llama'.
# A checkout is named by MUTRANSFER_STACK_<NAME>=PATH; environments are kept in .stacks/.
stacks: $(VENV)/.tests  ## Emit, build and train in every stack: downloads them, ten minutes
	$(BIN)/python -m tests.stacks $(STACKS)

# How far the check can be trusted: the table in docs/check.md.
figures: $(VENV)/.tests  ## Planted errors and false alarms of the check: an hour or two
	$(BIN)/python -m tests.benchmarks.planted
	$(BIN)/python -m tests.benchmarks.planted random 200 777
	$(BIN)/python -m tests.benchmarks.planted power 20 5
	$(BIN)/python -m tests.benchmarks.false_alarms 67

# Mutated files of every kind that a command reads; exit code 1 if one is not refused in one line.
fuzz: $(VENV)/.tests  ## 5,000 mutated files for each reader (READER=plan COUNT=500 SEED=2): an hour
	$(BIN)/python -m tests.fuzz $(or $(READER),all) $(or $(COUNT),5000) $(or $(SEED),1)

docs: $(VENV)/.docs  ## The manual as a site in docs/_build; a warning is an error
	$(BIN)/python -m sphinx -b html -W --keep-going -q docs docs/_build
	@echo docs/_build/index.html

# Sweeps of hours on one core: make gallery RECIPES='gpt-adamw llama' for some of them.
gallery: $(VENV)/.tests  ## Run the recipes, and record them in docs/gallery
	$(BIN)/python -m tests.gallery $(RECIPES)

clean:  ## Remove the virtual environment
	rm -rf $(VENV)
