#!/bin/bash
# Starts a Jupyter kernel: kernel.sh CONNECTION_FILE. Written by hqml VERSION, `hqml kernel install`.
# kernel.sh --check does all but start it.

failed() {
    printf 'hqml kernel %s: %s\n' hqml-juwels-2024-booster "$1" >&2
    exit 1
}

# Modules of juwels, stage 2024
command -v module >/dev/null || failed 'the command module is not known here; start Jupyter from a login shell of the site'
module --force purge
module load Stages/2024 GCC/12.3.0 PyTorch/2.1.2 OpenMPI/4.1.5 || \
    failed 'module load Stages/2024 GCC/12.3.0 PyTorch/2.1.2 OpenMPI/4.1.5 failed; the module system says why above'

# Virtual environment
venv="$HOME/venvs/hqml"
[ -f "$venv/bin/activate" ] || failed "there is no virtual environment $venv; make it on top of the same modules: python -m venv FOLDER"
# shellcheck disable=SC1091
. "$venv/bin/activate"
# Modules put their packages on PYTHONPATH, which Python looks through first: the environment's come before.
PYTHONPATH=$(python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')${PYTHONPATH:+:$PYTHONPATH} || failed 'python does not run'
export PYTHONPATH

# Environment
export OMP_NUM_THREADS=12
export TEXT='it is "5", \ and é'

# Kernel
python=$(command -v python) || failed 'there is no python to start'
"$python" -c 'import importlib.util, sys; sys.exit(importlib.util.find_spec("ipykernel_launcher") is None)' ||
    failed "$python has no ipykernel: python -m pip install ipykernel, in it or in a virtual environment on top of it (--venv)"
[ "$1" = --check ] && exit 0
exec "$python" -m ipykernel_launcher -f "$1"
