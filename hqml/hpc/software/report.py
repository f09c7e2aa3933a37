"""What a site has against what a task needs: for each need what is loaded, from which stage, and why each module is.

Answers what users ask of job scripts: what is this stage for, and this CUDA against the CUDA above?
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from hqml.hpc.needs import Need
from hqml.hpc.site import Kind, Package, Site, Stage
from hqml.hpc.software.modules import Resolution, candidates, complete_stages, resolve, title
from hqml.hpc.software.names import need_name
from hqml.hpc.software.system import Live, with_live
from hqml.hpc.software.toolchains import module_name, traits

HEADER = ("need", "in this stage", "modules", "in other stages", "note")
LIVE_HEADER = (*HEADER[:2], "live", *HEADER[2:])


@dataclass(frozen=True)
class Row:
    """One need, and what the site has.

    Attributes:
        need: as written, e.g. "torch>=2.1".
        met: by the modules of the stage, and by the live system where it was asked; None where nobody can tell, at a
            site without a module system.
        version: of what is loaded; "" where nothing is.
        load: the modules of its package, without those of the stage.
        stages: what other stages have that meets the need: their names, each with its newest version.
        live: version that the live system has; "" where it has none, None where it was not asked.
        note: what there is to know, e.g. what else there is where it is missing.
    """

    need: str
    met: bool | None
    version: str
    load: tuple[str, ...]
    stages: Mapping[str, str]
    live: str | None
    note: str

    def cells(self) -> tuple[str, ...]:
        """Texts under `HEADER`, or under `LIVE_HEADER` where the live system was asked."""
        has = self.version or ("?" if self.met is None else "missing")
        live = () if self.live is None else (self.live or "missing",)
        others = ", ".join(f"{stage} ({version})" for stage, version in self.stages.items())
        return (self.need, has, *live, " ".join(self.load) or "-", others or "-", self.note)


@dataclass(frozen=True)
class Report:
    """All of it.

    Attributes:
        site: its name.
        kind: of the module whose nodes the software runs on.
        stage: that was looked in, as messages call it; "" at a site without a module system.
        purpose: what the stage is for, as the site says; "" where it does not.
        rows: one a need.
        resolution: what is to be loaded.
        modules: each argument of `module load`, with why it is there.
        complete: names of the stages that meet all needs at once.
        notes: further lines, one thought each.
    """

    site: str
    kind: Kind
    stage: str
    purpose: str
    rows: tuple[Row, ...]
    resolution: Resolution
    modules: tuple[tuple[str, str], ...]
    complete: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def met(self) -> bool:
        """Whether nothing is known to be missing."""
        return all(row.met is not False for row in self.rows)


def report(site: Site, needs: Sequence[Need], kind: Kind, stage: str | None = None, live: Live | None = None) -> Report:
    """Hold what a site has against needs.

    Args:
        site: as its file tells it.
        needs: of one component.
        kind: of the module whose nodes run it.
        stage: None: the site's default.
        live: what a login node really has; None: it was not asked.

    Raises:
        ParameterError: the site has no such stage.
    """
    found = resolve(site, needs, kind=kind, stage=stage)
    really = _really(site, needs, kind, found, live)
    return Report(
        site=site.name,
        kind=kind,
        stage=title(found.stage) if found.stage else "",
        purpose=found.stage.purpose if found.stage else "",
        rows=tuple(_row(site, need, kind, found, really) for need in needs),
        resolution=found,
        modules=tuple(_reasons(found)),
        complete=complete_stages(site, needs, kind=kind),
        notes=(*_cuda(found), *_not_listed(found, live)),
    )


def _really(
    site: Site, needs: Sequence[Need], kind: Kind, found: Resolution, live: Live | None
) -> Mapping[Need, Package] | None:
    """What the live system would meet the needs with, in the same stage; None: it was not asked."""
    if live is None:
        return None
    names = [one.name for one in live.software.stages]
    if not names or (found.stage and found.stage.name not in names):
        return {}
    name = found.stage.name if found.stage else names[0]
    return resolve(with_live(site, live), needs, kind=kind, stage=name).found


def _row(site: Site, need: Need, kind: Kind, found: Resolution, really: Mapping[Need, Package] | None) -> Row:
    package = found.found.get(need)
    others = {
        one.name: fitting[0].version
        for one in site.software.stages
        if one is not found.stage and (fitting := candidates(one, need, kind))
    }
    lives = really.get(need) if really is not None else None
    live = None if really is None else lives.version if lives else ""
    return Row(
        need=str(need),
        met=None if found.stage is None else package is not None and live != "",
        version=package.version if package else "",
        load=package.load if package else (),
        stages=others,
        live=live,
        note="; ".join(_notes(need, package, found, lives, asked=live is not None)),
    )


def _notes(
    need: Need, package: Package | None, found: Resolution, lives: Package | None, *, asked: bool
) -> Iterator[str]:
    if found.stage is None:
        yield "the site has no modules; it must be in the venv, the container or on the PATH"
    elif package is None:
        yield next(one.message for one in found.missing if one.need == need)
        if lives is not None:
            yield f"the live system has it, the site file does not say so: {' '.join(lives.load)}"
    elif asked and lives is None:
        yield "the site file says so, but the live system does not have it"
    elif not package.load:
        yield "there without a module"
    elif (implementation := module_name(package.load[-1])).lower() not in (need.name, need_name(need.name)):
        yield f"as {implementation}"


def _reasons(found: Resolution) -> Iterator[tuple[str, str]]:
    """Each module that is loaded, with why."""
    for module in found.load:
        of_stage = found.stage is not None and module in found.stage.load
        itself = [str(need) for need, one in found.found.items() if one.load and one.load[-1] == module]
        beneath = [str(need) for need, one in found.found.items() if module in one.load[:-1]]
        yield module, "; ".join(_why(found.stage if of_stage else None, itself, beneath))


def _why(stage: Stage | None, itself: Iterable[str], beneath: Iterable[str]) -> Iterator[str]:
    if stage is not None:
        yield f"opens the stage{f', {stage.purpose}' if stage.purpose else ''}"
    if itself:
        yield f"is {', '.join(itself)}"
    if beneath:
        yield f"comes before {', '.join(beneath)}"


def _cuda(found: Resolution) -> Iterator[str]:
    """Which CUDA is which, where a job has more than one."""
    cuda = next((one for need, one in found.found.items() if need_name(need.name) == "cuda"), None)
    for need, package in found.found.items():
        fixed = traits(package.load).get("module cuda")
        if package is cuda or need_name(need.name) not in ("torch", "tensorflow", "horovod", "mpi"):
            continue
        if fixed is not None and cuda is not None:
            yield f"{need.name} {package.version} is for CUDA {fixed[0]} ({fixed[1]}): the CUDA that is loaded"
        elif fixed is not None:
            yield f"{need.name} {package.version} is for CUDA {fixed[0]} ({fixed[1]}); cuda need not be asked for"
        elif cuda is not None and need_name(need.name) == "torch":
            yield (
                f"which CUDA torch {package.version} was built with, its module's name does not say; "
                'python -c "import torch; print(torch.version.cuda)" does'
            )
    for one in found.missing:
        if cuda is not None and one.wheel and need_name(one.need.name) in ("torch", "tensorflow"):
            yield (
                f"a wheel of {one.need.name} brings the CUDA libraries that it was built with; "
                f"CUDA {cuda.version} of the modules is for what you compile yourself"
            )


def _not_listed(found: Resolution, live: Live | None) -> Iterator[str]:
    """Modules of the site file that the live system does not list in this stage."""
    if live is None or found.stage is None:
        return
    stage = next((one for one in live.software.stages if one.name == found.stage.name), None)
    if stage is None:
        yield f"{live.system}: there is no {title(found.stage)}"
        return
    listed = {module for one in stage.packages for module in one.load} | set(stage.load)
    names = {module_name(module) for module in listed}
    for module in found.load:
        if module not in listed and module not in names:
            yield f"{live.system}: {title(found.stage)} has no {module}"
