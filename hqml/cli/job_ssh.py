"""`hqml job fetch` and `hqml job tunnel`: what a run on another machine needs besides."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import click

from hqml.cli import show
from hqml.cli.failures import say
from hqml.cli.options import json_option


@click.command("fetch", short_help="Fetch results of a run on another machine.")
@click.argument("run")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@json_option
def fetch(run: str, names: Sequence[str], as_json: bool) -> None:
    """Fetch files and folders that the steps of RUN made in the workflow's folder on the machine it was sent to.

    They go beside RUN, to the same place below that folder. Files that are newer here stay.

    \b
    Example:
      hqml job fetch landsat.run report.html 'models/*.onnx'
    """
    from hqml.cli import job_files
    from hqml.hpc.remote.ssh import SshHost
    from hqml.hpc.remote.staging import fetch as fetch_from
    from hqml.hpc.remote.staging import shown_bytes
    from hqml.hpc.run import read_manifest

    folder, host = job_files.found(run)
    if not isinstance(host, SshHost):
        raise click.UsageError(f"{run} runs on this machine; its results are in {read_manifest(folder).folder}")
    moved = fetch_from(host, read_manifest(folder).folder, folder.absolute().parent, names, tell=say)
    for line in moved.notes:
        say(line)
    if as_json:
        show.as_json({"folder": moved.folder, "files": moved.files, "bytes": moved.size, "notes": moved.notes})
    else:
        click.echo(f"{moved.files} file{'s' * (moved.files != 1)}, {shown_bytes(moved.size)}, in {moved.folder}")


@click.command("tunnel", short_help="Write the road to an annealer that needs one.")
@click.argument("site")
@click.option("--host", metavar="LOGIN", help="Login node, as ssh calls it.  [default: the first of the site's file]")
@click.option(
    "--road",
    type=click.Choice(("socks", "forward", "back")),
    help="A SOCKS proxy; a gateway there; a gateway here.  [default: forward with --to or a gateway of the site's]",
)
@click.option("--to", metavar="HOST:PORT", help="The gateway, as it is called where the road ends.")
@click.option("--port", type=click.IntRange(1, 65535), help="To listen at.  [default: 1080 for SOCKS, else 8400]")
@click.option("--out", metavar="FILE", help="Write the script for jobs there, and print the command alone.")
@click.option("--open", "opens", is_flag=True, help="Open it here, until Ctrl-C.")
@json_option
def tunnel(site: str, host: str | None, out: str | None, opens: bool, as_json: bool, **way: Any) -> None:
    """Write how programs and jobs of SITE reach its annealer through a login node: a command of ssh, and a script.

    \b
    Examples:
      hqml job tunnel juwels --out tunnel.sh
      hqml job tunnel juwels --road back
    """
    from hqml.files import replacing
    from hqml.hpc.remote.ssh import hold
    from hqml.hpc.remote.tunnel import shown
    from hqml.hpc.remote.tunnel import tunnel as made_for
    from hqml.hpc.sites.file import load_site

    made = made_for(load_site(site), host, **way)
    if out is not None:
        with replacing(out) as file:
            file.write(made.script.encode())
    if as_json:
        show.as_json(asdict(made))
    else:
        click.echo(shown(made) if out is None and not opens else shlex.join(made.command))
    if opens:
        hold(made.host, made.command)
