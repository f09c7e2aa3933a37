"""`hqml model`: models of a registry, listed, fetched and registered."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hqml.cli import show
from hqml.cli.options import json_option

if TYPE_CHECKING:
    from hqml.dl.tracking.registry import Version

_uri_option = click.option(
    "--uri", metavar="URI", help="MLflow's server or store.  [default: $MLFLOW_TRACKING_URI, else sqlite:///mlflow.db]"
)


@click.group("model", short_help="Registered models: list, pull, push.")
def command() -> None:
    """Models in the registry of an MLflow server, or of a store in a file.

    A server's user and password are MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or a token is
    MLFLOW_TRACKING_TOKEN, in the environment. Needs pip install 'hqml[mlflow,onnx]'.

    \b
    Examples:
      hqml model list --uri http://localhost:5000
      hqml model pull landsat-resnet/3 --out landsat.onnx
      hqml model push out/landsat
    """


@command.command("list", short_help="List registered models.")
@click.argument("name", required=False)
@_uri_option
@json_option
def list_models(name: str | None, uri: str | None, as_json: bool) -> None:
    """List the versions of all models, or of NAME, the newest of each first.

    \b
    Examples:
      hqml model list
      hqml model list landsat-resnet --uri sqlite:///runs.db --json
    """
    from hqml.dl.tracking.registry import Registry

    registry = Registry(uri)
    found = registry.versions(name)
    if as_json:
        show.as_json([_plain(one) for one in found])
        return
    header = ("name", "version", "family", "data", "figures", "site", "registered")
    show.as_rows(f"Models of {_address(registry.uri)}", header, [_row(one) for one in found])


@command.command("pull", short_help="Fetch a registered model.")
@click.argument("model", metavar="NAME[/VERSION|@ALIAS]")
@click.option("--out", metavar="FILE.onnx", help="The file to write.  [default: NAME.onnx]")
@_uri_option
@json_option
def pull(model: str, out: str | None, uri: str | None, as_json: bool) -> None:
    """Write the ONNX file of a registered model, with the bytes that were registered; the newest unless said.

    \b
    Examples:
      hqml model pull landsat-resnet
      hqml model pull landsat-resnet@champion --out best.onnx
    """
    from hqml.dl.tracking.registry import Registry

    if out is not None and not out.lower().endswith(".onnx"):
        raise click.BadParameter(f"{out!r} must end in .onnx", param_hint="--out")
    registry = Registry(uri)
    version = registry.find(model)
    path = Path(out or f"{version.name}.onnx")
    if out is None and path.exists():
        raise click.UsageError(f"{path} is there already; choose a file with --out")
    registry.pull(version.where, path)
    _tell(version, {"out": str(path)}, as_json)


@command.command("push", short_help="Register a model.")
@click.argument("source", metavar="FILE.onnx|DIR")
@click.option("--name", metavar="NAME", help="Of the registered model.  [default: the task's, else the file's]")
@_uri_option
@json_option
def push(source: str, name: str | None, uri: str | None, as_json: bool) -> None:
    """Register an ONNX file, or the model.onnx of a folder of `hqml train`.

    What the tracking tool of such a folder was not told while it could not be reached, or was not to be, is sent
    instead: its run with parameters and figures, and the model with it. A file that is the newest version already
    makes no new one.

    \b
    Examples:
      hqml model push out/landsat
      hqml model push landsat.onnx --name landsat-resnet --uri http://localhost:5000
    """
    folder = Path(source)
    if folder.is_dir():
        from hqml.dl.tracking.registry import send_waiting, waits

        if waits(folder):
            if name is not None:
                raise click.UsageError("--name is for a file; the run of this folder knows its model's name")
            sent = {"folder": source, "sent": send_waiting(folder, uri)}
            show.as_json(sent) if as_json else click.echo(f"sent {sent['sent']} messages of {source}")
            return
        folder = folder / "model.onnx"
    from hqml.dl.tracking.model_file import read_model
    from hqml.dl.tracking.registry import Registry

    name = name or _registered_as(folder) or read_model(folder).task_name or folder.stem
    uri = uri or _tracked_at(folder.parent)
    _tell(Registry(uri, make=True).push(folder, name), {"file": str(folder)}, as_json)


def _tracked_at(folder: Path) -> str | None:
    """Where the run of a folder was tracked; None: nowhere."""
    from hqml.dl.tracking.memory import Memory

    run = Memory(folder).run()
    return None if run is None else run[0].uri


def _registered_as(file: Path) -> str | None:
    """What the task of a folder's model says it is registered as."""
    spec = file.with_name("task.yaml")
    if not spec.is_file():
        return None
    from hqml.dl.spec_file import read_task

    tracking = read_task(spec).tracking
    return None if tracking is None else tracking.register_as


def _tell(version: Version, more: dict[str, Any], as_json: bool) -> None:
    if as_json:
        show.as_json(_plain(version) | more)
    else:
        show.as_pairs(version.where, {**more, **_figures(version)})


def _plain(version: Version) -> dict[str, Any]:
    return {
        "name": version.name,
        "version": version.version,
        "registered": version.created.isoformat(timespec="seconds"),
        "aliases": list(version.aliases),
        "run": version.run,
        **version.facts,
    }


def _row(version: Version) -> list[Any]:
    number = f"{version.version}{''.join(f' @{alias}' for alias in version.aliases)}"
    facts = version.facts
    what = facts.get("family") or facts.get("estimator")
    created = version.created.astimezone().strftime("%Y-%m-%d %H:%M")
    return [version.name, number, what, facts.get("data"), _figures(version) or None, facts.get("site"), created]


def _figures(version: Version) -> dict[str, Any]:
    """Of the test data; the loss only where it is all there is."""
    found: dict[str, Any] = {}
    for name, text in version.facts.items():
        if name.startswith("test."):
            try:
                found[name.removeprefix("test.")] = float(text)
            except ValueError:
                continue
    return {name: value for name, value in found.items() if name != "loss" or len(found) == 1}


def _address(uri: str) -> str:
    from hqml.secrets import scrubbed

    return scrubbed(uri)
