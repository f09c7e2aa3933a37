#!/bin/bash
# Starts a Jupyter kernel: kernel.sh CONNECTION_FILE. Written by hqml VERSION, `hqml kernel install`.
# kernel.sh --check does all but start it.

failed() {
    printf 'hqml kernel %s: %s\n' hqml-local "$1" >&2
    exit 1
}

# Virtual environment
venv="/opt/a b;c/venv"
[ -f "$venv/bin/activate" ] || failed "there is no virtual environment $venv; make it on top of the same modules: python -m venv FOLDER"
# shellcheck disable=SC1091
. "$venv/bin/activate"

# Kernel
python=$(command -v python) || failed 'there is no python to start'
"$python" -c 'import importlib.util, sys; sys.exit(importlib.util.find_spec("ipykernel_launcher") is None)' ||
    failed "$python has no ipykernel: python -m pip install ipykernel, in it or in a virtual environment on top of it (--venv)"
[ "$1" = --check ] && exit 0
exec "$python" -m ipykernel_launcher -f "$1"
