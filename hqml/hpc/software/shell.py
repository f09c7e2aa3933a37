"""The command `module` of a host, as a job finds it: what it answers, and what `module load` really loads."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from hqml.errors import HostError
from hqml.hpc.environment_lines import module_lines
from hqml.hpc.host import Answer, Host
from hqml.hpc.said import one_line
from hqml.hpc.site import Package, Site, Software, Stage

MARK = "@@hqml"
"""Begins the lines between the parts of an answer: profiles and modules print what they like."""

_NO_MODULE = f"{MARK} no module"

PATIENCE = 600.0
"""Seconds: Lmod reads the whole tree of a site, from a parallel file system."""

_TAIL = 300
"""Characters."""


@dataclass(frozen=True)
class Trial:
    """What came of `module load`.

    Attributes:
        use: folders that `module use` was given before.
        load: its arguments.
        status: its exit status.
        loaded: all modules that are loaded then, also those that others have brought.
        said: what it printed, in one line.
    """

    use: tuple[str, ...]
    load: tuple[str, ...]
    status: int
    loaded: tuple[str, ...]
    said: str

    @property
    def lacks(self) -> tuple[str, ...]:
        """What was asked for and is not loaded: another module has replaced it, or an old `module` hid its failure."""
        return tuple(one for one in self.load if not any(_is(one, module) for module in self.loaded))

    @property
    def loads(self) -> bool:
        """Whether all is loaded. A module that has another name then is, where nothing was said against it."""
        return self.status == 0 and not (self.lacks and self.said)


@dataclass(frozen=True)
class Checked:
    """A package of a site file, and what its load sequence really does."""

    stage: str
    package: Package
    trial: Trial


def ask(host: Host, software: Software, lines: Sequence[str], *, timeout: float = PATIENCE) -> Answer:
    """Run lines of bash where `module` is known and nothing is loaded.

    Raises:
        HostError: the host has no module system, or cannot be reached.
    """
    # Read by a program: no pager, no colours.
    plain = "export LMOD_PAGER=none LMOD_COLORIZE=no MODULES_PAGER= MODULES_COLOR=never"
    known = f"type module >/dev/null 2>&1 || {{ echo '{_NO_MODULE}'; exit 1; }}"
    prelude = module_lines((plain, *software.setup, known), f"{software.purge} >/dev/null 2>&1", (), ())
    answer = host.run(["bash", "-lc", "\n".join([*prelude, *lines])], timeout=timeout)
    if _NO_MODULE in answer.out:
        raise HostError(
            f"{host.name or 'this machine'} has no module system: its shell knows no command `module`; is it the "
            "site's login node? name one with --host; where it is one, the site file's software.setup makes it known"
        )
    return answer


def try_loads(
    host: Host, software: Software, sequences: Sequence[tuple[Sequence[str], Sequence[str]]]
) -> tuple[Trial, ...]:
    """Load sequences of modules, each in a shell of its own.

    Args:
        host: where.
        software: says how the command `module` becomes known, and how modules are purged.
        sequences: folders to use and modules to load, of each.

    Raises:
        HostError: the host has no module system, or cannot be reached.
    """
    lines = [line for use, load in sequences for line in _trial(use, load)]
    answer = ask(host, software, lines)
    found = [_read(part) for part in answer.out.split(f"{MARK} trial\n")[1:]]
    if len(found) != len(sequences):
        raise HostError(f"the trial of module load broke off: {told(answer.out[-_TAIL:] + answer.err)}")
    return tuple(Trial(tuple(use), tuple(load), *one) for (use, load), one in zip(sequences, found, strict=True))


def check_loads(site: Site, host: Host, *, stage: str | None = None) -> tuple[Checked, ...]:
    """Compare a site file with the live system: load what it says of each package.

    Args:
        site: of which `host` is a login node.
        host: where modules are loaded.
        stage: one alone; None: all.

    Raises:
        HostError: the host has no module system, or cannot be reached.
        ParameterError: the site has no such stage.
    """
    stages = site.software.stages if stage is None else [one for one in (site.stage(stage),) if one]
    packages = [(one, package) for one in stages for package in one.packages]
    sequences = list(dict.fromkeys(_sequence(one, package) for one, package in packages))
    trials = dict(zip(sequences, try_loads(host, site.software, sequences) if sequences else (), strict=True))
    return tuple(Checked(one.name, package, trials[_sequence(one, package)]) for one, package in packages)


def told(text: str) -> str:
    """What a module system said, in one line without Lmod's advice."""
    plain = re.sub(r"Lmod has detected the following error:\s*|\s*Please check the .*", "", text, flags=re.DOTALL)
    return one_line(plain)


def _sequence(stage: Stage, package: Package) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return stage.use, tuple(dict.fromkeys([*stage.load, *package.load]))


def _trial(use: Sequence[str], load: Sequence[str]) -> list[str]:
    """Lines that load a sequence in a subshell."""
    return [
        f"echo '{MARK} trial'",
        "(",
        *(module_lines((), "", use, load) or ["true"]),
        f'printf \'\\n{MARK} ended %s %s\\n\' "$?" "${{LOADEDMODULES:-}}"',
        ") </dev/null 2>&1",
    ]


def _read(part: str) -> tuple[int, tuple[str, ...], str]:
    """Status, what is loaded, and what was said."""
    said, mark, ended = part.partition(f"{MARK} ended ")
    if not mark:  # a modulefile has ended the shell
        return 1, (), told(said) or "the shell has ended"
    status, _, loaded = ended.partition("\n")[0].partition(" ")
    return int(status), tuple(one for one in loaded.split(":") if one), told(said)


def _is(asked: str, loaded: str) -> bool:
    """Whether a loaded module is the one that was asked for, perhaps without its version."""
    return loaded == asked or loaded.startswith(f"{asked}/")
