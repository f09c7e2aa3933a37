#!/bin/bash
# Starts a Jupyter kernel: kernel.sh CONNECTION_FILE. Written by hqml VERSION, `hqml kernel install`.
# kernel.sh --check does all but start it.

failed() {
    printf 'hqml kernel %s: %s\n' esb "$1" >&2
    exit 1
}

# Modules of deep, stage 2025
command -v module >/dev/null || failed 'the command module is not known here; start Jupyter from a login shell of the site'
module --force purge
module load Stages/2025 GCC/13.3.0 Python/3.12.3 || \
    failed 'module load Stages/2025 GCC/13.3.0 Python/3.12.3 failed; the module system says why above'

# Kernel
python=$(command -v python) || failed 'there is no python to start'
"$python" -c 'import importlib.util, sys; sys.exit(importlib.util.find_spec("ipykernel_launcher") is None)' ||
    failed "$python has no ipykernel: python -m pip install ipykernel, in it or in a virtual environment on top of it (--venv)"
[ "$1" = --check ] && exit 0
exec "$python" -m ipykernel_launcher -f "$1"
