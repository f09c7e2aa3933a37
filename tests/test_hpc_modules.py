"""From needs to modules: which packages, in which order, what does not go together, and what to do where one lacks."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hqml.errors import FormatError, HostError, ParameterError
from hqml.hpc.host import Answer
from hqml.hpc.needs import Need, read_needs
from hqml.hpc.site import Kind, Package, Site, Software, Source, Stage
from hqml.hpc.software.listing import Listed, read_avail, read_spider, stages
from hqml.hpc.software.modules import complete_stages, resolve
from hqml.hpc.software.names import KNOWN, need_name, newness, only_site, version_number
from hqml.hpc.software.report import HEADER, LIVE_HEADER, report
from hqml.hpc.software.shell import check_loads, try_loads
from hqml.hpc.software.system import Live, check_is_of, live_software, with_live
from hqml.hpc.software.toolchains import clash, module_name, traits


def package(provides: str, load: str, version: str = "", kinds: tuple[Kind, ...] = ()) -> Package:
    modules = tuple(load.split())
    return Package(provides, version or modules[-1].rpartition("/")[2], modules, "page", kinds)


def site_of(*stages: Stage) -> Site:
    return Site("here", "Here", "slurm", (), {"page": Source("", "", "")}, software=Software(stages))


NEW = Stage(
    "2024",
    (
        package("gcc", "GCC/12.3.0"),
        package("python", "GCC/12.3.0 Python/3.11.3"),
        package("mpi", "GCC/12.3.0 OpenMPI/4.1.5"),
        package("mpi", "GCC/12.3.0 ParaStationMPI/5.9.2-1"),
        package("mpi", "NVHPC/23.7-CUDA-12 OpenMPI/4.1.5"),
        package("nvhpc", "NVHPC/23.7-CUDA-12", "23.7"),
        package("cuda", "CUDA/12", kinds=("booster",)),
        package("torch", "GCC/12.3.0 OpenMPI/4.1.5 PyTorch/2.1.2"),
        package("dwave-ocean-sdk", "GCC/12.3.0 DWave/6.8.0"),
    ),
    "page",
    load=("Stages/2024",),
    purpose="PyTorch 2.1, no Horovod",
)
OLD = Stage(
    "2022",
    (
        package("mpi", "GCC/11.2.0 OpenMPI/4.1.2"),
        package("cuda", "CUDA/11.5"),
        package("torch", "GCC/11.2.0 PyTorch/1.11-CUDA-11.5", "1.11.0"),
        package("horovod", "GCC/11.2.0 OpenMPI/4.1.2 Horovod/0.25.0"),
    ),
    "page",
    load=("Stages/2022",),
    use=("/p/software",),
)
SITE = site_of(NEW, OLD)


def load_of(needs: str, *, kind: Kind = "booster", stage: str | None = None, site: Site = SITE) -> str:
    found = resolve(site, read_needs(needs), kind=kind, stage=stage)
    assert not found.missing, [one.message for one in found.missing]
    return " ".join(found.load)


def message_of(needs: str, *, kind: Kind = "booster", stage: str | None = None, site: Site = SITE) -> str:
    [missing] = resolve(site, read_needs(needs), kind=kind, stage=stage).missing
    return missing.message


class TestNeeds:
    names = st.from_regex(r"[a-z][a-z0-9]{0,8}(-[a-z0-9]{1,5})?", fullmatch=True)
    versions = st.lists(st.integers(0, 99), min_size=1, max_size=3).map(lambda parts: ".".join(map(str, parts)))
    specifiers = st.lists(
        st.tuples(st.sampled_from((">=", "<", "<=", ">", "!=", "==")), versions).map("".join), max_size=3
    ).map(",".join)

    @given(st.dictionaries(names, specifiers, max_size=5))
    def test_what_is_written_is_read_again(self, wanted: Mapping[str, str]) -> None:
        needs = read_needs([f"{name}{versions}" for name, versions in wanted.items()])
        assert [need.name for need in needs] == list(wanted)
        assert read_needs(", ".join(map(str, needs))) == needs
        assert read_needs([str(need) for need in needs]) == needs

    def test_a_comma_also_stands_within_the_versions_of_one(self) -> None:
        assert [str(need) for need in read_needs("torch>=2.1,<3, cuda")] == ["torch<3,>=2.1", "cuda"]

    def test_a_version_without_a_number_does_where_any_will(self) -> None:
        assert Need("python").met_by("default")
        assert not read_needs("python>=3")[0].met_by("default")

    @pytest.mark.parametrize("bad", ["torch 2.1", "torch>=", "torch[cuda]", "GCC/12.3.0", "torch @ http://x", ">=2"])
    def test_what_is_no_need_is_refused(self, bad: str) -> None:
        with pytest.raises(ParameterError, match=r"write needs as|a need is a name"):
            read_needs([bad])

    def test_one_that_is_there_twice_is_refused(self) -> None:
        with pytest.raises(ParameterError, match="'torch' is needed twice"):
            read_needs("torch>=2, cuda, torch<3")


class TestNames:
    @pytest.mark.parametrize(
        ("module", "need"),
        [
            ("PyTorch", "torch"),
            ("pytorch", "torch"),
            ("CUDA", "cuda"),
            ("devel/cuda", "cuda"),
            ("OpenMPI", "mpi"),
            ("psmpi", "mpi"),
            ("ParaStationMPI", "mpi"),
            ("impi", "mpi"),
            ("cray-mpich", "mpi"),
            ("cray-python", "python"),
            ("TensorFlow", "tensorflow"),
            ("Horovod", "horovod"),
            ("DWave", "dwave-ocean-sdk"),
            ("dwave-ocean", "dwave-ocean-sdk"),
            ("SciPy-bundle", "scipy-bundle"),
            ("GCCcore", "gcccore"),
        ],
    )
    def test_site_names_are_those_of_needs(self, module: str, need: str) -> None:
        assert need_name(module) == need

    def test_no_module_is_two_things(self) -> None:
        modules = [module for known in KNOWN for module in known.modules]
        assert len(modules) == len(set(modules))
        assert all(known.reason for known in KNOWN)

    def test_wheels_bring_what_does_not_belong_to_the_machine(self) -> None:
        assert only_site("cuda")
        assert only_site("openmpi")
        assert not only_site("torch")
        assert not only_site("horovod")

    @pytest.mark.parametrize(
        ("version", "number"),
        [
            ("2.1.2", "2.1.2"),
            ("2.1.2-foss-2023a-CUDA-12.1.1", "2.1.2"),
            ("5.9.2-1", "5.9.2-1"),
            ("v3.2", "v3.2"),
            (".12.3.0", "12.3.0"),
            ("23.7-CUDA-12", "23.7"),
            ("default", "default"),
        ],
    )
    def test_the_number_of_a_version(self, version: str, number: str) -> None:
        assert version_number(version) == number

    def test_versions_are_compared_as_numbers(self) -> None:
        assert sorted(["2.10", "2.9", "default", "2.9-foss-2023a"], key=newness)[0] == "default"
        assert newness("2.10-foss-2023a") > newness("2.9")


class TestToolchains:
    @pytest.mark.parametrize(
        ("first", "second"),
        [
            ("GCC/12.3.0", "GCC/11.2.0"),
            ("GCC/12.3.0 OpenMPI/4.1.5", "NVHPC/23.7 OpenMPI/4.1.5"),
            ("GCC/12.3.0 OpenMPI/4.1.5", "GCC/12.3.0 psmpi/5.9.2-1"),
            ("GCCcore/.12.3.0 Python/3.11.3", "GCC/13.2.0"),
            ("PyTorch/2.1.2-foss-2023a-CUDA-12.1.1", "CUDA/11.7.0"),
            ("PyTorch/2.1.2-foss-2023a", "OpenMPI/4.1.6-GCC-13.2.0"),
            ("PyTorch/2.1.2-foss-2023a", "impi/2021.9.0-intel-compilers-2023.1.0"),
            ("Python/3.12.3-GCCcore-13.3.0", "OpenMPI/4.1.6-GCC-13.2.0"),
            ("numpy/1.2-foss-2023a-Python-3.8.5", "Python/3.11.3-GCCcore-12.3.0"),
            ("LUMI/24.03 partition/G", "LUMI/24.03 partition/C"),
            ("PrgEnv-gnu", "PrgEnv-cray"),
            ("x/1-cpeGNU-24.03", "PrgEnv-cray"),
            ("intel/2023a", "GCC/12.3.0"),
            ("compiler/gnu/13", "compiler/gnu/12"),
        ],
    )
    def test_what_does_not_go_together(self, first: str, second: str) -> None:
        assert clash(traits(tuple(first.split())), traits(tuple(second.split()))) is not None
        assert clash(traits(tuple(second.split())), traits(tuple(first.split()))) is not None

    @pytest.mark.parametrize(
        ("first", "second"),
        [
            ("GCC/12.3.0 OpenMPI/4.1.5", "GCC/12.3.0 OpenMPI/4.1.5 PyTorch/2.1.2"),
            ("GCC/12.3.0", "GCCcore/.12.3.0 Python/3.11.3"),
            ("GCC/12.3.0", "CUDA/12"),
            ("GCC", "GCC/12.3.0"),
            ("CUDA/12", "PyTorch/2.1.2-foss-2023a-CUDA-12.1.1"),
            ("PyTorch/2.1.2-foss-2023a", "OpenMPI/4.1.5-GCC-12.3.0"),
            ("intel/2023a", "Python/3.11.3-GCCcore-12.3.0"),
            ("NVHPC/23.7-CUDA-12", "CUDA/12"),
            ("PrgEnv-gnu", "gcc-native/13.2"),
            ("PrgEnv-gnu", "x/1-cpeGNU-24.03"),
            ("", "GCC/12.3.0"),
        ],
    )
    def test_what_does(self, first: str, second: str) -> None:
        assert clash(traits(tuple(first.split())), traits(tuple(second.split()))) is None

    @pytest.mark.parametrize(
        ("module", "name"),
        [
            ("PyTorch/2.1.2", "PyTorch"),
            ("PyTorch/2.1.2/gcc", "PyTorch"),
            ("devel/cuda/12.0", "devel/cuda"),
            ("GCCcore/.12.3.0", "GCCcore"),
            ("partition/G", "partition"),
            ("cray-python", "cray-python"),
            ("7zip/22.01", "7zip"),
        ],
    )
    def test_the_name_of_a_module(self, module: str, name: str) -> None:
        assert module_name(module) == name


class TestResolution:
    def test_the_stage_comes_first_and_nothing_twice(self) -> None:
        assert load_of("torch>=2.1, cuda, mpi") == "Stages/2024 GCC/12.3.0 OpenMPI/4.1.5 PyTorch/2.1.2 CUDA/12"

    def test_folders_of_the_stage_are_used(self) -> None:
        found = resolve(SITE, read_needs("horovod"), kind="booster", stage="2022")
        assert found.use == ("/p/software",)
        assert found.load == ("Stages/2022", "GCC/11.2.0", "OpenMPI/4.1.2", "Horovod/0.25.0")
        assert {str(need): one.version for need, one in found.found.items()} == {"horovod": "0.25.0"}

    def test_nothing_is_loaded_that_no_need_asks_for(self) -> None:
        assert resolve(SITE, (), kind="booster").load == ()
        assert resolve(SITE, (), kind="booster", stage="2024").load == ("Stages/2024",)
        assert "Python" not in load_of("torch")

    def test_the_order_of_the_site_decides_among_implementations(self) -> None:
        assert load_of("mpi") == "Stages/2024 GCC/12.3.0 OpenMPI/4.1.5"
        assert load_of("mpi>=5") == "Stages/2024 GCC/12.3.0 ParaStationMPI/5.9.2-1"

    @pytest.mark.parametrize("name", ["psmpi", "parastationmpi", "ParaStationMPI"])
    def test_a_need_that_names_an_implementation_is_met_by_it_alone(self, name: str) -> None:
        assert load_of(name) == "Stages/2024 GCC/12.3.0 ParaStationMPI/5.9.2-1"
        assert load_of(f"mpi, {name}") == "Stages/2024 GCC/12.3.0 ParaStationMPI/5.9.2-1"
        assert load_of("openmpi>=4, gcc") == "Stages/2024 GCC/12.3.0 OpenMPI/4.1.5"

    @pytest.mark.parametrize("name", ["intelmpi", "impi", "cray-mpich", "mpich", "mvapich2"])
    def test_another_implementation_does_not_meet_it(self, name: str) -> None:
        assert message_of(name).startswith(f"not available in Stages/2024: {name}; nearest: none; no venv can bring it")

    def test_software_that_needs_another_implementation_does_not_go_beside_it(self) -> None:
        [missing] = resolve(SITE, read_needs("torch, psmpi"), kind="booster").missing
        assert "OpenMPI/4.1.5" in missing.clash
        assert "ParaStationMPI/5.9.2-1" in missing.clash

    def test_a_module_of_another_name_is_the_implementation_that_the_site_file_says(self) -> None:
        site = site_of(Stage("s", (package("cray-mpich", "PrgEnv-gnu", "default"),), "page"))
        assert load_of("mpi", site=site) == load_of("cray-mpich", site=site) == "PrgEnv-gnu"

    def test_a_combination_that_agrees_is_chosen(self) -> None:
        assert load_of("mpi, nvhpc") == "Stages/2024 NVHPC/23.7-CUDA-12 OpenMPI/4.1.5"
        assert load_of("nvhpc, cuda") == "Stages/2024 NVHPC/23.7-CUDA-12 CUDA/12"

    def test_the_newest_that_agree_are_chosen(self) -> None:
        tools = ("GCC/12.3.0", "GCC/13.3.0")
        pythons = [package("python", f"{gcc} Python/3.{minor}") for gcc in tools for minor in (9, 10)]
        site = site_of(Stage("x", (*pythons, package("torch", "GCC/12.3.0 PyTorch/2.1")), "page"))
        assert load_of("python", site=site) == "GCC/12.3.0 Python/3.10"
        assert load_of("python, torch", site=site) == "GCC/12.3.0 Python/3.10 PyTorch/2.1"

    def test_other_names_that_users_give_are_understood(self) -> None:
        assert load_of("pytorch, dwave") == load_of("torch, dwave-ocean-sdk")

    def test_what_a_package_brings_is_what_the_site_says(self) -> None:
        bundle = package("python", "GCC/12.3.0 OpenMPI/4.1.5 PyTorch/2.1.2", "3.11.3")
        site = site_of(Stage("2024", (bundle, package("torch", "GCC/12.3.0 OpenMPI/4.1.5 PyTorch/2.1.2")), "page"))
        assert load_of("python>=3.11, torch", site=site) == "GCC/12.3.0 OpenMPI/4.1.5 PyTorch/2.1.2"

    def test_among_equal_versions_the_one_that_adds_least_is_taken(self) -> None:
        packages = (
            package("python", "GCCcore/.12.3.0 Python/3.11.3"),
            package("python", "GCC/12.3.0 Python/3.11.3"),
            package("torch", "GCC/12.3.0 PyTorch/2.1.2"),
        )
        site = site_of(Stage("x", packages, "page"))
        assert load_of("torch, python", site=site) == "GCC/12.3.0 PyTorch/2.1.2 Python/3.11.3"
        assert load_of("python", site=site) == "GCC/12.3.0 Python/3.11.3"  # a hidden module is less readable

    def test_what_is_there_without_a_module_loads_nothing(self) -> None:
        site = site_of(Stage("x", (Package("mpi", "8.1", (), "page"),), "page"))
        assert load_of("mpi>=8", site=site) == ""

    def test_without_a_module_system_nobody_can_tell(self) -> None:
        found = resolve(site_of(), read_needs("torch, mpi"), kind="booster")
        assert (found.load, found.missing, found.stage) == ((), (), None)
        assert [need.name for need in found.unchecked] == ["torch", "mpi"]

    def test_a_stage_that_is_not_there_is_refused(self) -> None:
        with pytest.raises(ParameterError, match="no stage '2023'; did you mean '2024'"):
            resolve(SITE, read_needs("torch"), kind="booster", stage="2023")

    def test_the_same_whatever_the_order_of_the_needs(self) -> None:
        for order in itertools.permutations(read_needs("torch, cuda, mpi, python")):
            assert set(resolve(SITE, order, kind="booster").load) == {
                "Stages/2024",
                "GCC/12.3.0",
                "OpenMPI/4.1.5",
                "PyTorch/2.1.2",
                "CUDA/12",
                "Python/3.11.3",
            }

    @given(
        st.lists(
            st.tuples(
                st.sampled_from(("torch", "mpi", "python")),
                st.sampled_from(("GCC/12.3.0", "GCC/13.2.0", "NVHPC/23.7")),
                st.integers(1, 9),
            ),
            max_size=12,
        )
    )
    def test_what_is_found_agrees_and_no_combination_was_overlooked(self, built: list[tuple[str, str, int]]) -> None:
        names = {"torch": "PyTorch", "mpi": "OpenMPI", "python": "Python"}
        packages = [package(need, f"{compiler} {names[need]}/{version}") for need, compiler, version in built]
        found = resolve(site_of(Stage("x", tuple(packages), "page")), read_needs("torch, mpi, python"), kind="cluster")
        chosen = list(found.found.values())
        assert all(clash(traits(a.load), traits(b.load)) is None for a, b in itertools.combinations(chosen, 2))
        by_need = [[one for one in packages if one.provides == need] for need in names]
        possible = any(
            all(clash(traits(a.load), traits(b.load)) is None for a, b in itertools.combinations(combination, 2))
            for combination in itertools.product(*by_need)
        )
        assert possible == (not found.missing)

    def test_many_packages_of_which_two_never_agree_take_no_time(self) -> None:
        """A live system has hundreds; all combinations of these are a million."""
        free = [package(f"tool{n}", f"Tool{n}/{version}") for n in range(4) for version in range(30)]
        tied = [
            package("torch", "GCC/12.3.0 PyTorch/2.1"),
            *(package("mpi", f"GCC/13.{n} OpenMPI/{n}") for n in range(40)),
        ]
        site = site_of(Stage("x", (*free, *tied), "page"))
        assert message_of("tool0, tool1, tool2, tool3, torch, mpi", site=site).startswith("not together with torch")


class TestMissing:
    def test_other_stages_and_fallbacks_are_named(self) -> None:
        assert message_of("horovod") == (
            "not available in Stages/2024: horovod; nearest: 2022 (0.25.0); "
            "else a venv on top of the modules (venv:) or a container (container:)"
        )

    def test_other_versions_are_named(self) -> None:
        assert message_of("torch>=2.4").startswith("not available in Stages/2024: torch>=2.4; nearest: 2.1.2 here; ")
        assert message_of("torch<2").startswith(
            "not available in Stages/2024: torch<2; nearest: 2.1.2 here, 2022 (1.11"
        )

    def test_other_kinds_of_module_are_named(self) -> None:
        text = message_of("cuda", kind="cluster")
        assert text.startswith("not available in Stages/2024: cuda; nearest: 12 here, on booster only, 2022 (11.5); ")

    def test_no_venv_brings_what_belongs_to_the_machine(self) -> None:
        assert message_of("rocm").endswith(
            "nearest: none; no venv can bring it (its driver is the site's; "
            "a wheel such as torch's brings its own libraries); else a container (container:)"
        )

    def test_what_clashes_is_named(self) -> None:
        assert message_of("nvhpc, torch").startswith(
            "not together with nvhpc in Stages/2024: torch (NVHPC/23.7-CUDA-12 against GCC/12.3.0); nearest: none; "
        )

    def test_of_what_clashes_only_stages_without_the_clash_are_near(self) -> None:
        clean = Stage("2025", (package("nvhpc", "NVHPC/25.1"), package("torch", "NVHPC/25.1 PyTorch/2.5")), "page")
        assert "nearest: 2025 (2.5); " in message_of("nvhpc, torch", site=site_of(NEW, OLD, clean))

    def test_what_clashes_with_two_at_once_is_missing_as_well(self) -> None:
        packages = (
            package("one", "One/1"),
            package("two", "Two/1"),
            package("mpi", "One/1 OpenMPI/4"),
            package("mpi", "Two/2 OpenMPI/4"),
            package("mpi", "One/2 Two/1 OpenMPI/4"),
        )
        site = site_of(Stage("x", packages, "page"))
        assert load_of("mpi, one", site=site) == "One/1 OpenMPI/4"
        three = (package("mpi", "One/2 OpenMPI/4"), package("mpi", "Two/2 OpenMPI/4"))
        site = site_of(Stage("x", (*packages[:2], *three), "page"))
        assert message_of("one, two, mpi", site=site).startswith("not together with all of the others in stage x: mpi;")

    def test_the_stages_that_have_all(self) -> None:
        assert complete_stages(SITE, read_needs("torch, mpi"), kind="booster") == ("2024", "2022")
        assert complete_stages(SITE, read_needs("horovod, torch"), kind="booster") == ("2022",)
        assert complete_stages(SITE, read_needs("nvhpc, torch"), kind="booster") == ()

    def test_the_rest_is_loaded_all_the_same(self) -> None:
        found = resolve(SITE, read_needs("horovod, mpi"), kind="booster")
        assert found.load == ("Stages/2024", "GCC/12.3.0", "OpenMPI/4.1.5")
        assert [one.wheel for one in found.missing] == [True]


SPIDER = [
    {
        "package": "Stages",
        "versions": [
            {"full": "Stages/2022", "versionName": "2022", "markedDefault": True},
            {"full": "Stages/2024", "versionName": "2024", "description": "the  stage\nof 2024"},
        ],
    },
    {
        "package": "OpenMPI",
        "versions": [
            {"full": "OpenMPI/4.1.5", "family": "mpi", "parent": [["Stages/2024", "NVHPC/23.7-CUDA-12"]]},
            {"full": "OpenMPI/4.1.5", "family": "mpi", "parent": [["Stages/2024", "GCC/12.3.0"]]},
        ],
    },
    {"package": "GCC", "versions": [{"full": "GCC/12.3.0", "parent": [["Stages/2024"]]}]},
    {
        "package": "PyTorch",
        "versions": [
            {
                "full": "PyTorch/2.1.2",
                "parent": [["Stages/2024", "GCC/12.3.0", "OpenMPI/4.1.5"], ["Stages/2024", "GCC/12.3.0", "psmpi/5"]],
            }
        ],
    },
    {"package": "lmod", "versions": [{"full": "lmod", "versionName": ""}]},
]
"""What Lmod 8.6.19 prints of a tree such as JSC's, shortened; tests/hpc/test_lmod.py makes it print one."""

AVAIL = """\
/apps/modules/all:
CUDA/12.1.1
GCC/11.3.0(default)
GCC/12.3.0
OpenMPI/4.1.5-GCC-12.3.0
PyTorch/2.1.2-foss-2023a-CUDA-12.1.1
"""
"""What Environment Modules 5.2.0 print (`module -t avail`); 3.2 and Lmod print the same, the latter with names of
folders that end in a slash."""


class TestListing:
    def test_spider_tells_the_ways_through_the_tree(self) -> None:
        new, old = reversed(stages(read_spider(json.dumps(SPIDER))))
        assert (old.name, old.load, [one.load for one in old.packages]) == ("2022", ("Stages/2022",), [("lmod",)])
        assert (new.name, new.load, new.purpose) == ("2024", ("Stages/2024",), "the stage of 2024")
        assert [(one.provides, one.version, one.load) for one in new.packages] == [
            ("gcc", "12.3.0", ("GCC/12.3.0",)),
            ("lmod", "default", ("lmod",)),
            ("mpi", "4.1.5", ("GCC/12.3.0", "OpenMPI/4.1.5")),
            ("mpi", "4.1.5", ("NVHPC/23.7-CUDA-12", "OpenMPI/4.1.5")),
            ("torch", "2.1.2", ("GCC/12.3.0", "OpenMPI/4.1.5", "PyTorch/2.1.2")),
            ("torch", "2.1.2", ("GCC/12.3.0", "psmpi/5", "PyTorch/2.1.2")),
        ]

    def test_the_order_is_not_that_of_the_text(self) -> None:
        """Lua's tables have none."""
        for shuffled in itertools.permutations(SPIDER):
            assert stages(read_spider(json.dumps(shuffled))) == stages(read_spider(json.dumps(SPIDER)))

    def test_the_names_and_the_order_of_the_site_file_are_kept(self) -> None:
        known = {
            ("Stages/2022",): Stage("old", (), "page", ("Stages/2022",), purpose="for papers"),
            ("Stages/2019",): OLD,
        }
        found = stages(read_spider(json.dumps(SPIDER)), known=known)
        assert [one.name for one in found] == ["old", "2022", "2024"]
        assert found[0].purpose == "for papers"

    def test_a_stage_may_be_two_modules(self) -> None:
        listed = [Listed("PyTorch/2.1", (("LUMI/24.03", "partition/G"), ("LUMI/24.03", "partition/C")))]
        known = {("LUMI/24.03", "partition/G"): Stage("24.03-G", (), "page", ("LUMI/24.03", "partition/G"))}
        gpu, other = stages(listed, known=known)
        assert (gpu.name, [one.load for one in gpu.packages]) == ("24.03-G", [("PyTorch/2.1",)])
        assert (other.name, [one.load for one in other.packages]) == ("24.03", [("partition/C", "PyTorch/2.1")])

    def test_avail_is_one_stage(self) -> None:
        [stage] = stages(read_avail(AVAIL))
        assert (stage.name, stage.load) == ("default", ())
        assert [(one.provides, one.version, one.load) for one in stage.packages] == [
            ("cuda", "12.1.1", ("CUDA/12.1.1",)),
            ("gcc", "12.3.0", ("GCC/12.3.0",)),
            ("gcc", "11.3.0", ("GCC/11.3.0",)),
            ("mpi", "4.1.5", ("OpenMPI/4.1.5-GCC-12.3.0",)),
            ("torch", "2.1.2", ("PyTorch/2.1.2-foss-2023a-CUDA-12.1.1",)),
        ]
        site = site_of(stage)
        assert load_of("torch>=2, cuda, mpi, gcc", site=site).count("/") == 4
        assert load_of("gcc", site=site) == "GCC/12.3.0"

    @pytest.mark.parametrize(
        ("text", "modules"),
        [
            ("", []),
            ("/apps/core:\nStages/\nStages/2024\n", ["Stages/2024"]),
            ("foo/1.0(default)\nfoo/1.0\n", ["foo/1.0"]),
            ("foo/1.0 <L>\nsee also the wiki\n", []),
            ("foo/1.0<aL>\nbar\n", ["foo/1.0", "bar"]),
            ("/a b/c:\n  gcc/13.2.0  \n-----\n", ["gcc/13.2.0"]),
        ],
    )
    def test_lines_of_avail(self, text: str, modules: list[str]) -> None:
        assert [one.module for one in read_avail(text)] == modules

    @pytest.mark.parametrize(
        "text", ["", "lua: not found", '{"a": 1}', '[{"package": "x"}]', "[1]", '[{"versions": 3}]', "[" * 100_000]
    )
    def test_what_is_no_listing_is_refused(self, text: str) -> None:
        with pytest.raises(FormatError, match="did not print its jsonSoftwarePage"):
            read_spider(text)

    def test_a_tree_without_modules_is_empty(self) -> None:
        assert read_spider("[]") == read_spider("{}") == ()
        [stage] = stages(())
        assert stage.packages == ()


class Scripted:
    """A host that gives recorded answers."""

    name: str | None = "login"

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    def run(self, command: Sequence[str], *, folder: str | None = None, timeout: float = 120.0) -> Answer:
        assert command[:2] == ["bash", "-lc"]
        self.asked.append(command[2])
        return self.answers.pop(0)

    def read(self, path: str) -> str | None:
        return None

    def read_all(self, folder: str) -> Mapping[str, str]:
        return {}


def said(out: str, status: int = 0, err: str = "") -> Answer:
    return Answer(status, out, err)


LMOD = f"Welcome!\n@@hqml version\nLmod 8.6.19\n@@hqml spider\n{json.dumps(SPIDER)}\n@@hqml end\n"


class TestLive:
    def test_lmod_is_listed_past_what_profiles_print(self) -> None:
        live = live_software(Scripted(said(LMOD)))
        assert (live.system, live.source.title) == ("Lmod 8.6.19", "live module system of login: Lmod 8.6.19")
        assert [one.name for one in live.software.stages] == ["2022", "2024"]

    def test_environment_modules_are_listed(self) -> None:
        version = "Modules Release 5.2.0 (2022-11-08)\n"
        live = live_software(Scripted(said(f"@@hqml version\n{version}@@hqml avail\n{AVAIL}@@hqml end\n")))
        assert live.system == "Environment Modules 5.2.0"
        assert len(live.software.stages[0].packages) == 5

    def test_the_shell_is_set_up_as_the_site_says(self) -> None:
        host = Scripted(said(LMOD), said(LMOD))
        software = Software((NEW, OLD), ("source /etc/lmod.sh",), "module --force purge")
        live = live_software(host, software)
        first, second = host.asked
        assert first.index("source /etc/lmod.sh") < first.index("module --force purge") < first.index("/spider")
        assert "module use" not in first
        assert "module use /p/software" in second
        assert [one.name for one in live.software.stages] == ["2024", "2022"]
        assert live.software.purge == "module --force purge"

    def test_a_host_without_modules_says_so(self) -> None:
        with pytest.raises(HostError, match="login has no module system: its shell knows no command `module`"):
            live_software(Scripted(said("Welcome!\n@@hqml no module\n", 1)))

    @pytest.mark.parametrize(
        "answer",
        [
            said("@@hqml version\nLmod 8\n@@hqml spider\n", 1, "lua5.3: not found"),
            said("@@hqml version\nLmod 8\n@@hqml spider\nlua5.3: not found\n", 0),
            said("lua5.3: not found", 2),
        ],
    )
    def test_a_module_system_that_fails_says_why(self, answer: Answer) -> None:
        with pytest.raises(HostError, match=r"does not list what it has: .*lua5\.3: not found"):
            live_software(Scripted(answer))

    def test_a_host_with_other_modules_is_no_login_node_of_the_site(self) -> None:
        live = Live(
            "Lmod 8", Software((Stage("default", (package("lmod", "Core/lmod"),), "page"),)), Source("", "", "")
        )
        with pytest.raises(HostError, match=r"none of the modules of here is on login \(Lmod 8\); is it a login node"):
            check_is_of(live, SITE, Scripted())
        check_is_of(live, site_of(), Scripted())
        check_is_of(Live("Lmod 8", SITE.software, live.source), SITE, Scripted())

    def test_a_site_with_what_it_really_has(self) -> None:
        live = live_software(Scripted(said(LMOD), said(LMOD)), SITE.software)
        site = with_live(SITE, live)
        assert load_of("torch, mpi", site=site) == "Stages/2024 GCC/12.3.0 OpenMPI/4.1.5 PyTorch/2.1.2"
        assert {one.source for stage in site.software.stages for one in stage.packages} <= set(site.sources)


TRIALS = """\
profile says hello
@@hqml trial

@@hqml ended 0 Stages/2022:GCC/11.2.0:zlib/1.3
@@hqml trial
Lmod has detected the following error: The following
module(s) are unknown: "Nope"  Please check the spelling

@@hqml ended 1 Stages/2022
@@hqml trial
Lmod is automatically replacing "GCC/11.2.0" with "NVHPC/23.7".

@@hqml ended 0 NVHPC/23.7
@@hqml trial
ModuleCmd_Load.c(213):ERROR:105: Unable to locate a modulefile for 'x/1'

@@hqml ended 0 
@@hqml trial

@@hqml ended 0 real/1
@@hqml trial
segmentation fault
"""


class TestTrials:
    def test_what_loads_is_told_from_what_does_not(self) -> None:
        wanted = [("Stages/2022", "GCC"), ("Nope",), ("GCC/11.2.0", "NVHPC/23.7"), ("x/1",), ("alias/1",), ("y/1",)]
        trials = try_loads(Scripted(said(TRIALS)), Software(), [((), load) for load in wanted])
        assert [one.loads for one in trials] == [True, False, False, False, True, False]
        assert trials[0].loaded == ("Stages/2022", "GCC/11.2.0", "zlib/1.3")
        assert trials[1].said == 'The following module(s) are unknown: "Nope"'
        assert trials[2].lacks == ("GCC/11.2.0",)
        assert "Unable to locate" in trials[3].said
        assert trials[5].said == "segmentation fault"

    def test_names_are_quoted_for_the_shell(self) -> None:
        host = Scripted(said("@@hqml trial\n\n@@hqml ended 1 \n"))
        try_loads(host, Software(), [(("/a b",), ("x; rm -rf /",))])
        assert "module use '/a b'\nmodule load 'x; rm -rf /'\n" in host.asked[0]

    def test_an_answer_that_breaks_off_is_an_error(self) -> None:
        with pytest.raises(HostError, match=r"broke off: .*killed"):
            try_loads(Scripted(said("@@hqml trial\n", 1, "killed")), Software(), [((), ("a",)), ((), ("b",))])

    def test_a_site_file_is_compared_package_by_package(self) -> None:
        site = site_of(Stage("x", (package("gcc", "GCC/12"), package("c++", "GCC/12"), package("y", "Y/1")), "page"))
        answer = "@@hqml trial\n\n@@hqml ended 0 GCC/12\n@@hqml trial\nno Y\n@@hqml ended 1 \n"
        checked = check_loads(site, Scripted(said(answer)))
        assert [(one.stage, one.package.provides, one.trial.loads) for one in checked] == [
            ("x", "gcc", True),
            ("x", "c++", True),
            ("x", "y", False),
        ]

    def test_a_site_without_modules_needs_no_question(self) -> None:
        assert check_loads(site_of(), Scripted()) == ()


class TestReport:
    def test_each_need_has_a_row(self) -> None:
        found = report(SITE, read_needs("torch>=2.1, horovod, mpi"), "booster")
        assert (found.stage, found.purpose, found.met) == ("Stages/2024", "PyTorch 2.1, no Horovod", False)
        torch, horovod, mpi = (row.cells() for row in found.rows)
        assert torch == ("torch>=2.1", "2.1.2", "GCC/12.3.0 OpenMPI/4.1.5 PyTorch/2.1.2", "-", "as PyTorch")
        assert horovod[:4] == ("horovod", "missing", "-", "2022 (0.25.0)")
        assert horovod[4].startswith("not available in Stages/2024: horovod; ")
        assert mpi[3:] == ("2022 (4.1.2)", "as OpenMPI")
        assert all(len(row.cells()) == len(HEADER) for row in found.rows)
        assert found.complete == ()

    def test_each_module_has_a_reason(self) -> None:
        assert report(SITE, read_needs("torch, mpi"), "booster").modules == (
            ("Stages/2024", "opens the stage, PyTorch 2.1, no Horovod"),
            ("GCC/12.3.0", "comes before torch, mpi"),
            ("OpenMPI/4.1.5", "is mpi; comes before torch"),
            ("PyTorch/2.1.2", "is torch"),
        )

    def test_which_cuda_is_which(self) -> None:
        [note] = report(SITE, read_needs("torch, cuda"), "booster").notes
        assert "which CUDA torch 2.1.2 was built with" in note
        [note] = report(SITE, read_needs("torch, cuda"), "booster", "2022").notes
        assert note == "torch 1.11.0 is for CUDA 11.5 (PyTorch/1.11-CUDA-11.5): the CUDA that is loaded"
        [note] = report(SITE, read_needs("torch"), "booster", "2022").notes
        assert note.endswith("cuda need not be asked for")
        [note] = report(SITE, read_needs("torch>=2.4, cuda"), "booster").notes
        assert note.startswith("a wheel of torch brings the CUDA libraries")
        assert report(SITE, read_needs("mpi, cuda"), "booster").notes == ()

    def test_the_live_system_stands_beside_the_file(self) -> None:
        live = live_software(Scripted(said(LMOD), said(LMOD)), SITE.software)
        found = report(SITE, read_needs("torch, dwave-ocean-sdk"), "booster", live=live)
        assert [row.cells()[2] for row in found.rows] == ["2.1.2", "missing"]
        assert [row.met for row in found.rows] == [True, False]
        assert found.rows[1].note == "the site file says so, but the live system does not have it"
        assert all(len(row.cells()) == len(LIVE_HEADER) for row in found.rows)
        assert found.notes == ("Lmod 8.6.19: Stages/2024 has no DWave/6.8.0",)

    def test_what_only_the_live_system_has_is_told(self) -> None:
        site = site_of(Stage("2024", (), "page", ("Stages/2024",)))
        live = live_software(Scripted(said(LMOD)), site.software)
        [row] = report(site, read_needs("gcc"), "booster", live=live).rows
        assert (row.met, row.live) == (False, "12.3.0")
        assert row.note.endswith("; the live system has it, the site file does not say so: GCC/12.3.0")

    def test_a_live_system_without_the_stage(self) -> None:
        live = Live("Lmod 8", Software((OLD,)), Source("", "", ""))
        found = report(SITE, read_needs("torch"), "booster", live=live)
        assert found.rows[0].live == ""
        assert found.notes == ("Lmod 8: there is no Stages/2024",)

    def test_a_site_without_modules(self) -> None:
        found = report(site_of(), read_needs("torch, mpi"), "cluster")
        assert found.met
        assert [row.cells()[:3] for row in found.rows] == [("torch", "?", "-"), ("mpi", "?", "-")]

    def test_what_needs_no_module_says_so(self) -> None:
        site = site_of(Stage("x", (Package("mpi", "8.1", (), "page"),), "page"))
        assert report(site, read_needs("mpi"), "cluster").rows[0].cells()[-1] == "there without a module"


class TestShippedSites:
    @pytest.fixture
    def juwels(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
        pytest.importorskip("pydantic", reason="site files need hqml[specs]")
        from hqml.hpc.sites.file import load_site

        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
        return load_site("juwels")

    def test_the_example_of_the_readme(self, juwels: Site) -> None:
        found = load_of("torch>=2.1, cuda, mpi", stage="2024", site=juwels).split()
        assert found[:2] == ["Stages/2024", "GCC/12.3.0"]
        assert {"PyTorch/2.1.2", "CUDA/12", "OpenMPI/4.1.5"} <= set(found)

    def test_the_stage_of_2024_has_no_horovod(self, juwels: Site) -> None:
        text = message_of("horovod", stage="2024", site=juwels)
        assert text.startswith("not available in Stages/2024: horovod; nearest: 2022 (0.25.0); else a venv on top of ")

    @pytest.mark.parametrize(
        ("site", "stage", "load"),
        [
            ("marenostrum5", None, "intel impi mkl hdf5 python/3.12.1"),
            ("vega", None, "Python/3.11.5-GCCcore-13.2.0 OpenMPI/4.1.6-GCC-13.2.0"),
            ("lumi", "24.03", "LUMI/24.03 cray-python/3.11.7 PrgEnv-gnu"),
        ],
    )
    def test_python_and_mpi_go_together(self, juwels: Site, site: str, stage: str | None, load: str) -> None:
        from hqml.hpc.sites.file import load_site

        found = resolve(load_site(site), read_needs("python>=3.11, mpi"), kind="cluster", stage=stage)
        assert (found.missing, " ".join(found.load)) == ((), load)

    def test_all_packages_of_all_sites_resolve_alone(self, juwels: Site) -> None:
        from hqml.hpc.sites.file import load_site, site_names

        for site in map(load_site, site_names()):
            for stage in site.software.stages:
                for one in stage.packages:
                    for kind in one.kinds or ("cluster",):
                        found = resolve(site, [Need(one.provides)], kind=kind, stage=stage.name)
                        assert not found.missing, (site.name, stage.name, one)
