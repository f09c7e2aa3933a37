"""`hqml kernel`: Jupyter kernels on top of a site's modules, a virtual environment or a container."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from hqml.cli import show
from hqml.cli.failures import say
from hqml.cli.hpc_options import variables
from hqml.cli.options import json_option

if TYPE_CHECKING:
    from hqml.hpc.workflow import Container

Command = TypeVar("Command", bound=Callable[..., Any])


def _place_options(command: Command) -> Command:
    """Which of Jupyter's folders."""
    sys_prefix = click.option("--sys-prefix", is_flag=True, help="In the environment that hqml runs in.")
    prefix = click.option(
        "--prefix", metavar="FOLDER", help="In FOLDER/share/jupyter/kernels.  [default: the user's own folder]"
    )
    return prefix(sys_prefix(command))


def _folder(prefix: str | None, sys_prefix: bool) -> Path:
    from hqml.hpc.kernels.files import kernels_folder

    if prefix is not None and sys_prefix:
        raise click.UsageError("--prefix and --sys-prefix both say where; drop one of them")
    return kernels_folder(sys.prefix if sys_prefix else prefix)


@click.group("kernel", short_help="Jupyter kernels on top of a site's modules or a container.")
def command() -> None:
    """Make JupyterLab run notebooks on top of a site's modules, in a virtual environment or in a container."""


@command.command("install", short_help="Write a kernel into Jupyter's folder.")
@click.option("--site", default="local", show_default=True, metavar="SITE", help="`hqml site list` lists them.")
@click.option("--stage", metavar="NAME", help="Of the site's software.  [default: its first]")
@click.option(
    "--needs", default="", metavar="LIST", help='Software to load, e.g. "torch>=2.1, mpi".  [default: python]'
)
@click.option("--on", metavar="MODULE", help="Kind or name of the module it runs on.  [default: the site's first]")
@click.option("--venv", metavar="FOLDER", help="Virtual environment to activate on top of the modules.")
@click.option("--container", metavar="IMAGE", help="Apptainer image to run in.")
@click.option("--bind", "binds", multiple=True, metavar="FOLDER[:INSIDE]", help="Seen in the container; repeatable.")
@click.option("--name", metavar="NAME", help="Of the kernel.  [default: hqml-SITE-STAGE]")
@click.option("--display-name", metavar="TEXT", help="What JupyterLab shows.")
@click.option(
    "--env", "environment", multiple=True, metavar="NAME=VALUE", callback=variables, help="A variable; repeatable."
)
@_place_options
@click.option("--check/--no-check", "wanted", default=None, help="Try it first.  [default: where this machine can]")
@json_option
def install(
    site: str,
    stage: str | None,
    needs: str,
    on: str | None,
    venv: str | None,
    container: str | None,
    binds: Sequence[str],
    name: str | None,
    display_name: str | None,
    environment: dict[str, str],
    prefix: str | None,
    sys_prefix: bool,
    wanted: bool | None,
    as_json: bool,
) -> None:
    """Write a kernel for SITE into Jupyter's folder: kernel.sh loads modules and starts Python, kernel.json says so.

    Run it where Jupyter runs. What the kernel starts has to have ipykernel. Without modules, --venv and --container it
    is the environment that hqml runs in.

    \b
    Examples:
      hqml kernel install --site local
      hqml kernel install --site juwels --stage 2024 --needs "torch, mpi" --on booster --venv ~/venvs/hqml
      hqml kernel install --site lumi --container ~/hqml.sif --on booster --env OMP_NUM_THREADS=7
    """
    from hqml.hpc.kernels.files import can_check, check
    from hqml.hpc.kernels.files import install as write
    from hqml.hpc.kernels.kernel import plan
    from hqml.hpc.needs import read_needs
    from hqml.hpc.sites.file import load_site

    folder, found = _folder(prefix, sys_prefix), load_site(site)
    kernel = plan(
        found,
        needs=read_needs(needs),
        on=on,
        stage=stage,
        venv=venv,
        container=_container(container, binds),
        name=name,
        display_name=display_name,
        environment=environment,
    )
    if needs and not found.software.stages:
        say(f"note: {site} has no module system; nobody has looked whether it has {needs}")
    checked = can_check(kernel, found) if wanted is None else wanted
    if checked:
        check(kernel)
    done = write(kernel, folder)
    summary = {"kernel": done.name, "display_name": done.display_name, "folder": str(done.folder), "checked": checked}
    if as_json:
        show.as_json({**summary, **done.written})
    else:
        show.as_pairs(done.display_name, {**summary, "modules": " ".join(kernel.load) or None})
        if not checked:
            click.echo(f"not tried here; on the site: bash {done.folder / 'kernel.sh'} --check")


@command.command("list", short_help="The kernels that hqml wrote.")
@_place_options
@json_option
def list_(prefix: str | None, sys_prefix: bool, as_json: bool) -> None:
    """List the kernels that hqml wrote; `jupyter kernelspec list` shows the others as well."""
    from hqml.hpc.kernels.files import installed

    folder = _folder(prefix, sys_prefix)
    found = installed(folder)
    if as_json:
        show.as_json([{"kernel": one.name, "display_name": one.display_name, **one.written} for one in found])
    elif not found:
        click.echo(f"no kernel of hqml in {folder}; `hqml kernel install --site local` writes one")
    else:
        names = ("site", "stage", "on", "load", "venv", "container")
        rows = [(one.name, *(_cell(one.written.get(name)) for name in names)) for one in found]
        show.as_rows(str(folder), ("kernel", "site", "stage", "on", "modules", "venv", "container"), rows)


@command.command("remove", short_help="Remove a kernel that hqml wrote.")
@click.argument("name")
@_place_options
def remove(name: str, prefix: str | None, sys_prefix: bool) -> None:
    """Remove the kernel NAME, if hqml wrote it; of others nothing is touched."""
    from hqml.hpc.kernels.files import remove as take_away

    place = take_away(name, _folder(prefix, sys_prefix))
    click.echo(f"removed {place}" if not place.exists() else f"removed from {place} what hqml wrote; the rest stays")


def _cell(value: Any) -> Any:
    return " ".join(value) or None if isinstance(value, list) else value


def _container(image: str | None, binds: Sequence[str]) -> Container | None:
    from hqml.errors import ParameterError
    from hqml.hpc.workflow import Container
    from hqml.hpc.workflows.values import bind
    from hqml.hpc.workflows.values import image as file

    if image is None:
        if binds:
            raise click.UsageError("--bind says what a --container sees; name one")
        return None
    try:
        return Container(file(image), tuple(map(bind, binds)))
    except ParameterError as error:
        raise click.UsageError(f"the container {error}") from None
