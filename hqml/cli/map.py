"""`hqml map`: a model file and a raster in, a map and a picture of it out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from hqml.cli import show
from hqml.cli.options import json_option


def _bands(context: click.Context, parameter: click.Parameter, value: str | None) -> Sequence[int] | None:
    """Read numbers with commas between them."""
    if value is None:
        return None
    try:
        return [int(one) for one in value.split(",")]
    except ValueError:
        raise click.BadParameter(f"found {value!r}, write numbers with commas between them, e.g. 1,2,3,4") from None


@click.command("map", short_help="Classify a scene with a saved model.")
@click.argument("model")
@click.argument("scene")
@click.argument("out")
@click.option(
    "--bands",
    callback=_bands,
    metavar="1,2,...",
    help="Bands of the scene, in the order of the model's features.  [default: all, or by their names]",
)
@click.option(
    "--neighbourhood",
    type=click.IntRange(min=1),
    metavar="N",
    help="The model takes squares of N x N pixels.  [default: found from bands and features]",
)
@click.option("--png", metavar="FILE.png", help="The picture to write.  [default: OUT with .png]")
@click.option("--no-png", is_flag=True, help="Write no picture.")
@click.option("--threads", type=click.IntRange(min=1), help="[default: one a core]")
@json_option
def command(
    model: str,
    scene: str,
    out: str,
    bands: Sequence[int] | None,
    neighbourhood: int | None,
    png: str | None,
    no_png: bool,
    threads: int | None,
    as_json: bool,
) -> None:
    """Predict every pixel of the raster SCENE with a MODEL that `hqml fit` saved, and write the GeoTIFF OUT.

    MODEL is a .skops or .onnx file that takes the bands of a pixel, or those of a square of 3 x 3, 5 x 5, ... pixels:
    pixel by pixel from the top left, band by band. OUT lies where SCENE lies; a pixel without data in any band has none
    in OUT. Needs pip install 'hqml[geo]'.

    \b
    Examples:
      hqml map sat.skops scene.tif classes.tif
      hqml map sat.onnx scene.tif classes.tif --bands 2,3,4,5 --no-png --json
    """
    from hqml.cli.models import loaded
    from hqml.geo import map_scene

    if no_png and png is not None:
        raise click.UsageError("--png names a picture and --no-png wants none; drop one of them")
    picture = None if no_png else png or str(Path(out).with_suffix(".png"))
    with show.bar(f"mapping {scene}"):
        mapped = map_scene(
            loaded(model), scene, out, png=picture, bands=bands, neighbourhood=neighbourhood, threads=threads
        )
    summary: dict[str, Any] = {"model": model, **mapped.summary()}
    if as_json:
        show.as_json(summary)
    else:
        show.as_pairs(scene, summary | {"bands": ", ".join(map(str, mapped.bands))})
