# `make demo` and `make test` do all their set-up on a fresh machine; a second run starts at once.
# Other interpreter or folder: make test PYTHON=python3.12 VENV=/tmp/venv
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo test fuzz lint lint-types lint-rest faults docs docs-serve examples benchmark-accuracy benchmark-loop benchmark-speed benchmark-sources gpu clean

# Many containers set it. Without compiled files, every process would compile torch and napari again.
unexport PYTHONDONTWRITEBYTECODE

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# Modules are compiled when they are first imported; to compile all packages would take longer.
PIP := $(BIN)/python -m pip install --disable-pip-version-check --no-compile -c requirements/tested.txt

# Without a screen, windows open on a virtual one, drawn by Mesa in software.
HAS_SCREEN := $(DISPLAY)$(WAYLAND_DISPLAY)$(filter Darwin,$(shell uname -s))
VIRTUAL_SCREEN := env QT_QPA_PLATFORM=xcb LIBGL_ALWAYS_SOFTWARE=1 xvfb-run -a -s "-screen 0 1600x1000x24"
WITH_SCREEN := $(if $(HAS_SCREEN),,$(VIRTUAL_SCREEN))

help:  ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/.demo  ## Segment a sample and show it in napari; without a screen, write labels and a picture to demo_output
ifdef HAS_SCREEN
	requirements/system.sh
	$(BIN)/scsam demo
else
	$(BIN)/scsam demo --headless demo_output
	@echo "No screen here: the labels and a picture are in $(CURDIR)/demo_output"
endif

test: $(VENV)/.dev $(VENV)/.system  ## Run every test, with real windows
	$(WITH_SCREEN) $(BIN)/python -m pytest -n auto --dist loadgroup

fuzz: $(VENV)/.dev  ## Read damaged files of every kind, 30 CPU minutes for each reader; ARGS=--help lists the options
	cd tests && ../$(BIN)/python -m fuzz $(ARGS)

lint: $(VENV)/.dev $(VENV)/.system  ## Check style, types, the import contracts and the plugin manifest
	@$(MAKE) --no-print-directory -j 2 --output-sync=target lint-types lint-rest

lint-types:
	$(BIN)/mypy

lint-rest:
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports
	$(BIN)/npe2 validate --imports napari-scsam

faults: $(VENV)/.dev  ## Stop every command that writes at each of its operations on files, and damage projects in every way, for an hour or two
	$(BIN)/python tests/faults/every_step.py
	$(BIN)/python tests/faults/every_step_of_runs.py
	$(BIN)/python tests/faults/every_step_of_commands.py
	$(BIN)/python tests/faults/power_cuts.py
	$(BIN)/python -W ignore tests/faults/every_damage.py
	SCSAM_EXAMPLES=150 $(BIN)/python -m pytest tests/project/test_project_states.py tests/io/saved/test_saved_array_states.py -n0 --timeout 0 -o faulthandler_timeout=0

docs: $(VENV)/.docs  ## Build the site into the folder site; a warning is an error
	$(BIN)/mkdocs build --strict --clean

docs-serve: $(VENV)/.docs  ## Show the site at http://127.0.0.1:8000 while you write
	$(BIN)/mkdocs serve --strict

examples: $(VENV)/.docs  ## Run the examples, and the commands of the pages that need nothing but the shipped image, in new folders
	$(BIN)/python docs/play_pages.py

benchmark-accuracy: $(VENV)/.benchmark  ## Train and score ScSAM, a U-Net, a random forest and ablations with equal compute; ARGS=--help lists the options
	$(BIN)/python -m benchmarks.accuracy $(ARGS)

benchmark-loop: $(VENV)/.benchmark  ## Label volumes from zero with a simulated annotator, by hand, with a U-Net and with ScSAM; ARGS=--help lists the options
	$(BIN)/python -m benchmarks.loop $(ARGS)

benchmark-speed: $(VENV)/.benchmark $(VENV)/.system  ## Measure speed and memory, compared with other programs, best on an idle machine; ARGS=--help lists the options
	$(WITH_SCREEN) $(BIN)/python -m benchmarks.speed $(ARGS)

benchmark-sources: $(VENV)/.benchmark  ## Train two recipes without a source and score them on it; ARGS=--help lists the options
	$(BIN)/python -m benchmarks.sources $(ARGS)

gpu: $(VENV)/.dev  ## Train the shipped model on a graphics card, run the CUDA tests and measure; ARGS=--help lists the options
	$(BIN)/python -m benchmarks.gpu $(ARGS)

clean:  ## Remove the environment and all build products
	rm -rf $(VENV) demo_output dist site .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "Python 3.11 or newer is needed; name one with: make $(MAKECMDGOALS) PYTHON=/path/to/python3" >&2; exit 1; }
	@if ! $(PYTHON) -c 'import ensurepip' 2>/dev/null; then \
	    if command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then apt-get update -qq && apt-get install -y -qq python3-venv; \
	    else echo "Python's venv module is missing; on Debian and Ubuntu: sudo apt-get install python3-venv" >&2; exit 1; fi; fi
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: pyproject.toml requirements/tested.txt | $(BIN)/python
	$(PIP) -e ".[all]"
	touch $@

$(VENV)/.dev: pyproject.toml requirements/tested.txt | $(BIN)/python
	$(PIP) -e ".[dev]"
	touch $@

$(VENV)/.docs: pyproject.toml requirements/tested.txt | $(BIN)/python
	$(PIP) -e ".[docs]"
	touch $@

$(VENV)/.benchmark: pyproject.toml requirements/tested.txt | $(BIN)/python
	$(PIP) -e ".[benchmark]"
	touch $@

$(VENV)/.system: requirements/system.txt requirements/system.sh | $(BIN)/python
	requirements/system.sh
	touch $@
