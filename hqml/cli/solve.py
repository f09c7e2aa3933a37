"""`hqml solve`: a model from a file, its lowest energy on the screen, its samples in a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from hqml.cli import show
from hqml.cli.failures import say
from hqml.cli.options import backend_options, json_option, run_options

if TYPE_CHECKING:
    import dimod

    from hqml.io import LoadedModel


@click.command("solve", short_help="Look for the lowest energy of a model in a file.")
@click.argument("file")
@run_options
@click.option(
    "--bound",
    type=float,
    metavar="ENERGY",
    help="A lower bound, or the best value known, to report the gap to (cut: .mc).",
)
@click.option("--out", metavar="FILE", help="Write the samples, lowest energy first, as .npz, .csv or .json.")
@json_option
def command(
    file: str,
    backend: str,
    reads: int,
    seed: int | None,
    time_limit: float | None,
    max_qpu_seconds: float | None,
    num_sweeps: int | None,
    options: dict[str, Any],
    bound: float | None,
    out: str | None,
    as_json: bool,
) -> None:
    """Look for the lowest energy of the model in FILE.

    FILE is a graph (.mc, for maximum cut), a QUBO (.qubo, .coo, .npz, .npy) or a dimod model (.bqm); text may be
    gzipped. Energies are in the file's own convention, of a graph minus the cut. Ctrl-C ends the search with the best
    found so far; press it twice to stop (Open MPI's mpiexec ends at once: give --time-limit there). A gap is
    |energy - bound| / max(1, |bound|); of a model in Gram form (.npz) a bound is proven, above 300 points by --option
    bound=true.

    \b
    --out FILE by its suffix:
      .npz   arrays states (reads, n) int8, energies (reads,), labels (n,), and cuts (reads,) of a graph
      .csv   a header `energy,[cut,]` and the labels, then a sample a line
      .json  the object of --json with the lists labels, energies, states (and cuts)

    \b
    Examples:
      hqml solve gka1a.qubo.gz --backend cpu --reads 200 --seed 0 --json
      hqml solve G1.mc --time-limit 5 --option threads=2 --out cuts.npz
    """
    from hqml.files import check_writable, replacing

    if out is not None:
        write = _writer(out)
        check_writable(out)
    model, samples, timing = _solved(
        file,
        backend,
        reads=reads,
        seed=seed,
        time_limit=time_limit,
        max_qpu_seconds=max_qpu_seconds,
        **backend_options(options, num_sweeps),
    )
    summary = _summary(backend, model, samples, timing, bound)
    if out is not None:
        with replacing(out) as stream:
            write(stream, model, samples, summary)
        summary["out"] = out
    if samples.info.get("interrupted"):
        say("interrupted: this is the best found so far")
    if stand_in := samples.info.get("stand_in"):
        say(f"note: {backend} is a {stand_in}")
    if as_json:
        show.as_json(summary)
    else:
        show.as_pairs(file, summary)


def _solved(file: str, backend: str, **arguments: Any) -> tuple[LoadedModel, dimod.SampleSet, dict[str, float]]:
    """The model, its samples, and the seconds that each stage took."""
    from hqml.dispatch import sample
    from hqml.io import read

    started = perf_counter()
    model = read(file)
    built = perf_counter() - started
    with show.bar(f"{backend}: {model.qubo.num_variables} variables"):
        samples = sample(model.qubo, backend, **arguments)
    total = perf_counter() - started
    measured = samples.info["timing"]
    build = built + measured.get("build", 0.0)
    metered = {"qpu": measured["qpu"]} if "qpu" in measured else {}
    return model, samples, {"build": build, "solve": total - build, "total": total, **metered}


def _summary(
    backend: str, model: LoadedModel, samples: dimod.SampleSet, timing: dict[str, float], bound: float | None
) -> dict[str, Any]:
    energy = float(samples.record.energy.min())
    summary: dict[str, Any] = {
        "backend": backend,
        "variables": model.qubo.num_variables,
        "reads": len(samples),
        "energy": energy,
    }
    if model.graph is not None:
        summary["cut"] = float(_cuts(model, samples).max())
    lowest = _bound(model, samples, bound)
    if lowest is not None:
        summary["gap"] = abs(energy - lowest) / max(abs(lowest), 1.0)
    summary["seed"] = samples.info.get("seed")
    summary["timing"] = timing
    if samples.info.get("interrupted"):
        summary["interrupted"] = True
    return summary


def _bound(model: LoadedModel, samples: dimod.SampleSet, given: float | None) -> float | None:
    """A lower bound of the energy: the user's (of a graph, minus that of the cut), else what has been proven."""
    if given is not None:
        return given if model.graph is None else -given
    if samples.info.get("complete"):  # a backend that has looked at every state has proven its result
        return float(samples.record.energy.min())
    bound: float | None = samples.info.get("bound")  # of a Gram model
    return bound


def _cuts(model: LoadedModel, samples: dimod.SampleSet) -> Any:
    from hqml.samples import states_of

    return model.cut(states_of(samples, model.qubo))


_Writer = Callable[[BinaryIO, "LoadedModel", "dimod.SampleSet", dict[str, Any]], None]


def _writer(out: str) -> _Writer:
    suffix = Path(out).suffix.lower()
    if suffix not in _WRITERS:
        raise click.BadParameter(f"{out!r} must end in {', '.join(_WRITERS)}", param_hint="--out")
    return _WRITERS[suffix]


def _columns(model: LoadedModel, samples: dimod.SampleSet) -> dict[str, Any]:
    from hqml.samples import states_of

    columns = {"labels": list(model.qubo.labels), "energies": samples.record.energy}
    if model.graph is not None:
        columns["cuts"] = _cuts(model, samples)
    return columns | {"states": states_of(samples, model.qubo)}


def _write_npz(stream: BinaryIO, model: LoadedModel, samples: dimod.SampleSet, summary: dict[str, Any]) -> None:
    import numpy as np

    columns = _columns(model, samples)
    labels = columns.pop("labels")
    whole = all(isinstance(label, int) for label in labels)
    np.savez_compressed(stream, labels=np.array(labels if whole else [str(label) for label in labels]), **columns)


def _write_csv(stream: BinaryIO, model: LoadedModel, samples: dimod.SampleSet, summary: dict[str, Any]) -> None:
    columns = _columns(model, samples)
    numbers = [columns[name].tolist() for name in ("energies", "cuts") if name in columns]
    header = ["energy", *(["cut"] if "cuts" in columns else []), *columns["labels"]]
    rows = ([*first, *state] for *first, state in zip(*numbers, columns["states"].tolist(), strict=True))
    show.write_csv(stream, header, rows)


def _write_json(stream: BinaryIO, model: LoadedModel, samples: dimod.SampleSet, summary: dict[str, Any]) -> None:
    stream.write(show.json_text({**summary, **_columns(model, samples)}).encode())


_WRITERS: dict[str, _Writer] = {".npz": _write_npz, ".csv": _write_csv, ".json": _write_json}
