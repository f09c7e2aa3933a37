"""The road to the annealer where a machine has none: a tunnel of OpenSSH, as a command line and as a script for jobs.

Pure text; `hqml.hpc.remote.ssh.hold` opens a tunnel. There are three roads:

    socks     job --ssh -D--> login node --> internet --> the service
              Compute nodes have no way out, their login node has one. Ocean's client takes it by DWAVE_API_PROXY.
    forward   here or a job --ssh -L--> login node --> gateway, on this or another host of the site
              The gateway is `hqml node serve`, with --forward to a real service.
    back      gateway here --ssh -R--> login node <--ssh -L-- job
              The gateway, and with it the real token, stay on this machine.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args
from urllib.parse import urlsplit

from hqml.errors import ParameterError
from hqml.hpc.quoting import exports, indented, literal
from hqml.hpc.site import Quantum, Site
from hqml.options import one_of

Road: TypeAlias = Literal["socks", "forward", "back"]

ROADS: tuple[Road, ...] = get_args(Road)

SOCKS_PORT = 1080
"""Registered for SOCKS (IANA)."""

GATEWAY_PORT = 8400
"""Where `hqml node serve` listens, unless it is told otherwise."""

OPTIONS = (
    *("-N", "-T"),
    *("-o", "ExitOnForwardFailure=yes"),
    *("-o", "ControlPath=none"),  # a shared connection would keep the ports when this command has ended
    *("-o", "ServerAliveInterval=15", "-o", "ServerAliveCountMax=3"),
)
"""Of every ssh that does nothing but forward."""


@dataclass(frozen=True)
class Tunnel:
    """A way through a login node.

    Attributes:
        road: which of the three.
        host: the login node, as ssh calls it.
        command: opens the tunnel on this machine, until Ctrl-C.
        environment: what programs need that use it on this machine; empty where jobs alone use it.
        script: for jobs, of bash: opens it from a compute node, and exports the environment. Its name is `tunnel.sh`.
    """

    road: Road
    host: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    script: str


def tunnel(
    site: Site, host: str | None = None, *, road: str | None = None, to: str | None = None, port: int | None = None
) -> Tunnel:
    """Write a tunnel.

    Args:
        site: where the jobs are.
        host: its login node, as ssh calls it; None: the first that the site's file names.
        road: "socks", "forward" or "back". None: "forward" where `to` is given, or the site has a gateway of its own
            (an endpoint that begins with http://); else "socks".
        to: HOST:PORT of the gateway, as it is called on the login node (road "forward") or here ("back"). None: of the
            site's endpoint, or localhost:8400.
        port: that the tunnel listens at: here (socks, forward) or on the login node (back). None: 1080, or 8400.

    Raises:
        ParameterError: no login node is known, `to` is no HOST:PORT, or the road does not take it.
    """
    through = host or next(iter(site.logins), None)
    if through is None:
        raise ParameterError(f"the site {site.name} names no login node; give it: --host NAME")
    if not re.fullmatch(r"[\w@.%+-]+", through) or through.startswith("-"):
        raise ParameterError(f"host must be a name that ssh takes, found {through!r}")
    endpoint = _endpoint(site)
    chosen = one_of("road", road or _usual(to, endpoint), ROADS)
    if chosen == "socks":
        return _socks(site, through, to, port or SOCKS_PORT)
    own = endpoint if chosen == "forward" and endpoint.startswith("http://") else ""
    gateway = _address(to) if to else _address(urlsplit(own).netloc) if own else f"localhost:{GATEWAY_PORT}"
    path = (urlsplit(own).path if own and not to else "") or "/sapi/v2/"
    write = _forward if chosen == "forward" else _back
    return write(site, through, gateway, path, port or GATEWAY_PORT)


def shown(made: Tunnel) -> str:
    """Both halves for a terminal: the command, and the script."""
    lines = [*_ABOUT[made.road], "", f"  {shlex.join(made.command)}", ""]
    if made.environment:
        lines += ["Programs in another terminal here then need:", "", *indented(exports(made.environment), 2), ""]
    lines += [
        "For jobs keep the following as tunnel.sh beside the workflow; a step that uses the annealer sources it:",
        "",
        "  run: source ./tunnel.sh; python anneal.py",
        "",
    ]
    return "\n".join([*lines, made.script])


_ABOUT: Mapping[Road, tuple[str, ...]] = {
    "socks": ("A SOCKS proxy through the login node. To try it from here (Ctrl-C ends it):",),
    "forward": ("The gateway, reached through the login node. From here (Ctrl-C ends it):",),
    "back": (
        "The gateway of this machine, offered to jobs through the login node. Start it here, and leave the tunnel open",
        "while jobs run (Ctrl-C ends it):",
        "",
        "  hqml node serve --forward --tokens tokens.txt",
    ),
}


def _socks(site: Site, host: str, to: str | None, port: int) -> Tunnel:
    if to:
        raise ParameterError("a SOCKS proxy reaches every address; leave --to out, or take the road `forward`")
    command = ("ssh", *OPTIONS, "-D", f"127.0.0.1:{_port(port)}", host)
    environment = {"DWAVE_API_PROXY": f"socks5h://127.0.0.1:{port}"}
    script = _script(site, '-D "127.0.0.1:$hqml_port"', {"DWAVE_API_PROXY": '"socks5h://127.0.0.1:$hqml_port"'})
    return Tunnel("socks", host, command, environment, script)


def _forward(site: Site, host: str, gateway: str, path: str, port: int) -> Tunnel:
    command = ("ssh", *OPTIONS, "-L", f"127.0.0.1:{_port(port)}:{gateway}", host)
    environment = {"DWAVE_API_ENDPOINT": f"http://127.0.0.1:{port}{path}"}
    return Tunnel("forward", host, command, environment, _to_gateway(site, gateway, path))


def _back(site: Site, host: str, gateway: str, path: str, port: int) -> Tunnel:
    command = ("ssh", *OPTIONS, "-R", f"127.0.0.1:{_port(port)}:{gateway}", host)
    return Tunnel("back", host, command, {}, _to_gateway(site, f"127.0.0.1:{port}", path))


def _to_gateway(site: Site, gateway: str, path: str) -> str:
    exported = {"DWAVE_API_ENDPOINT": f'"http://127.0.0.1:$hqml_port"{literal(path)}'}
    return _script(site, f'-L "127.0.0.1:$hqml_port:{gateway}"', exported)


def _script(site: Site, forwarding: str, exported: Mapping[str, str]) -> str:
    """Args: exported: words of the shell, with their quotes."""
    lines = "\n".join(f"export {name}={word}" for name, word in exported.items())
    return _FOR_JOBS.format(site=" ".join(site.title.split()), forwarding=forwarding, exports=lines)


_FOR_JOBS = """\
# The road of a job to the annealer: {site}
#
# An ssh from its compute node to the login node that it was submitted from, or to HQML_TUNNEL_HOST, where
# `ssh LOGIN true` must work on a compute node without a question. It ends with the program that it was opened for.
# Written by `hqml job tunnel`. In a workflow: `run: source ./tunnel.sh; python anneal.py`.
hqml_login="${{HQML_TUNNEL_HOST:-${{SLURM_SUBMIT_HOST:-}}}}"
hqml_port=$((20000 + RANDOM % 12000))
hqml_folder="$(mktemp -d)"
if [ -z "$hqml_login" ]; then
    echo "hqml: no login node is known; set HQML_TUNNEL_HOST to its name" >&2
    exit 1
fi
# `cat` on the login node ends when this shell and what it runs have ended: it reads a pipe that they hold.
# shellcheck disable=SC2034  # the pipe is held, and nothing is written to it
exec {{hqml_pipe}}> >(exec ssh -T -M -S "$hqml_folder/s" -o BatchMode=yes -o ConnectTimeout=20 \\
    -o ExitOnForwardFailure=yes -o ServerAliveInterval=15 -o ServerAliveCountMax=3 \\
    {forwarding} "$hqml_login" "cat >/dev/null")
hqml_ssh=$!
until ssh -S "$hqml_folder/s" -O check "$hqml_login" 2>/dev/null; do
    if ! kill -0 "$hqml_ssh" 2>/dev/null; then
        echo "hqml: no tunnel to $hqml_login; test it on a compute node: ssh $hqml_login true" >&2
        exit 1
    fi
    sleep 0.2
done
rm -r -- "$hqml_folder"
{exports}
"""


def _endpoint(site: Site) -> str:
    found: Quantum | None = next((one.quantum for one in site.modules if one.quantum is not None), None)
    return (found and found.endpoint) or ""


def _usual(to: str | None, endpoint: str) -> Road:
    """A gateway without TLS is forwarded as it is; a certificate fits one name, which SOCKS leaves as it is."""
    return "forward" if to or endpoint.startswith("http://") else "socks"


def _address(to: str) -> str:
    """HOST:PORT, checked."""
    found = re.fullmatch(r"([A-Za-z0-9][\w.-]*|\[[0-9a-fA-F:]+\])(?::(\d{1,5}))?", to, re.ASCII)
    if found is None:
        raise ParameterError(f"--to must be HOST:PORT, e.g. login03:{GATEWAY_PORT}, found {to!r}")
    return f"{found[1]}:{_port(int(found[2] or 80))}"


def _port(port: int) -> int:
    if not 1 <= port <= 65535:
        raise ParameterError(f"a port is a number from 1 to 65535, found {port}")
    return port
