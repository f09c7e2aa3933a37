"""The `gpu` backend: bifurcation, annealing and heat bath through PyTorch, on cuda, rocm, mps or cpu."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from time import perf_counter
from typing import Any

import dimod
import torch

from hqml.backend import Capabilities, Usage, drawn_seed
from hqml.errors import ParameterError
from hqml.options import inverse_temperatures, one_of, whole_number
from hqml.qubo import Qubo
from hqml.samples import to_sampleset
from hqml_torch import devices
from hqml_torch.course import generator_for, run
from hqml_torch.groups import BIFURCATIONS, METHODS, Group, grouped
from hqml_torch.plans import StackPlan, planned

_TIMED = (0.0,) * 8  # positions of the steps that an estimate times


class TorchBackend:
    """Sample on an accelerator, many reads and many models in one product.

    Dense models bifurcate, sparse ones are annealed a colour at a time, Gram models go through a heat bath over whole
    multipliers and are never written out. All end in states that no single flip improves. Dense and Gram models of
    like size are padded into one stack, sparse ones of any size lie beside each other.

    The same seed, batch and reads give the same samples on the same kind of device with the same version of torch and
    the same number of its threads (products add up in another order with another), as long as no time limit cuts in
    and memory suffices for all replicas that are to run at once. Models of one stack share its random numbers: alone,
    a model has others.

    Args:
        device: "cuda", "rocm", "mps" or "cpu", with a number as in "cuda:1"; none is the first accelerator.
        dtype: of the product in a bifurcation, "float32", "bfloat16" or "float16"; none is what the device does best.

    Raises:
        BackendUnavailable: there is no such device, or no accelerator at all.
        ParameterError: device or dtype is not one of these.
    """

    capabilities = Capabilities(kind="gpu", forms=frozenset({"dense", "sparse", "gram"}), seedable=True)

    def __init__(self, device: str | None = None, dtype: str | None = None) -> None:
        self.device = devices.find_device(device)
        devices.product_dtype(self.device, dtype)  # tells a dtype that is none
        self.dtype = dtype

    def sample(
        self,
        qubos: Sequence[Qubo],
        *,
        reads: int = 100,
        seed: int | None = None,
        time_limit: float | None = None,
        num_sweeps: int | None = None,
        beta_range: tuple[float, float] | None = None,
        method: str = "auto",
        progress: Callable[[float], None] | None = None,
    ) -> list[dimod.SampleSet]:
        """Sample each model of a batch.

        Args:
            qubos: models in any form.
            reads: replicas, or agents, of each model.
            seed: makes the run repeatable; none draws one, which `info["seed"]` tells.
            time_limit: seconds for the batch. Near its end chunks of reads take longer strides to the cold end, and
                chunks that have not begun are left out, but for the first of each model; a descent that is not at its
                end is left there.
            num_sweeps: updates of every variable: sweeps of annealing (none is 1000, or 200 for the heat bath) or
                steps of a bifurcation (none is 1000).
            beta_range: inverse temperatures (hot, cold) of annealing, 1 / energy; none samples the model for them.
                With it, "auto" anneals.
            method: "annealing"; "ballistic" or "discrete" bifurcation, or "bifurcation" for agents of both; "auto"
                for what suits the model. `info["method"]` and `info["why"]` tell.
            progress: called with the share done.

        Returns:
            One SampleSet a model. `info` adds: method, why, device, dtype, num_sweeps (that were made of each read, at
            least: fewer than planned where it was cut short; also as num_steps, of a bifurcation), beta_range (of
            annealing), interrupted (by Ctrl-C, which gives the best so far), cut_short (by the time limit).

        Raises:
            ParameterError: an option is out of its range, or beta_range meets a bifurcation.
            ModelTooLarge: the device has not the memory; the message says how much it takes.
        """
        beta_range = _checked(method, num_sweeps, beta_range)
        if not qubos:
            return []
        seed, started = drawn_seed(seed), perf_counter()
        groups = grouped(qubos, method, annealed=beta_range is not None)
        with devices.refusing_out_of_memory(self.device, "the batch"), self._suited_threads(groups, reads):
            plans = self._plans(groups, reads, seed, num_sweeps, beta_range, limited=time_limit is not None)
            prepared = perf_counter() - started
            outcome = run(
                plans,
                reads=reads,
                seed=seed,
                device=self.device,
                time_limit=None if time_limit is None else max(0.0, time_limit - prepared),
                report=progress,
            )
        timing = {"prepare": prepared, "solve": perf_counter() - started - prepared}
        told = {
            index: plan.info(member, outcome.steps[index]) for plan in plans for member, index in enumerate(plan.places)
        }
        return [
            to_sampleset(
                qubo,
                states,
                backend="gpu",
                seed=seed,
                timing=timing,
                device=self._device_name(),
                interrupted=outcome.interrupted,
                cut_short=outcome.cut_short,
                **told[index],
            )
            for index, (qubo, states) in enumerate(zip(qubos, outcome.states, strict=True))
        ]

    def estimate(
        self,
        qubos: Sequence[Qubo],
        *,
        reads: int = 100,
        num_sweeps: int | None = None,
        beta_range: tuple[float, float] | None = None,
        method: str = "auto",
        **options: Any,
    ) -> Usage:
        """Time a few steps of one chunk of each stack and scale up.

        Raises:
            ParameterError: an option is out of its range.
        """
        beta_range = _checked(method, num_sweeps, beta_range)
        seconds, groups = 0.0, grouped(qubos, method, annealed=beta_range is not None)
        with self._suited_threads(groups, reads):
            for plan in self._plans(groups, reads, 0, num_sweeps, (1.0, 1.0)):
                seconds += self._pace(plan) * plan.steps * -(-reads // plan.replicas)
        return Usage(seconds=seconds)

    def close(self) -> None:
        """Nothing is held between calls."""

    def _plans(
        self,
        groups: Sequence[Group],
        reads: int,
        seed: int,
        num_sweeps: int | None,
        beta_range: tuple[float, float] | None,
        *,
        limited: bool = False,
    ) -> list[StackPlan]:
        return [
            planned(
                group,
                reads=reads,
                seed=seed,
                num_sweeps=num_sweeps,
                beta_range=beta_range,
                device=self.device,
                dtype=self.dtype,
                limited=limited,
            )
            for group in groups
        ]

    def _pace(self, plan: StackPlan) -> float:
        """Seconds a step."""
        job = plan.job(generator_for(self.device, 0))
        job.advance(_TIMED)  # prepares, and on cuda captures
        devices.wait_for(self.device)
        started = perf_counter()
        job.advance(_TIMED)
        devices.wait_for(self.device)
        return (perf_counter() - started) / len(_TIMED)

    def _suited_threads(self, groups: Sequence[Group], reads: int) -> AbstractContextManager[None]:
        elements = devices.ELEMENTS_AT_ONCE[self.device.type]
        return devices.suited_threads(self.device, max((group.work(reads, elements) for group in groups), default=0))

    def _device_name(self) -> str:
        if self.device.type == "cuda":
            return f"{self.device}, {torch.cuda.get_device_name(self.device)}"
        return str(self.device)


def _checked(method: str, num_sweeps: int | None, beta_range: Any) -> tuple[float, float] | None:
    """The temperature range that was given, if the options are in order.

    Raises:
        ParameterError: one is out of its range, or beta_range meets a method that has no temperatures.
    """
    one_of("method", method, METHODS)
    if num_sweeps is not None:
        whole_number("num_sweeps", num_sweeps)
    if beta_range is None:
        return None
    if method in BIFURCATIONS:
        raise ParameterError(
            f"beta_range is for annealing, but method={method!r} has no temperatures; "
            "use method='annealing', or leave beta_range out"
        )
    return inverse_temperatures(beta_range)
