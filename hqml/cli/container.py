"""`hqml container`: Apptainer images with hqml: their definitions, and building them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from hqml.cli import show
from hqml.cli.failures import say
from hqml.cli.hpc_options import variables
from hqml.cli.options import json_option


@click.group("container", short_help="Apptainer images with hqml and data.")
def command() -> None:
    """Write definitions of Apptainer images with hqml, exact versions and data, and build them."""


@command.command("render", short_help="Write the definition of an image.")
@click.option("--needs", default="", metavar="LIST", help='Software, e.g. "torch>=2.1, mpi".')
@click.option("--extras", default="", metavar="LIST", help="Of hqml, e.g. torch,dwave.")
@click.option(
    "--bootstrap",
    default="docker",
    show_default=True,
    metavar="KIND",
    help="Of the base: docker, localimage, docker-archive or debootstrap.",
)
@click.option(
    "--base",
    metavar="IMAGE",
    help="NAME@sha256:DIGEST, NAME:VERSION, or a path.  [default: the Python that runs hqml, from docker]",
)
@click.option("--mirror", metavar="URL", help="Debian's packages, for debootstrap.")
@click.option("--wheel", metavar="FILE.whl", help="hqml itself.  [default: from pip's index]")
@click.option("--requirements", metavar="FILE", help="Installed as well; each line name==version.")
@click.option("--constraints", metavar="FILE", help="Versions of all else.  [default: those installed here]")
@click.option("--data", multiple=True, metavar="FILE[:/INSIDE]", help="Goes to /data/NAME or INSIDE; repeatable.")
@click.option(
    "--env", "environment", multiple=True, metavar="NAME=VALUE", callback=variables, help="A variable; repeatable."
)
@click.option("--site", metavar="SITE", help="That it is for.")
@click.option("--on", metavar="MODULE", help="Kind or name of the site's module that it is for.")
@click.option("--out", metavar="FILE.def", help="The file to write.  [default: print it]")
def render(
    needs: str,
    extras: str,
    bootstrap: str,
    base: str | None,
    mirror: str | None,
    wheel: str | None,
    requirements: str | None,
    constraints: str | None,
    data: Sequence[str],
    environment: dict[str, str],
    site: str | None,
    on: str | None,
    out: str | None,
) -> None:
    """Write the definition of an image with hqml, whose versions are exact and whose data is known by its digest.

    \b
    Examples:
      hqml container render --extras torch,dwave --data train.npz --out hqml.def
      hqml container render --bootstrap localimage --base site.sif --wheel dist/hqml-0.1.0-py3-none-any.whl
    """
    from hqml.files import check_writable, replacing
    from hqml.hpc.containers.container import define, notes, read_extras
    from hqml.hpc.containers.definition import text
    from hqml.hpc.needs import read_needs
    from hqml.hpc.sites.file import load_site

    if out is not None:
        check_writable(out)
    if on is not None and site is None:
        raise click.UsageError("--on names a module of a --site; name that as well")
    found = load_site(site) if site is not None else None
    definition = define(
        needs=read_needs(needs),
        extras=read_extras(extras),
        bootstrap=bootstrap,
        base=base,
        mirror=mirror,
        wheel=wheel,
        requirements=requirements,
        constraints=constraints,
        data=data,
        environment=environment,
        site=found,
        on=on,
        folder=Path(out).parent if out is not None else ".",
    )
    for note in notes(definition, found):
        say(f"note: {note}")
    if out is None:
        click.echo(text(definition), nl=False)
        return
    with replacing(out) as file:
        file.write(text(definition).encode())
    click.echo(f"{out}: read it, then run `hqml container build {out} --out {Path(out).with_suffix('.sif')}`")


@command.command("build", short_help="Build an image with Apptainer.")
@click.argument("definition")
@click.option(
    "--out", required=True, metavar="IMAGE.sif", help="The image; a name without .sif is a folder, which is quicker."
)
@click.option("--fakeroot", is_flag=True, help="Act as root by /etc/subuid, where apptainer does not by itself.")
@click.option("--force", is_flag=True, help="Replace an image that is there.")
@json_option
def build(definition: str, out: str, fakeroot: bool, force: bool, as_json: bool) -> None:
    """Build the image that a DEFINITION describes, and write IMAGE.sif.json beside it: what it was built from.

    Needs apptainer (or singularity), and mostly a way to the internet: build on a login node or at home. Interrupted or
    failed, it leaves nothing behind.

    \b
    Example:
      hqml container build hqml.def --out hqml.sif
    """
    from hqml.hpc.containers.build import build as make

    made = make(definition, out, fakeroot=fakeroot, force=force)
    summary = {"image": made.image, "sha256": made.digest, "bytes": made.size, "record": made.record}
    if as_json:
        show.as_json(summary)
    else:
        show.as_pairs(made.image, summary)
