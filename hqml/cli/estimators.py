"""The options of the estimators that `hqml fit` and `hqml compare` train."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import click

from hqml.catalogue import DIGITS, DUAL, KERNEL, KINDS, MULTICLASS, NEIGHBOURS, REGRESSION, SLICES
from hqml.catalogue import made as made_by_name
from hqml.cli.options import Command, backend_options

SECTIONS: Mapping[str, Sequence[str]] = {
    "Where and how long": ("backend", "reads", "seed", "time_limit", "max_qpu_seconds", "num_sweeps", "options"),
    "Kernel": KERNEL,
    "Multipliers": (*DIGITS, *DUAL, "class_weight"),
    "Only multiclass-svc and multiclass-svc-ensemble": MULTICLASS,
    "Only svc-ensemble and multiclass-svc-ensemble": SLICES,
    "Only local-svc": NEIGHBOURS,
    "Only svr": REGRESSION,
}
"""Headings of the help."""


def _number_or(*words: str) -> Callable[[click.Context, click.Parameter, str], Any]:
    """Read a number, or one of some words."""

    def read(context: click.Context, parameter: click.Parameter, value: str) -> Any:
        if value in words:
            return value
        try:
            number = float(value)
        except ValueError:
            raise click.BadParameter(f"{value!r} is neither a number nor {' or '.join(map(repr, words))}.") from None
        return int(number) if number.is_integer() else number

    return read


def _class_weight(context: click.Context, parameter: click.Parameter, pairs: Sequence[str]) -> Any:
    """None, "balanced", or a mapping {class: weight} from `class=weight` pairs."""
    if not pairs:
        return None
    if tuple(pairs) == ("balanced",):
        return "balanced"
    from hqml.tables import as_labels

    names, weights = [], []
    for pair in pairs:
        name, _, weight = pair.rpartition("=")
        try:
            weights.append(float(weight))
        except ValueError:
            name = ""
        if not name:
            raise click.BadParameter(f"found {pair!r}, write 'balanced', or class=weight once for each class")
        names.append(name)
    return dict(zip(as_labels(names).tolist(), weights, strict=True))


def _option(*names: str, **attributes: Any) -> Callable[[Command], Command]:
    """An option whose default, if it has one, is shown."""
    return click.option(*names, **{"show_default": "default" in attributes, **attributes})


_OPTIONS = [
    _option("--kernel", type=click.Choice(["rbf", "linear", "poly", "sigmoid"]), default="rbf"),
    _option("--gamma", callback=_number_or("scale", "auto"), default="scale", help="Factor of the kernel."),
    _option("--degree", type=int, default=3, help="Power of poly."),
    _option("--coef0", type=float, default=0.0, help="Constant of poly and sigmoid."),
    _option("--n-bits", type=int, default=2, help="Binary digits a multiplier."),
    _option("--n-solutions", type=int, default=20, help="Lowest solutions to aggregate."),
    _option(
        "--aggregate",
        type=click.Choice(["mean", "best", "boltzmann", "validation"]),
        default="mean",
        help="How several solutions become one.",
    ),
    _option(
        "--C",
        "C",
        type=float,
        help="Largest multiplier; not multiclass-svc.  [default: from n-bits and base; of svr 1]",
    ),
    _option("--base", type=float, default=2, help="Base of the digits; not multiclass-svc."),
    _option("--xi", type=float, default=1.0, help="Price of unbalanced multipliers; not multiclass-svc."),
    _option(
        "--bias",
        type=click.Choice(["support", "post-selection", "zero"]),
        help="How it is found; not multiclass-svc.  [default: support; of local-svc post-selection]",
    ),
    _option(
        "--class-weight",
        multiple=True,
        metavar="WEIGHT",
        callback=_class_weight,
        help="balanced, or class=weight for each; not svr.",
    ),
    _option("--beta", type=float, default=0.3, help="What the multiplier of a sample's own class is worth."),
    _option("--mu", type=float, default=0.3, help="Price of the other multipliers."),
    _option("--slice-size", callback=_number_or("auto"), default="auto", help="Samples a slice."),
    _option("--n-slices", type=int, help="Number of slices.  [default: as many as use each sample once]"),
    _option(
        "--sampling",
        type=click.Choice(["stratified", "balanced", "disjoint", "bootstrap"]),
        default="stratified",
        help="How slices are drawn.",
    ),
    _option(
        "--combine",
        type=click.Choice(["mean", "vote", "weighted"]),
        default="mean",
        help="How slices decide together.",
    ),
    _option("--n-neighbors", callback=_number_or("auto"), default="80", help="Samples a neighbourhood."),
    _option(
        "--assigned",
        type=float,
        default=0.5,
        help="Less is more neighbourhoods, which overlap more.",
    ),
    _option("--n-deciding", type=int, default=1, help="Nearest centres whose decisions are averaged."),
]
_OPTIONS_OF_REGRESSION = [
    _option("--epsilon", type=float, default=0.1, help="Half the width of the tube in which an error is free."),
    _option(
        "--scale-target/--no-scale-target",
        default=True,
        help="C and epsilon in standard deviations of the label, or in its own units.",
    ),
]


def estimator_options(command: Command) -> Command:
    """The options of all estimators."""
    return _with([*_OPTIONS, *_OPTIONS_OF_REGRESSION], command)


def classifier_options(command: Command) -> Command:
    """The options of all classifiers."""
    return _with(_OPTIONS, command)


def _with(options: Sequence[Callable[[Command], Command]], command: Command) -> Command:
    for option in reversed(options):
        command = option(command)
    return command


def refuse_options_of_others(context: click.Context, estimator: str) -> None:
    """An option that would be silently without effect is a mistake.

    Raises:
        UsageError: one was given that belongs to other estimators.
    """
    for name in context.params:
        owners = [kind for kind, one in KINDS.items() if name in one.options]
        given = context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
        if owners and estimator not in owners and given:
            raise click.UsageError(
                f"--{name.replace('_', '-')} belongs to {', '.join(owners)}; "
                f"add --estimator {' or '.join(owners[:2])}, or drop it",
                context,
            )


def made(estimator: str, parameters: Mapping[str, Any], *, scale: bool) -> Any:
    """The pipeline to fit: scaling of the features, if wanted, and the estimator.

    Args:
        estimator: one of KINDS.
        parameters: all options of `run_options` and `estimator_options`; None is the estimator's own default.
        scale: standardise the features.
    """
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    run = {name: parameters[name] for name in ("backend", "reads", "time_limit", "max_qpu_seconds")}
    options = backend_options(parameters["options"], parameters["num_sweeps"])
    own = own_parameters(estimator, parameters)
    model = made_by_name(estimator, own, **run, backend_options=options or None, random_state=parameters["seed"])
    return make_pipeline(*([StandardScaler()] if scale else []), model)


def own_parameters(estimator: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the options that belong to an estimator and are given or have a default here."""
    return {name: parameters[name] for name in KINDS[estimator].options if parameters[name] is not None}
