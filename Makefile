# Two commands: `make quickstart` and `make test`. Each makes its own virtual environment in .venv,
# on top of the given Python's torch where it has one (PYTHON=python3.12 make test).
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN ?= runs/quickstart

.PHONY: quickstart test slow figures clean

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
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c $(VENV)/torch.txt -e .
	@touch $@

# mup asks for torchvision, which is never imported here and can break other imports: its own
# dependencies are installed without it.
$(VENV)/.tests: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c $(VENV)/torch.txt -e '.[test,digits]' pandas seaborn tqdm
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps 'mup>=1.0'
	@touch $@

quickstart: $(VENV)/.installed
	$(BIN)/mutransfer check recipes/quickstart.yaml
	$(BIN)/mutransfer sweep recipes/quickstart.yaml --run $(RUN)
	$(BIN)/mutransfer fit $(RUN)
	$(BIN)/mutransfer scale $(RUN) --width 4096 --format json -o $(RUN)/target.json
	$(BIN)/mutransfer scale $(RUN) --width 4096 --format torch -o $(RUN)/target.py
	$(BIN)/mutransfer summary $(RUN)

test: $(VENV)/.tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest

slow: $(VENV)/.tests
	$(BIN)/python -m pytest -m slow

# How far the check can be trusted: the table in the README; an hour or two.
figures: $(VENV)/.tests
	$(BIN)/python -m tests.benchmarks.planted
	$(BIN)/python -m tests.benchmarks.planted random 200 777
	$(BIN)/python -m tests.benchmarks.planted power 20 5
	$(BIN)/python -m tests.benchmarks.false_alarms 67

clean:
	rm -rf $(VENV)
