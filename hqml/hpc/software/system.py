"""The live module system of a host, as what a site file says of software: Lmod, or Environment Modules.

Lmod tells the whole tree with the ways through it (`spider -o jsonSoftwarePage`); Environment Modules tell what can be
loaded at once (`module -t avail`), which at sites that have them is all.
"""

from __future__ import annotations

import datetime
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass, replace

from hqml.errors import HostError
from hqml.hpc.environment_lines import module_lines
from hqml.hpc.host import Host
from hqml.hpc.site import Site, Software, Source, Stage
from hqml.hpc.software.listing import LIVE, Listed, read_avail, read_spider, stages
from hqml.hpc.software.shell import MARK, ask, told
from hqml.hpc.software.toolchains import module_name

_LIST = f"""\
echo "{MARK} version"
if [ -n "${{LMOD_CMD:-}}" ]; then
  echo "Lmod ${{LMOD_VERSION:-}}"
  echo "{MARK} spider"
  "${{LMOD_DIR:-${{LMOD_CMD%/*}}}}/spider" -o jsonSoftwarePage "${{MODULEPATH:-}}"
  status=$?
else
  module --version 2>&1
  echo "{MARK} avail"
  module -t avail 2>&1
  status=0  # some say 1 where all is well
fi
echo "{MARK} end"
exit "$status"
"""


@dataclass(frozen=True)
class Live:
    """What a host has.

    Attributes:
        system: e.g. "Lmod 8.6.19".
        software: all that its module system lists, with how to load it.
        source: of it: the host and the day.
    """

    system: str
    software: Software
    source: Source


def live_software(host: Host, software: Software | None = None) -> Live:
    """List what the module system of a host has.

    Args:
        host: a login node.
        software: of the site file: how `module` becomes known, how it is purged, and the stages, whose names are kept;
            None: nothing is known.

    Raises:
        HostError: there is no module system, it does not answer, or the host cannot be reached.
        FormatError: its answer cannot be read.
    """
    software = software or Software()
    system, found = "", list[Stage]()
    uses = list(dict.fromkeys(stage.use for stage in software.stages)) or [()]
    for use in uses:  # folders that one stage uses are not seen by the others
        system, listed = _listed(host, software, use)
        known = {one.load: one for one in software.stages if one.load or one.use == use}
        for stage in stages(listed, use=use, known=known):
            if known[stage.load].use == use if stage.load in known else use == uses[0]:
                found.append(stage)
    order = [one.name for one in software.stages]
    found.sort(key=lambda one: order.index(one.name) if one.name in order else len(order))
    return Live(system, replace(software, stages=tuple(found)), _source(host, system))


def check_is_of(live: Live, site: Site, host: Host) -> None:
    """Refuse a host whose module system has nothing of a site's.

    Raises:
        HostError: none of the modules that the site file names is there; so it is no login node of the site.
    """
    known = _names(site.software)
    if known and not known & _names(live.software):
        where = host.name or "this machine"
        logins = f", e.g. {site.logins[0]}" if site.logins else ""
        raise HostError(
            f"none of the modules of {site.name} is on {where} ({live.system}); is it a login node of {site.name}? "
            f"name one with --host{logins}"
        )


def _names(software: Software) -> set[str]:
    """The modules that packages load, without versions."""
    return {module_name(module) for stage in software.stages for one in stage.packages for module in one.load}


def with_live(site: Site, live: Live) -> Site:
    """The site with the software that it really has, for `hqml.hpc.software.modules.resolve`."""
    return replace(site, software=live.software, sources={**site.sources, LIVE: live.source})


def _listed(host: Host, software: Software, use: tuple[str, ...]) -> tuple[str, tuple[Listed, ...]]:
    """The name of the module system, and all that it lists."""
    answer = ask(host, software, [*module_lines((), "", use, ()), _LIST])
    parts = _parts(answer.out)
    if answer.status or "end" not in parts:
        raise HostError(f"the module system does not list what it has: {told(answer.err or answer.out)}")
    system = _system(parts["version"])
    return system, read_spider(parts["spider"]) if "spider" in parts else read_avail(parts["avail"])


def _parts(text: str) -> Mapping[str, str]:
    pieces = re.split(rf"^{MARK} (\w+)\n", text, flags=re.MULTILINE)
    return dict(zip(pieces[1::2], pieces[2::2], strict=True))


def _system(text: str) -> str:
    number = re.search(r"\d+(?:\.\d+)+", text)
    name = "Lmod" if "Lmod" in text else "Environment Modules"
    return f"{name} {number.group()}" if number else name


def _source(host: Host, system: str) -> Source:
    name = host.name or socket.gethostname()
    return Source(f"live module system of {name}: {system}", f"ssh://{name}", datetime.date.today().isoformat())
