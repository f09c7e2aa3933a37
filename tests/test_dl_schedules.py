"""Learning rates over time, against their formulas and against torch's own schedulers."""

from __future__ import annotations

import math
from typing import Any

import pytest

from hqml.dl.spec import EarlyStoppingSpec, ScheduleSpec
from hqml.dl.trained import Epoch
from hqml.dl.training import course
from hqml.dl.training.schedules import Rates


def rates(epochs: int = 10, steps: int = 4, **keys: Any) -> Rates:
    return Rates(ScheduleSpec.model_validate(keys), epochs, steps)


def test_a_constant_rate_is_constant() -> None:
    assert {rates(name="constant").at(step) for step in range(40)} == {1.0}


def test_a_cosine_falls_by_half_a_wave() -> None:
    found = rates(name="cosine", minimum=0.1)
    assert [found.at(step) for step in (0, 20, 40)] == pytest.approx([1, 0.55, 0.1])
    assert found.at(10) == pytest.approx(0.1 + 0.9 * (1 + math.cos(math.pi / 4)) / 2)


def test_steps_and_exponentials_are_powers() -> None:
    assert [rates(name="step", every=3, gamma=0.5).at(4 * epoch) for epoch in range(7)] == [
        1,
        1,
        1,
        0.5,
        0.5,
        0.5,
        0.25,
    ]
    assert rates(name="exponential", gamma=0.9).at(8) == pytest.approx(0.9**2)


def test_warm_up_rises_to_the_rate_and_begins_above_0() -> None:
    found = rates(name="cosine", warmup=2.0)
    assert [found.at(step) for step in range(8)] == pytest.approx([n / 8 for n in range(1, 9)])
    assert found.at(8) == 1.0
    assert found.at(40) == pytest.approx(0)


def test_one_cycle_is_torch_s() -> None:
    torch = pytest.importorskip("torch", reason="compares with torch's OneCycleLR")
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1.0, total_steps=41, cycle_momentum=False)
    found = rates(name="one-cycle")
    for step in range(40):
        ours, theirs = found.at(step), optimizer.param_groups[0]["lr"]
        # torch's peak is at step 0.3 * 41 - 1, ours at 0.3 * 40.
        assert ours == pytest.approx(theirs, abs=0.08)
        optimizer.step()
        scheduler.step()
    assert [found.at(step) for step in (0, 12, 40)] == pytest.approx([1 / 25, 1, 1 / 25e4])


def test_a_plateau_makes_the_rate_fall_and_a_checkpoint_remembers_it() -> None:
    found = rates(name="plateau", patience=1, gamma=0.1, minimum=0.005)
    seen = []
    for loss in (1.0, 0.9, 0.95, 0.94, 0.93, 0.92, 0.91, 0.91, 0.91):
        found.observe(loss)
        seen.append(found.at(0))
    assert seen == pytest.approx([1, 1, 1, 0.1, 0.1, 0.01, 0.01, 0.005, 0.005])
    again = rates(name="plateau", patience=1, gamma=0.1, minimum=0.005)
    again.restore(found.state())
    assert again.at(0) == found.at(0)


def epochs(*losses: float) -> list[Epoch]:
    return [Epoch(number, 1.0, {"loss": loss}, 1.0, 1.0) for number, loss in enumerate(losses, 1)]


def test_the_best_epoch_is_the_first_of_the_lowest_loss_that_is_finite() -> None:
    assert course.best(epochs(3, 1, 2, 1, math.nan)) == 2
    assert course.best(epochs(math.nan, math.inf)) == 2
    assert course.best([]) == 0


@pytest.mark.parametrize(
    ("losses", "stale"),
    [((3, 2, 1), False), ((1, 2), False), ((1, 2, 3), True), ((3, 2.95, 2.9), True), ((1, math.nan, math.nan), True)],
)
def test_training_is_stale_after_as_many_epochs_without_gain(losses: tuple[float, ...], stale: bool) -> None:
    assert course.is_stale(epochs(*losses), EarlyStoppingSpec(patience=2, minimum=0.2)) is stale
    assert not course.is_stale(epochs(*losses), None)
