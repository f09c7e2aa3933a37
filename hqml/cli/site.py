"""`hqml site`: the computers that hqml knows, what they have, and drafts of new ones."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hqml.cli import show
from hqml.cli.failures import say
from hqml.cli.hosts import named_host
from hqml.cli.options import json_option

if TYPE_CHECKING:
    from hqml.hpc.site import Site
    from hqml.hpc.software.report import Report
    from hqml.hpc.software.system import Live

_host_option = click.option(
    "--host", metavar="LOGIN", help="A login node, as ~/.ssh/config calls it.  [default: this machine]"
)


@click.group("site", short_help="Computers for jobs: modules, partitions, software.")
def command() -> None:
    """What hqml knows of computers: their modules, partitions with limits, and software.

    A site is a YAML file, each value with its source and date. Files of your own in ~/.config/hqml/sites come first; a
    name that ends in .yaml is a path. Needs pip install 'hqml[hpc]'.

    \b
    Examples:
      hqml site list
      hqml site show juwels
      hqml site check juwels --needs "torch>=2.1, mpi" --on booster
      hqml site probe --out mine.yaml
    """


@command.command("list", short_help="List the sites.")
@json_option
def list_sites(as_json: bool) -> None:
    """List the sites, with the file that each comes from; a wrong file is a warning."""
    from hqml.cli.site_shown import summary
    from hqml.errors import FormatError
    from hqml.hpc.sites.file import read_site, site_names

    sites, wrong = [], []
    for path in site_names().values():
        try:
            sites.append(summary(read_site(path)))
        except FormatError as error:
            wrong.append(str(error))
    if as_json:
        show.as_json(sites)
    else:
        header = ("name", "title", "modules", "stages", "read", "file")
        show.as_rows("Sites", header, [[_cell(site[name]) for name in header] for site in sites])
    for line in wrong:
        say(f"warning: {line}")


@command.command("show", short_help="Show what a site has.")
@click.argument("site")
@click.option("--stage", metavar="NAME", help="Show how to load the packages of a stage.")
@json_option
def show_site(site: str, stage: str | None, as_json: bool) -> None:
    """Show the modules of SITE, its partitions with their limits, its software, and where all this was read.

    SITE is a name of `hqml site list`, or the path of a .yaml file.

    \b
    Examples:
      hqml site show juwels
      hqml site show juwels --stage 2024
    """
    from hqml.cli import site_shown
    from hqml.hpc.sites.file import load_site

    found = load_site(site)
    if as_json:
        show.as_json(site_shown.whole(found, stage))
    elif stage is None:
        site_shown.print_site(found)
    else:
        site_shown.print_stage(found, stage)


@command.command("check", short_help="Check a site's file, or its software against needs.")
@click.argument("site", required=False)
@click.option("--needs", metavar="LIST", help='Software, e.g. "torch>=2.1, cuda, mpi".')
@click.option("--stage", metavar="NAME", help="Of the site's software.  [default: its first]")
@click.option("--on", metavar="MODULE", help="Kind or name of a module that runs it.  [default: the site's first]")
@click.option("--live", is_flag=True, help="Ask the module system of the login node.")
@_host_option
@json_option
def check(
    site: str | None,
    needs: str | None,
    stage: str | None,
    on: str | None,
    live: bool,
    host: str | None,
    as_json: bool,
) -> None:
    """Check the file of SITE, all files without SITE; with --needs hold its software against what is needed.

    With --live alone load what the file says of each package, on the login node, and tell what does not load.

    Exit status: 0 when the file is right and nothing is missing, 1 when software is missing or does not load, 2 when
    the file or the command line is wrong.

    \b
    Examples:
      hqml site check mine.yaml
      hqml site check juwels --needs "torch>=2.1, mpi" --stage 2024 --on booster
      hqml site check juwels --live --host juwels --stage 2024
    """
    if needs is not None and site is not None:
        _check_needs(site, needs, stage, on, host if live or host else "", as_json)
        return
    if needs is not None or on or (site is None and any((stage, live, host))):
        raise click.UsageError("--needs, --stage, --live and --host go with a SITE, and --on with --needs")
    if live or host:
        _check_loads(str(site), stage, host, as_json)
        return
    if stage:
        raise click.UsageError("--stage goes with --needs, or with --live")
    _check_files(site, as_json)


@command.command("probe", short_help="Draft the file of a site from a live system.")
@click.option("--out", metavar="FILE.yaml", help="The file to write.  [default: print it]")
@_host_option
def probe(out: str | None, host: str | None) -> None:
    """Ask the Slurm and the module system of a login node, and draft the file of its site.

    What they do not say is in comments to fill in: which partitions belong together, accounts, how programs find the
    network, the annealer.

    \b
    Examples:
      hqml site probe --out ~/.config/hqml/sites/mine.yaml
      hqml site probe --host login > mine.yaml
    """
    from hqml.errors import FormatError
    from hqml.files import check_writable, replacing
    from hqml.hpc.probing.draft import draft
    from hqml.hpc.probing.probe import probe as look

    if out is not None:
        if Path(out).exists():
            raise FormatError(f"{out}: is there already; name another file, or remove it")
        check_writable(out)
    text = draft(look(named_host(host)))
    if out is None:
        click.echo(text, nl=False)
        return
    with replacing(out) as file:
        file.write(text.encode())
    click.echo(f"{out}: read it, fill in what is commented, then run `hqml site check {out}`")


def _cell(value: Any) -> Any:
    return ", ".join(value) if isinstance(value, list) else value


def _check_files(name: str | None, as_json: bool) -> None:
    from hqml.cli.site_shown import summary
    from hqml.hpc.sites.file import load_site, read_site, site_names

    sites = [load_site(name)] if name is not None else [read_site(path) for path in site_names().values()]
    if as_json:
        show.as_json([summary(site) for site in sites])
        return
    for site in sites:
        click.echo(f"{site.path}: right: {_counted(summary(site))}")


def _counted(found: Mapping[str, Any]) -> str:
    parts = [f"{len(found['modules'])} modules", f"{found['partitions']} partitions", f"{len(found['stages'])} stages"]
    return ", ".join((*parts, f"read {found['read']}"))


def _check_needs(name: str, needs: str, stage: str | None, on: str | None, host: str | None, as_json: bool) -> None:
    """Args: host: None: this machine; "": the live system is not asked."""
    from hqml.errors import BackendError
    from hqml.hpc.needs import read_needs
    from hqml.hpc.sites.file import load_site
    from hqml.hpc.software.report import report

    site: Site = load_site(name)
    wanted = read_needs(needs)
    kind = site.host(on or site.modules[0].name).kind
    live = None if host == "" else _live(site, host)
    found = report(site, wanted, kind, stage, live)
    _print_report(found, as_json)
    if not found.met:
        lacking = ", ".join(row.need for row in found.rows if row.met is False)
        # The question was answered, and the answer is no: this error alone ends in exit status 1.
        raise BackendError(f"{site.name} lacks {lacking} in {found.stage}, on {kind}")


def _live(site: Site, host: str | None) -> Live:
    from hqml.hpc.software.system import check_is_of, live_software

    login = named_host(host)
    live = live_software(login, site.software)
    check_is_of(live, site, login)
    return live


def _check_loads(name: str, stage: str | None, host: str | None, as_json: bool) -> None:
    from hqml.cli import site_shown
    from hqml.errors import BackendError
    from hqml.hpc.sites.file import load_site
    from hqml.hpc.software.shell import check_loads

    site = load_site(name)
    found = check_loads(site, named_host(host), stage=stage)
    if as_json:
        show.as_json(site_shown.trial_values(found))
    else:
        site_shown.print_trials(site, found)
    failed = [one for one in found if not one.trial.loads]
    if failed:
        raise BackendError(f"{len(failed)} of {len(found)} packages of {site.name} do not load as its file says")


def _print_report(found: Report, as_json: bool) -> None:
    from hqml.cli import site_shown

    if as_json:
        show.as_json(site_shown.report_values(found))
    else:
        site_shown.print_report(found)
