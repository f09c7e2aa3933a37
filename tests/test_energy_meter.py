"""Joules from the counters of a machine, on a machine that is made up."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from hqml.compare import energy_meter
from hqml.compare.energy_meter import Counter, EnergyMeter, gpu_names, gpus, packages


@pytest.fixture
def powercap(tmp_path: Path) -> Callable[..., Path]:
    def zone(name: str, told: str, *, joules: float = 0.0, wraps_at: float = 262_143.0) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        (folder / "name").write_text(f"{told}\n")
        (folder / "energy_uj").write_text(f"{joules * 1e6:.0f}\n")
        (folder / "max_energy_range_uj").write_text(f"{wraps_at * 1e6:.0f}\n")
        return folder

    return zone


@pytest.fixture
def nvml(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    """Two GPUs, of which the older one has no counter."""
    millijoules = {"new": 1000, "old": None}

    def used(handle: str) -> int:
        if (found := millijoules[handle]) is None:
            raise RuntimeError("Not Supported")
        return found

    library = SimpleNamespace(
        millijoules=millijoules,
        nvmlInit=lambda: None,
        nvmlDeviceGetCount=lambda: 2,
        nvmlDeviceGetHandleByIndex=lambda number: ("old", "new")[number],
        nvmlDeviceGetName=lambda handle: {"new": "NVIDIA H100", "old": b"Tesla K80"}[handle],
        nvmlDeviceGetTotalEnergyConsumption=used,
    )
    monkeypatch.setitem(sys.modules, "pynvml", library)
    energy_meter._nvml.cache_clear()
    yield library
    energy_meter._nvml.cache_clear()


def test_the_packages_are_summed_and_their_parts_are_not(powercap: Callable[..., Path], tmp_path: Path) -> None:
    first = powercap("intel-rapl:0", "package-0", joules=10)
    powercap("intel-rapl:0:0", "core", joules=7)
    second = powercap("intel-rapl:1", "package-1", joules=20)
    powercap("intel-rapl:2", "psys", joules=99)
    with EnergyMeter(packages(tmp_path)) as meter:
        (first / "energy_uj").write_text("15000000")
        (second / "energy_uj").write_text("20500000")
    assert meter.joules == pytest.approx(5.5)


def test_a_counter_that_wraps_around_once_is_read_aright(powercap: Callable[..., Path], tmp_path: Path) -> None:
    zone = powercap("intel-rapl:0", "package-0", joules=995, wraps_at=1000)
    with EnergyMeter(packages(tmp_path)) as meter:
        (zone / "energy_uj").write_text("3000000")
    assert meter.joules == pytest.approx(8)


def test_what_might_have_wrapped_twice_is_not_known() -> None:
    assert Counter("package-0", lambda: 0.0, wraps_at=1000).used(10, 20, seconds=2) is None
    assert Counter("package-0", lambda: 0.0, wraps_at=1000).used(10, 20, seconds=0.5) == 10


def test_where_nothing_may_be_read_nothing_is_known(powercap: Callable[..., Path], tmp_path: Path) -> None:
    zone = powercap("intel-rapl:0", "package-0")
    (zone / "energy_uj").unlink()
    (zone / "energy_uj").mkdir()  # reading it fails for root as well, who may read any file
    assert packages(tmp_path) == ()
    with EnergyMeter(packages(tmp_path)) as meter:
        pass
    assert meter.joules is None


def test_no_folder_is_no_counter(tmp_path: Path) -> None:
    assert packages(tmp_path / "absent") == ()


def test_a_sum_that_lacks_a_part_is_not_given() -> None:
    readings = iter([1.0])
    broken = Counter("gpu 0", lambda: next(readings))  # can be read once
    with EnergyMeter([Counter("package-0", lambda: 5.0), broken]) as meter:
        pass
    assert meter.joules is None


def test_joules_are_known_after_an_error_as_well() -> None:
    values = iter([1.0, 4.0])
    meter = EnergyMeter([Counter("gpu 0", lambda: next(values))])
    with pytest.raises(ZeroDivisionError), meter:
        1 / 0  # noqa: B018
    assert meter.joules == 3.0


def test_gpus_that_count_are_read_in_joules(nvml: SimpleNamespace) -> None:
    [counter] = gpus()
    assert counter.name == "gpu 1"
    with EnergyMeter([counter]) as meter:
        nvml.millijoules["new"] = 251_000
    assert meter.joules == pytest.approx(250)


def test_a_driver_that_starts_again_gives_no_negative_energy(nvml: SimpleNamespace) -> None:
    with EnergyMeter(gpus()) as meter:
        nvml.millijoules["new"] = 3
    assert meter.joules is None


def test_gpus_are_called_as_the_driver_calls_them(nvml: SimpleNamespace) -> None:
    assert gpu_names() == ["Tesla K80", "NVIDIA H100"]


def test_without_the_driver_there_are_no_gpus(nvml: SimpleNamespace) -> None:
    def failing() -> None:
        raise RuntimeError("Driver Not Loaded")

    nvml.nvmlInit = failing
    assert gpus() == ()
    assert gpu_names() == []
