# `make demo` and `make test` each start from a bare clone: python3 with venv, and make, are all they need.
VENV   ?= .venv
PYTHON ?= python3
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

.PHONY: demo test lint unit slow bench soak clean

demo: $(READY)
	$(BIN)/ingest demo

test: lint unit

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

unit: $(READY)
	$(BIN)/python -m pytest -n 3 --dist worksteal -m "not slow"

slow: $(READY)
	$(BIN)/python -m pytest -n 2 --dist worksteal -m slow

bench: $(READY)
	$(BIN)/python -m tests.bench

soak: $(READY)
	INGEST_TEST_KILLS=20 $(BIN)/python -m pytest tests/acceptance/test_kill.py
	$(BIN)/python -m tests.soak

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis dist
