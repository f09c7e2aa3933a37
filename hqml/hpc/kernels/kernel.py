"""A Jupyter kernel on top of a site's modules: the script that starts it, and the file that tells Jupyter of it.

Text only; `hqml.hpc.kernels.files` writes it into Jupyter's folder. Jupyter calls `kernel.sh CONNECTION_FILE`; the
script loads modules, activates an environment, and becomes Python (`exec`): so Python itself gets the signals of
Jupyter, and no shell is left behind. `kernel.sh --check` does all of it but start the kernel.

Format of kernel.json: https://jupyter-client.readthedocs.io/en/stable/kernels.html (read 2026-11-26).
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from hqml.errors import ParameterError
from hqml.hpc.apptainer import FIND, gpu_option
from hqml.hpc.environment_lines import NOT_INSIDE, before_modules, module_lines
from hqml.hpc.needs import Need
from hqml.hpc.quoting import expanding, exports, literal
from hqml.hpc.shell_names import checked_environment
from hqml.hpc.site import Site
from hqml.hpc.software.modules import resolve
from hqml.hpc.workflow import Container
from hqml.samples import version

_NAME = re.compile(r"[A-Za-z0-9._-]+", re.ASCII)
"""What Jupyter takes as the name of a kernel."""

_FIND = 'import importlib.util, sys; sys.exit(importlib.util.find_spec("ipykernel_launcher") is None)'


@dataclass(frozen=True)
class Kernel:
    """What a kernel starts in.

    Attributes:
        name: of its folder, as `jupyter kernelspec list` shows it.
        display_name: as JupyterLab shows it.
        site: its name.
        on: kind of module; None: the user named none.
        stage: of the site's software; None where it has none.
        setup: lines of shell that make the command `module` known.
        purge: the first command of the module system.
        use: folders for `module use`.
        load: arguments of `module load`; empty where nothing is loaded, and nothing is purged either.
        venv: folder of a virtual environment, on top of the modules; ~ and $VARIABLES count.
        container: an image with Python and ipykernel; then modules serve to run it.
        gpus: option of apptainer that lets it see GPUs, "--nv" or "--rocm"; "" without.
        python: the command that is started, outside of a container.
        environment: variables.
    """

    name: str
    display_name: str
    site: str
    on: str | None = None
    stage: str | None = None
    setup: tuple[str, ...] = ()
    purge: str = ""
    use: tuple[str, ...] = ()
    load: tuple[str, ...] = ()
    venv: str | None = None
    container: Container | None = None
    gpus: str = ""
    python: str = "python"
    environment: Mapping[str, str] = field(default_factory=dict)


def plan(
    site: Site,
    *,
    needs: Iterable[Need] = (),
    on: str | None = None,
    stage: str | None = None,
    venv: str | None = None,
    container: Container | None = None,
    name: str | None = None,
    display_name: str | None = None,
    environment: Mapping[str, str] | None = None,
) -> Kernel:
    """Find out what to load for a kernel at a site.

    Without a virtual environment, a container and modules it is a kernel of the Python that runs this.

    Args:
        site: where Jupyter runs.
        needs: software to load; without any: the stage's "python", or "apptainer" where the site has that as a module.
        on: kind or name of the module on whose nodes it is to run; the first of the site.
        stage: of the site's software; its default.
        venv: folder of a virtual environment.
        container: in which it runs.
        name: letters, digits and . _ -; "hqml", the site and what else was chosen.
        display_name: for people.
        environment: variables; no secrets.

    Raises:
        ParameterError: the site has no such module, stage or software; two things exclude each other; a name will not
            do; a variable looks secret.
    """
    if venv is not None and container is not None:
        raise ParameterError("a kernel runs in a virtual environment or in a container; name one of them")
    found = site.stage(stage)
    chosen = found.name if found is not None else None
    use, load = _modules(site, tuple(needs), on, stage, container)
    if container is None and venv is None and not load:
        venv = sys.prefix if sys.prefix != sys.base_prefix else None
    kernel = Kernel(
        name=_name(name or "-".join(["hqml", site.name, *(one for one in (chosen, on) if one)])),
        display_name=_shown(display_name or _title(site, chosen, on)),
        site=site.name,
        on=on,
        stage=chosen,
        venv=_path("the virtual environment", venv),
        container=_absolute(container),
        gpus=_gpus(site, on) if container is not None else "",
        python="python" if load or venv else sys.executable,
        environment=checked_environment(environment or {}),
    )
    return replace(kernel, setup=site.software.setup, purge=site.software.purge, use=use, load=load) if load else kernel


def _gpus(site: Site, on: str | None) -> str:
    """The option for the usual nodes of a module; of no module none."""
    partitions = site.host(on).partitions if on else ()
    return gpu_option(partitions[0].node if partitions else None)


def script(kernel: Kernel) -> str:
    """The text of kernel.sh."""
    blocks = [_head(kernel), _module_lines(kernel), _venv_lines(kernel), _environment_lines(kernel)]
    blocks.append(_container_lines(kernel) if kernel.container is not None else _python_lines(kernel))
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def specification(kernel: Kernel, path: str) -> dict[str, Any]:
    """The content of kernel.json.

    Args:
        kernel: what it starts.
        path: of kernel.sh, absolute: not every program that reads this knows "{resource_dir}".
    """
    return {
        "argv": [path, "{connection_file}"],
        "display_name": kernel.display_name,
        "language": "python",
        # A signal would have to find its way through apptainer; a message goes to the kernel itself.
        "interrupt_mode": "signal" if kernel.container is None else "message",
        "metadata": {"debugger": True, "hqml": _written(kernel)},
    }


def _written(kernel: Kernel) -> dict[str, Any]:
    """What tells a kernel that hqml wrote from others, and from what."""
    return {
        "version": version(),
        "site": kernel.site,
        "on": kernel.on,
        "stage": kernel.stage,
        "load": list(kernel.load),
        "venv": kernel.venv,
        "container": kernel.container and kernel.container.image,
    }


def _modules(
    site: Site, needs: tuple[Need, ...], on: str | None, stage: str | None, container: Container | None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What to use and to load. Sites without a module system load nothing."""
    kind = site.host(on or site.modules[0].name).kind
    wanted = needs or (Need("python" if container is None else "apptainer"),)
    found = resolve(site, wanted, kind=kind, stage=stage)
    if found.missing and container is not None and not needs:
        return (), ()  # most sites have it without a module
    if found.missing:
        told = "; ".join(missing.message for missing in found.missing)
        raise ParameterError(told.replace("(venv:)", "(--venv)").replace("(container:)", "(--container)"))
    return tuple(found.use), tuple(found.load)


def _name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ParameterError(f"a kernel's name has letters, digits and . _ -; found {name!r}")
    return name


def _title(site: Site, stage: str | None, on: str | None) -> str:
    """Short: JupyterLab's launcher cuts long ones. A site's title names its centre behind a comma."""
    where = [site.title.partition(",")[0], *([f"stage {stage}"] if stage else []), *([on] if on else [])]
    return f"hqml ({', '.join(where)})"


def _shown(text: str) -> str:
    if not text.isprintable() or not text.strip():
        raise ParameterError(f"a kernel's display name is one line of text, found {text!r}")
    return text


def _path(what: str, path: str | None) -> str | None:
    """A path that holds wherever a notebook lies; what begins with ~ or $ is left to the shell."""
    if path is None:
        return None
    if not path.isprintable() or not path:
        raise ParameterError(f"{what} is named by one line of text, found {path!r}")
    return path if path[0] in "~$" else os.path.abspath(path)


def _absolute(container: Container | None) -> Container | None:
    if container is None:
        return None
    binds = [_bind(one) for one in container.binds]
    return Container(_path("the image", container.image) or "", tuple(binds))


def _bind(bind: str) -> str:
    folder, colon, rest = bind.partition(":")
    return f"{_path('what is bound', folder)}{colon}{rest}"


def _head(kernel: Kernel) -> list[str]:
    return [
        "#!/bin/bash",
        f"# Starts a Jupyter kernel: kernel.sh CONNECTION_FILE. Written by hqml {version()}, `hqml kernel install`.",
        "# kernel.sh --check does all but start it.",
        "",
        "failed() {",
        f"    printf 'hqml kernel %s: %s\\n' {literal(kernel.name)} \"$1\" >&2",
        "    exit 1",
        "}",
    ]


def _module_lines(kernel: Kernel) -> list[str]:
    if not kernel.load:
        return []
    stage = f", stage {kernel.stage}" if kernel.stage else ""
    unknown = "the command module is not known here; start Jupyter from a login shell of the site"
    setup = (*kernel.setup, f"command -v module >/dev/null || failed {literal(unknown)}")
    told = literal(f"module load {' '.join(kernel.load)} failed; the module system says why above")
    lines = module_lines(setup, kernel.purge, kernel.use, kernel.load, otherwise=f"\\\n    failed {told}")
    return [f"# Modules of {kernel.site}{stage}", *lines]


def _venv_lines(kernel: Kernel) -> list[str]:
    if kernel.venv is None:
        return []
    advice = "make it on top of the same modules: python -m venv FOLDER"
    lines = [
        "# Virtual environment",
        f"venv={expanding(kernel.venv)}",
        f'[ -f "$venv/bin/activate" ] || failed "there is no virtual environment $venv; {advice}"',
        "# shellcheck disable=SC1091",
        '. "$venv/bin/activate"',
    ]
    return [*lines, *(before_modules(otherwise="failed 'python does not run'") if kernel.load else [])]


def _environment_lines(kernel: Kernel) -> list[str]:
    if not kernel.environment:
        return []
    return ["# Environment", *exports(kernel.environment)]


def _python_lines(kernel: Kernel) -> list[str]:
    advice = "python -m pip install ipykernel, in it or in a virtual environment on top of it (--venv)"
    return [
        "# Kernel",
        f"python=$(command -v {literal(kernel.python)}) || failed {literal(f'there is no {kernel.python} to start')}",
        f'"$python" -c {literal(_FIND)} ||',
        f'    failed "$python has no ipykernel: {advice}"',
        '[ "$1" = --check ] && exit 0',
        'exec "$python" -m ipykernel_launcher -f "$1"',
    ]


def _container_lines(kernel: Kernel) -> list[str]:
    assert kernel.container is not None
    options = [*([kernel.gpus] if kernel.gpus else []), *(f"--bind {expanding(one)}" for one in kernel.container.binds)]
    nowhere = "neither apptainer nor singularity is here; load its module, or start Jupyter where it is"
    return [
        "# Container",
        f"image={expanding(kernel.container.image)}",
        f"options=({' '.join(options)})",
        f"run=$({FIND}) || failed {literal(nowhere)}",
        '[ -e "$image" ] || failed "there is no image $image"',
        NOT_INSIDE,
        f'"$run" exec "${{options[@]}}" "$image" python3 -c {literal(_FIND)} ||',
        '    failed "$image does not start, or its python3 has no ipykernel"',
        '[ "$1" = --check ] && exit 0',
        "# The kernel reads its file inside, and answers through sockets of this host.",
        'options+=(--bind "$(cd "$(dirname "$1")" && pwd)")',
        'exec "$run" exec "${options[@]}" "$image" python3 -m ipykernel_launcher -f "$1"',
    ]
