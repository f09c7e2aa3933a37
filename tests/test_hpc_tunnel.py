"""Roads to the annealer: command lines, and the script that jobs source."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from hqml.errors import ParameterError
from hqml.hpc.remote.tunnel import Tunnel, shown, tunnel
from hqml.hpc.site import Module, Quantum, Site


def site(endpoint: str | None = None, logins: tuple[str, ...] = ("login.example.org",)) -> Site:
    quantum = Module("annealer", "quantum", "Annealer", quantum=Quantum("s", endpoint=endpoint))
    return Site("here", "Here", "slurm", (Module("cluster", "cluster", "Cluster"), quantum), {}, logins=logins)


GATEWAY = "http://qnode:8400/sapi/v2/"
ALL = {
    "socks": tunnel(site()),
    "forward": tunnel(site(GATEWAY)),
    "back": tunnel(site(), road="back"),
}


def forwarding(made: Tunnel) -> tuple[str, ...]:
    return made.command[-3:]


def test_the_service_is_reached_through_a_socks_proxy() -> None:
    made = tunnel(site("https://eu-central-1.cloud.dwavesys.com/sapi/v2/"))
    assert forwarding(made) == ("-D", "127.0.0.1:1080", "login.example.org")
    assert made.environment == {"DWAVE_API_PROXY": "socks5h://127.0.0.1:1080"}
    assert 'export DWAVE_API_PROXY="socks5h://127.0.0.1:$hqml_port"' in made.script
    assert '-D "127.0.0.1:$hqml_port"' in made.script


def test_a_gateway_of_the_site_is_forwarded() -> None:
    made = tunnel(site(GATEWAY), "me@login2", port=8500)
    assert forwarding(made) == ("-L", "127.0.0.1:8500:qnode:8400", "me@login2")
    assert made.environment == {"DWAVE_API_ENDPOINT": "http://127.0.0.1:8500/sapi/v2/"}
    assert '-L "127.0.0.1:$hqml_port:qnode:8400"' in made.script


def test_an_address_is_no_shell(fake: Path) -> None:
    made = tunnel(site('http://qnode:8400/a$(touch x)`touch y`"; touch z; "/'))
    ended = sourced(fake, 'echo "$DWAVE_API_ENDPOINT"', made, SLURM_SUBMIT_HOST="login7")
    assert ended.stdout.endswith('/a$(touch x)`touch y`"; touch z; "/\n')
    assert not [name for name in "xyz" if (fake / name).exists()]
    [shown_export] = [line for line in shown(made).splitlines() if line.startswith("  export ")]
    said = subprocess.run(["bash", "-c", f"{shown_export}\nenv"], capture_output=True, text=True, check=True, cwd=fake)
    assert f"DWAVE_API_ENDPOINT={made.environment['DWAVE_API_ENDPOINT']}\n" in said.stdout
    assert not [name for name in "xyz" if (fake / name).exists()]


def test_a_gateway_of_the_user_is_forwarded() -> None:
    assert forwarding(tunnel(site(), to="jwc01:8401"))[:2] == ("-L", "127.0.0.1:8400:jwc01:8401")
    assert forwarding(tunnel(site(), road="forward"))[:2] == ("-L", "127.0.0.1:8400:localhost:8400")
    assert forwarding(tunnel(site(GATEWAY), to="[::1]:99"))[:2] == ("-L", "127.0.0.1:8400:[::1]:99")


def test_a_gateway_of_this_machine_is_offered_at_the_login_node() -> None:
    made = tunnel(site(GATEWAY), road="back", port=8555)
    assert forwarding(made)[:2] == ("-R", "127.0.0.1:8555:localhost:8400")
    assert made.environment == {}
    assert '-L "127.0.0.1:$hqml_port:127.0.0.1:8555"' in made.script


def test_nobody_on_the_network_can_use_a_tunnel() -> None:
    for made in ALL.values():
        assert made.command[-2].startswith("127.0.0.1:")
        assert "-g" not in made.command


def test_a_tunnel_that_cannot_be_opened_ends_at_once() -> None:
    for made in ALL.values():
        assert "ExitOnForwardFailure=yes" in made.command
        assert "ExitOnForwardFailure=yes" in made.script


@pytest.mark.parametrize(
    ("given", "meaning"),
    [
        ({"host": "-oProxyCommand=id"}, "a name that ssh takes"),
        ({"host": "a b"}, "a name that ssh takes"),
        ({"host": "a;id"}, "a name that ssh takes"),
        ({"road": "sock"}, "road must be one of"),
        ({"to": "a b:1"}, "--to must be HOST:PORT"),
        ({"to": "x:99999"}, "from 1 to 65535"),
        ({"to": '"; id; "'}, "--to must be HOST:PORT"),
        ({"to": "x:1", "road": "socks"}, "reaches every address"),
        ({"port": 70000}, "from 1 to 65535"),
    ],
)
def test_what_makes_no_tunnel_is_refused(given: dict[str, object], meaning: str) -> None:
    with pytest.raises(ParameterError, match=meaning):
        tunnel(site(), **given)  # type: ignore[arg-type]


def test_without_a_login_node_one_is_asked_for() -> None:
    with pytest.raises(ParameterError, match=r"the site here names no login node; give it: --host NAME"):
        tunnel(site(logins=()))


def test_what_is_shown_can_be_copied() -> None:
    for road, made in ALL.items():
        text = shown(made)
        assert f"\n  {' '.join(made.command)}\n" in text
        assert text.endswith(made.script)
        assert "run: source ./tunnel.sh; python anneal.py" in text
        assert ("hqml node serve --forward" in text) == (road == "back")


@pytest.mark.parametrize("road", ALL)
def test_the_script_is_good_bash(road: str, tmp_path: Path) -> None:
    script = tmp_path / "tunnel.sh"
    script.write_text(ALL[road].script)
    subprocess.run(["bash", "-n", script], check=True)
    if shutil.which("shellcheck") is None:
        pytest.skip("shellcheck is not installed")
    subprocess.run(["shellcheck", "--shell=bash", script], check=True)


SSH = """#!/bin/sh
case " $* " in
*" -O check "*) [ -e "$FAKE/open" ];;
*) echo "$*" > "$FAKE/call"; [ -e "$FAKE/closed" ] && exit 255; touch "$FAKE/open"; cat; touch "$FAKE/ended";;
esac
"""


@pytest.fixture
def fake(tmp_path: Path) -> Path:
    (tmp_path / "ssh").write_text(SSH)
    (tmp_path / "ssh").chmod(0o755)
    (tmp_path / "tmp").mkdir()
    return tmp_path


def sourced(fake: Path, then: str, made: Tunnel = ALL["socks"], **environment: str) -> subprocess.CompletedProcess[str]:
    (fake / "tunnel.sh").write_text(made.script)
    known = {name: value for name, value in os.environ.items() if not name.startswith(("SLURM_", "HQML_"))}
    known |= {"FAKE": str(fake), "TMPDIR": str(fake / "tmp"), "PATH": f"{fake}:{os.environ['PATH']}", **environment}
    script = f"set -euo pipefail\nsource {fake}/tunnel.sh\n{then}\n"
    return subprocess.run(
        ["bash", "-c", script], env=known, capture_output=True, text=True, timeout=30, check=False, cwd=fake
    )


def test_a_job_has_the_tunnel_while_it_runs(fake: Path) -> None:
    ended = sourced(fake, 'echo "$DWAVE_API_PROXY"; [ ! -e "$FAKE/ended" ]', SLURM_SUBMIT_HOST="login7")
    assert (ended.returncode, ended.stderr) == (0, "")
    port = ended.stdout.strip().removeprefix("socks5h://127.0.0.1:")
    assert 20000 <= int(port) < 32768
    assert f"-D 127.0.0.1:{port} login7 cat" in (fake / "call").read_text()
    assert (fake / "ended").exists()
    assert list((fake / "tmp").iterdir()) == []


def test_a_program_that_takes_the_place_of_the_shell_keeps_the_tunnel(fake: Path) -> None:
    ended = sourced(fake, 'exec sh -c "sleep 0.2; [ ! -e $FAKE/ended ] && echo open"', HQML_TUNNEL_HOST="login8")
    assert ended.stdout == "open\n"
    assert "login8 cat" in (fake / "call").read_text()


def test_a_job_without_a_tunnel_ends_with_one_line(fake: Path) -> None:
    (fake / "closed").touch()
    ended = sourced(fake, "echo on", SLURM_SUBMIT_HOST="login7")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == "hqml: no tunnel to login7; test it on a compute node: ssh login7 true\n"


def test_a_job_that_knows_no_login_node_ends_with_one_line(fake: Path) -> None:
    ended = sourced(fake, "echo on")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == "hqml: no login node is known; set HQML_TUNNEL_HOST to its name\n"
