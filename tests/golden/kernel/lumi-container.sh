#!/bin/bash
# Starts a Jupyter kernel: kernel.sh CONNECTION_FILE. Written by hqml VERSION, `hqml kernel install`.
# kernel.sh --check does all but start it.

failed() {
    printf 'hqml kernel %s: %s\n' hqml-lumi-csc-booster "$1" >&2
    exit 1
}

# Environment
export OMP_NUM_THREADS=7

# Container
image="$PROJECT/my images/hqml.sif"
options=(--rocm --bind /scratch:/data --bind "$HOME/maps")
run=$(command -v apptainer || command -v singularity) || failed 'neither apptainer nor singularity is here; load its module, or start Jupyter where it is'
[ -e "$image" ] || failed "there is no image $image"
unset PYTHONHOME PYTHONPATH VIRTUAL_ENV # Python of the host is not to be looked for in the container
"$run" exec "${options[@]}" "$image" python3 -c 'import importlib.util, sys; sys.exit(importlib.util.find_spec("ipykernel_launcher") is None)' ||
    failed "$image does not start, or its python3 has no ipykernel"
[ "$1" = --check ] && exit 0
# The kernel reads its file inside, and answers through sockets of this host.
options+=(--bind "$(cd "$(dirname "$1")" && pwd)")
exec "$run" exec "${options[@]}" "$image" python3 -m ipykernel_launcher -f "$1"
