"""What `data:` of a specification may say of files. Light, since specifications are checked where no data are read."""

from __future__ import annotations

from dataclasses import dataclass

from hqml.errors import ParameterError
from hqml.options import one_of


@dataclass(frozen=True)
class FileParameters:
    """Keys besides those that all data have.

    Attributes:
        classes: names of the classes 0, 1, ... of the targets; false: whole numbers are quantities; true: numbers with
            a point are classes; None: whole numbers and text are classes.
        layout: channels-last where images have their channels last.
        tile: pixels of the side of a sample of rasters.
        stride: pixels from one tile to the next; None: as `tile`, so that tiles do not overlap.
        label: tile: the targets of a tile are its pixels; centre: the one in its middle.
        seed: of the split.
    """

    classes: tuple[str, ...] | bool | None = None
    layout: str = "channels-first"
    tile: int = 64
    stride: int | None = None
    label: str = "tile"
    seed: int = 0

    def __post_init__(self) -> None:
        one_of("layout", self.layout, ["channels-first", "channels-last"])
        one_of("label", self.label, ["tile", "centre"])
        if self.tile < 1 or (self.stride is not None and self.stride < 1):
            raise ParameterError(f"tile and stride must be at least 1 pixel, found {self.tile} and {self.stride}")
        if isinstance(self.classes, tuple) and not self.classes:
            raise ParameterError("classes must name at least one class; leave it out to take what is found")
