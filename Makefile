# Two commands do everything on a machine with Python 3.11+ and make: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
BENCH := .venv-bench
GENERATOR := .venv-generator

# `make check`: format, lint, types, imports and the fast tests. `make test`: every test, on real brokers.
.PHONY: sanitize setup demo test warm fast lint check format bench soak clean

setup: $(READY)

$(READY): pyproject.toml setup.py $(wildcard src/heliograph/records/*.pyx src/heliograph/records/*.pxi src/heliograph/records/*.h)
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Heliograph needs Python 3.11 or newer; this is " + sys.version.split()[0])'
	@test -x $(BIN)/python || { echo "making a virtual environment in $(VENV)"; $(PYTHON) -m venv $(VENV); }
	@echo "installing Heliograph and what it needs (about a minute the first time)"
	@rm -rf build/lib* build/temp*
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[testbed,dev]'
	@touch $@

# Makes a client of our OpenAPI document, in a test.
$(GENERATOR)/.ready: tests/api/flows/generator.txt
	@test -x $(GENERATOR)/bin/python || $(PYTHON) -m venv $(GENERATOR)
	@$(GENERATOR)/bin/python -m pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

demo: setup
	@$(BIN)/heliograph demo

# Every test, or those of one room: make test ROOM=flow. More processes than cores, for many tests mostly wait.
PROCESSES := 5
VERSIONS := 4.3.1 3.9.1 2.8.2 1.1.1
PYTEST := $(BIN)/python -m pytest --dist loadfile --no-loadscope-reorder
test: warm $(GENERATOR)/.ready
	@$(PYTEST) -n $(PROCESSES) --durations=10 $(if $(ROOM),tests/$(ROOM))

# What would make the first start of each version of Kafka slow, in advance.
warm: setup
	@$(BIN)/python -m heliograph.testbed.warming $(VERSIONS)

fast: setup $(GENERATOR)/.ready
	@$(PYTEST) -n 2 -m "not brokers" -q

lint: setup
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

check: lint $(GENERATOR)/.ready
	@$(PYTEST) -n 2 -m "not brokers" -q

format: setup
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

# The benchmark runs what a user installs: without the tools of the developers, some of which kio would load.
bench:
	@test -x $(BENCH)/bin/python || $(PYTHON) -m venv $(BENCH)
	@rm -rf build/lib* build/temp*
	@$(BENCH)/bin/python -m pip install --quiet --disable-pip-version-check '.[testbed]'
	@$(BENCH)/bin/python benchmarks/run.py $(BENCH_OPTIONS)

# Load, random faults, and proof at the end; SEED repeats the choices of an earlier run.
MINUTES := 20
soak: setup
	@$(BIN)/python soak/run.py --minutes $(MINUTES) $(if $(SEED),--seed $(SEED))

# The compiled kernel under AddressSanitizer and UBSan, in a build of its own; the hostile tests are run against it.
sanitize: setup
	@$(BIN)/python tests/hostile/sanitize.py $(SANITIZE_OPTIONS)

clean:
	rm -rf $(VENV) $(BENCH) $(GENERATOR) build dist src/*.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
	find src -name '*.so' -delete
