"""From needs to modules: "torch>=2.1, cuda, mpi" to what `module load` is given, from what a site says it has.

Nothing is loaded that no need asks for, save for the stage and for what comes before a package in its load sequence.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from hqml.hpc.needs import Need
from hqml.hpc.site import Kind, Package, Site, Stage
from hqml.hpc.software.names import implementation, need_name, newness, only_site, version_number
from hqml.hpc.software.toolchains import Clash, clash, module_name, traits

_NEAREST = 3
"""Most other stages that a message names."""


@dataclass(frozen=True)
class Missing:
    """A need that the modules of a stage do not meet.

    Attributes:
        need: what is needed.
        where: the stage, as messages call it, e.g. "Stages/2024".
        here: what the stage has of that name: of a wrong version, for other kinds of module, or not to be loaded
            beside the rest.
        elsewhere: stages that meet the need, each with its package; the nearest first.
        beside: with what of the rest it cannot be loaded, e.g. "torch"; "" where that is not the reason.
        clash: of which modules, e.g. "GCC/12.3.0 against GCC/11.2.0".
    """

    need: Need
    where: str
    here: tuple[Package, ...] = ()
    elsewhere: tuple[tuple[str, Package], ...] = ()
    beside: str = ""
    clash: str = ""

    @property
    def wheel(self) -> bool:
        """Whether pip can bring it, into a venv on top of the modules."""
        return not only_site(self.need.name)

    @property
    def fallback(self) -> str:
        """What else there is."""
        if self.wheel:
            return "else a venv on top of the modules (venv:) or a container (container:)"
        return f"no venv can bring it ({only_site(self.need.name)}); else a container (container:)"

    @property
    def message(self) -> str:
        """All of it in one line."""
        near = [f"{stage} ({package.version})" for stage, package in self.elsewhere]
        if self.beside:
            why = f" ({self.clash})" if self.clash else ""
            what = f"not together with {self.beside} in {self.where}: {self.need}{why}"
        else:
            what, near = f"not available in {self.where}: {self.need}", [*_versions_here(self), *near]
        return f"{what}; nearest: {', '.join(near) or 'none'}; {self.fallback}"


@dataclass(frozen=True)
class Resolution:
    """What is to be loaded.

    Attributes:
        use: folders for `module use`, before anything is loaded.
        load: arguments of `module load`, in order.
        found: the package that meets each need.
        missing: needs that the stage does not meet.
        stage: in which was looked; None where the site has no module system.
        unchecked: needs at a site without a module system: nobody knows here what its machine has.
    """

    use: tuple[str, ...] = ()
    load: tuple[str, ...] = ()
    found: Mapping[Need, Package] = field(default_factory=dict)
    missing: tuple[Missing, ...] = ()
    stage: Stage | None = None
    unchecked: tuple[Need, ...] = ()


def resolve(site: Site, needs: Sequence[Need], *, kind: Kind, stage: str | None = None) -> Resolution:
    """Find the modules that meet needs, all of one stage and such that they can be loaded together.

    The newest versions that agree are taken; where not all can agree, the software that the stage has fewest packages
    of comes first. Among implementations of mpi the order of the site file decides, unless the need names one.

    Args:
        site: that has the software.
        needs: of one component.
        kind: of the module whose nodes run it, `site.host(on).kind`.
        stage: None: the site's default. Without needs a stage is loaded only where it is named.

    Raises:
        ParameterError: the site has no such stage.
    """
    chosen = site.stage(stage)
    if chosen is None:
        return Resolution(unchecked=tuple(needs))
    if not needs and stage is None:
        return Resolution(stage=chosen)
    found, refused = _choose(chosen, needs, kind)
    missing = tuple(_missing(site, chosen, needs, kind, need, found) for need in refused)
    ordered = {need: found[need] for need in needs if need in found}
    load = dict.fromkeys([*chosen.load, *(module for package in ordered.values() for module in package.load)])
    return Resolution(chosen.use, tuple(load), ordered, missing, chosen)


def complete_stages(site: Site, needs: Sequence[Need], *, kind: Kind) -> tuple[str, ...]:
    """The stages that meet all needs at once, in the site's order."""
    return tuple(stage.name for stage in site.software.stages if not _choose(stage, needs, kind)[1])


def candidates(stage: Stage, need: Need, kind: Kind) -> tuple[Package, ...]:
    """The packages of a stage that meet a need: the site's first implementation first, of each the newest first."""
    fitting = [
        one
        for one in named(stage, need)
        if (not one.kinds or kind in one.kinds) and need.met_by(version_number(one.version))
    ]
    order = list(dict.fromkeys(_implementation(one) for one in fitting))
    newest = sorted(fitting, key=lambda one: newness(one.version), reverse=True)
    return tuple(sorted(newest, key=lambda one: order.index(_implementation(one))))


def named(stage: Stage, need: Need) -> list[Package]:
    """The packages of a stage that have a need's name, whether or not they meet it."""
    wanted = implementation(need.name)
    called = [one for one in stage.packages if need_name(one.provides) == need_name(need.name)]
    return [one for one in called if wanted in ("", _which(one))]


def title(stage: Stage) -> str:
    """What messages call a stage: the module that opens it, else its name."""
    return stage.load[0] if stage.load else f"stage {stage.name}"


_Options = tuple[Need, tuple[Package, ...]]


def _choose(stage: Stage, needs: Sequence[Need], kind: Kind) -> tuple[dict[Need, Package], list[Need]]:
    """Packages that can be loaded together, and the needs that they leave."""
    options = sorted(((need, candidates(stage, need, kind)) for need in needs), key=lambda one: len(one[1]))
    kept: list[_Options] = []
    best: dict[Need, Package] = {}
    for option in options:
        together = _together([*kept, option])
        if together is not None:  # what comes later must agree with it
            kept, best = [*kept, option], together
    return best, [need for need in needs if need not in best]


def _together(options: Sequence[_Options], load: tuple[str, ...] = ()) -> dict[Need, Package] | None:
    """The first combination in which all agree; None: there is none. All options agree with what is loaded."""
    if not options:
        return {}
    (need, packages), *others = options
    for package in _fewest_first(packages, load):
        left = [(other, _agreeing(fitting, package)) for other, fitting in others]
        if all(fitting for _, fitting in left):  # else it is vain to go through the rest
            rest = _together(left, tuple(dict.fromkeys([*load, *package.load])))
            if rest is not None:
                return {need: package, **rest}
    return None


def _agreeing(packages: Sequence[Package], chosen: Package) -> tuple[Package, ...]:
    return tuple(one for one in packages if _clash(one, chosen) is None)


def _fewest_first(packages: Sequence[Package], load: Sequence[str]) -> Iterator[Package]:
    """The same order, but among equal versions those first that add the fewest modules, and none that are hidden."""
    ranks: dict[tuple[str, str], int] = {}
    for package in packages:
        ranks.setdefault((_implementation(package), package.version), len(ranks))

    def effort(package: Package) -> tuple[int, int, int]:
        added = [module for module in package.load if module not in load]
        rank = ranks[_implementation(package), package.version]
        return rank, len(added), sum("/." in module for module in added)

    yield from sorted(packages, key=effort)


def _implementation(package: Package) -> str:
    return module_name(package.load[-1]) if package.load else ""


def _which(package: Package) -> str:
    """Which implementation of MPI a package is, by its module, else by what the site file says it provides."""
    return implementation(_implementation(package)) or implementation(package.provides)


def _missing(
    site: Site, stage: Stage, needs: Sequence[Need], kind: Kind, need: Need, found: Mapping[Need, Package]
) -> Missing:
    here = candidates(stage, need, kind)
    # What clashes is near only where nothing clashes.
    wanted = needs if here else (need,)
    elsewhere = []
    for other in _by_distance(site, stage):
        chosen, refused = _choose(other, wanted, kind)
        if need in chosen and not (here and refused):
            elsewhere.append((other.name, chosen[need]))
    beside, why = _why(stage, need, kind, found) if here else ("", "")
    return Missing(need, title(stage), here or tuple(named(stage, need)), tuple(elsewhere[:_NEAREST]), beside, why)


def _by_distance(site: Site, stage: Stage) -> list[Stage]:
    """The other stages, those next to it in age first, the newer before the older."""
    stages = sorted(site.software.stages, key=lambda one: newness(one.name), reverse=True)
    at = stages.index(stage)
    return sorted((one for one in stages if one is not stage), key=lambda one: abs(stages.index(one) - at))


def _why(stage: Stage, need: Need, kind: Kind, found: Mapping[Need, Package]) -> tuple[str, str]:
    """Beside which of the needs that are met none of the packages can be loaded, and two modules that clash."""
    for other in found:
        clashes = [
            _clash(first, second)
            for first in candidates(stage, need, kind)
            for second in candidates(stage, other, kind)
        ]
        if clashes and all(clashes):
            return other.name, str(clashes[0])
    return "all of the others", ""


def _clash(first: Package, second: Package) -> Clash | None:
    return clash(traits(second.load), traits(first.load))


def _versions_here(missing: Missing) -> Iterator[str]:
    """What the stage has instead."""
    for package in sorted(missing.here, key=lambda one: newness(one.version), reverse=True)[:_NEAREST]:
        other = missing.need.met_by(version_number(package.version))
        yield f"{package.version} here" + (f", on {' and '.join(package.kinds)} only" if other else "")
