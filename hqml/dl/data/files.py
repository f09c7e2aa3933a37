"""Files of a specification, opened as sources."""

from __future__ import annotations

import glob
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from hqml.dl.data.digest import digest_of
from hqml.dl.data.fields import Form, channels_first, classes_of, numbers
from hqml.dl.data.file_source import Field, FileSource, KeptSource, StreamedSource
from hqml.dl.data.formats import ARRAYS, open_array
from hqml.dl.data.geotiff import Tiles, usable_tiles
from hqml.dl.data.parameters import FileParameters
from hqml.dl.data.splitting import Part, in_stretches, parts_of, some, whole
from hqml.dl.data.staging import Paths, staged
from hqml.dl.data.stored import Joined, Stored, sample_bytes
from hqml.dl.parameters import filled
from hqml.dl.source import Splits
from hqml.dl.spec import DataSpec
from hqml.errors import DataError, FormatError

MB = 10**6

_RASTERS = (".tif", ".tiff")

SUFFIXES = (*ARRAYS, *_RASTERS)
"""Of files that are read; .nc is HDF5 where it is netCDF-4."""

_SMALL = 0.1
"""Share of the memory limit up to which a field is kept while others are streamed, as labels are."""

_WINDOW = 256 * 2**20
"""Bytes of a window, at most, unless a chunk has more: an epoch's first batch has to wait for all of its window."""

_OF_A_WINDOW = 0.35
"""Of the memory that is left: there are two, one in use and one being read. Allocators keep some of what is freed."""

_BATCHES = 4
"""In memory at a time: two ahead, one in use, one being made."""

Say: TypeAlias = Callable[[str], None]
Classes: TypeAlias = tuple[str, ...] | None


@dataclass(frozen=True, eq=False)
class _Found:
    """What files hold.

    Attributes:
        arrays: by field, with one sample for each other.
        usable: which of the samples can be used; None: all.
        gap: samples from one to the next that has nothing in common with it, less 1; 0: none has.
    """

    arrays: Mapping[str, Stored]
    usable: Part | None = None
    gap: int = 0

    @property
    def nbytes(self) -> int:
        return sum(one.shape[0] * sample_bytes(one) for one in self.arrays.values())


def open_files(data: DataSpec, base: Path, *, say: Say) -> Splits:
    """Open the files of a specification; arguments and errors as for `open_splits`."""
    parameters: FileParameters = filled(FileParameters, data.parameters, "data of files")
    paths, names = named(data, base)
    found = _opened(paths, names, parameters)
    fits = found.nbytes <= data.limit_mb * MB
    if data.stage or (data.stage is None and not fits):
        local = staged(paths, must=bool(data.stage), say=say)
        found = found if local == paths else _opened(local, names, parameters)
    fields, classes = _fields(found.arrays, parameters, paths)
    unit = _unit(fields)
    usable = found.usable or whole(found.arrays["x"].shape[0], unit)
    if not len(usable):
        raise DataError(f"{paths['x'][0]} holds no samples")
    shares = (data.validation, data.test)
    if found.gap:
        parts = in_stretches(usable, unit, *shares, found.gap)
    else:
        parts = parts_of(usable, unit, *shares, parameters.seed)
    say(f"{found.nbytes / MB:.4g} MB are {'kept in memory' if fits else 'read piece by piece'}")
    return Splits(*(_kept if fits else _streamed)(data, fields, parts, classes, unit), digest=digest_of(paths))


def named(data: DataSpec, base: Path) -> tuple[Paths, Mapping[str, str]]:
    """Files and names of arrays in them, by field. Targets are in files of their own if they are named like one.

    Raises:
        FormatError: there are no such files, or not one of targets for each of inputs.
    """
    assert data.file is not None  # `open_splits` has seen to it
    x = _matching(data.file, base)
    if data.targets is None:
        return {"x": x}, {"x": data.inputs}
    if Path(data.targets).suffix.lower() in SUFFIXES:
        y = _matching(data.targets, base)
        if len(x) != len(y):
            raise FormatError(f"{data.file} are {len(x)} files, {data.targets} are {len(y)}; bring one for each")
        return {"x": x, "y": y}, {"x": data.inputs, "y": data.inputs}
    if x[0].suffix.lower() in (".npy", *_RASTERS):
        raise FormatError(
            f"{x[0]} has no arrays with names; say targets: FILE, or targets: null, found targets: {data.targets}"
        )
    return {"x": x, "y": x}, {"x": data.inputs, "y": data.targets}


def _matching(pattern: str, base: Path) -> tuple[Path, ...]:
    """The files of a name or a pattern, sorted."""
    path = base / Path(pattern).expanduser()
    names = sorted(glob.glob(str(Path(pattern).expanduser()), root_dir=base, recursive=True))
    found = [path] if path.exists() else [base / name for name in names]
    if not found:
        raise FormatError(f"there is no {path}; names are relative to the folder of the specification")
    return tuple(found)


def _opened(paths: Paths, names: Mapping[str, str], parameters: FileParameters) -> _Found:
    if paths["x"][0].suffix.lower() in _RASTERS:
        return _rasters(paths, parameters)
    arrays = {field: _joined([_open(path, names[field]) for path in paths[field]], paths[field]) for field in paths}
    x, y = arrays["x"], arrays.get("y")
    if len(x.shape) < 2:
        raise DataError(f"{paths['x'][0]}: its inputs are single numbers; give them a second axis, of features")
    if y is not None and y.shape[0] != x.shape[0]:
        raise DataError(f"{paths['x'][0]}: {x.shape[0]} inputs have {y.shape[0]} targets; bring one for each")
    return _Found(arrays)


def _open(path: Path, name: str) -> Stored:
    suffix = path.suffix.lower()
    if suffix in ARRAYS:
        return open_array(path, name)
    table = (
        "; put the columns of a table into arrays: numpy.savez, or train with `hqml fit`" if suffix == ".csv" else ""
    )
    raise FormatError(f"{path} is of no kind that is read here; there are {', '.join(SUFFIXES)}{table}")


def _rasters(paths: Paths, parameters: FileParameters) -> _Found:
    stride = parameters.stride or parameters.tile
    labels = {"x": "", "y": parameters.label}
    tiles = {
        field: [Tiles(path, parameters.tile, stride, labels[field]) for path in several]
        for field, several in paths.items()
    }
    arrays = {field: _joined(several, paths[field]) for field, several in tiles.items()}
    rows = usable_tiles(tiles["x"], tiles.get("y"))
    usable = None if len(rows) == arrays["x"].shape[0] else some(rows, arrays["x"].unit)
    rows_apart = math.ceil(parameters.tile / stride)
    gap = rows_apart * max(one.across for one in tiles["x"]) if stride < parameters.tile else 0
    return _Found(arrays, usable, gap)


def _joined(parts: list[Stored] | list[Tiles], paths: tuple[Path, ...]) -> Stored:
    return parts[0] if len(parts) == 1 else Joined(parts, [str(path) for path in paths])


def _fields(arrays: Mapping[str, Stored], parameters: FileParameters, paths: Paths) -> tuple[dict[str, Field], Classes]:
    """Fields with what becomes of them, and the names of the classes."""
    for field, array in arrays.items():
        if array.dtype.kind not in ("biuf" if field == "x" else "biufSUO"):
            raise DataError(f"{paths[field][0]}: {field} is of type {array.dtype}, which is no kind of number")
    images: Form = channels_first if parameters.layout == "channels-last" else numbers
    fields = {"x": Field(arrays["x"], images)}
    if "y" not in arrays:
        return fields, None
    found = classes_of(arrays["y"], str(paths["y"][0]), parameters.classes)
    if found is None:
        return {**fields, "y": Field(arrays["y"], numbers)}, None
    classes, codes = found
    return {**fields, "y": Field(arrays["y"], codes)}, classes


def _unit(fields: Mapping[str, Field]) -> int:
    """Samples that are read together: those of the field with the largest samples."""
    return max(fields.values(), key=lambda field: sample_bytes(field.stored)).stored.unit


def _kept(
    data: DataSpec, fields: Mapping[str, Field], parts: Iterable[Part], classes: Classes, unit: int
) -> list[FileSource]:
    kept = {name: field.kept() for name, field in fields.items()}
    return [KeptSource(kept, part, classes, unit) for part in parts]


def _streamed(
    data: DataSpec, fields: Mapping[str, Field], parts: Iterable[Part], classes: Classes, unit: int
) -> list[FileSource]:
    """Two windows and some batches are in memory at a time, and chunks that are being unpacked."""
    limit = data.limit_mb * MB
    small = {name for name, field in fields.items() if field.nbytes <= _SMALL * limit}
    chosen = {name: field.kept() if name in small else field for name, field in fields.items()}
    sample = sum(sample_bytes(field.stored) for field in fields.values())
    fixed = sum(fields[name].nbytes for name in small) + _BATCHES * data.batch * _used_bytes(chosen, classes)
    fixed += 2 * unit * sample  # one as a library unpacks it, one whose samples are picked out
    window = int(min((limit - fixed) * _OF_A_WINDOW, max(_WINDOW, unit * sample)) / sample)
    if window < unit:
        least = (unit * sample / _OF_A_WINDOW + fixed) / MB
        raise DataError(
            f"limit_mb: {data.limit_mb:g} is too little for files with chunks of {unit * sample / MB:.3g} MB; "
            f"say at least {math.ceil(least)}, or write them with smaller chunks"
        )
    return [StreamedSource(chosen, part, classes, unit, window) for part in parts]


def _used_bytes(fields: Mapping[str, Field], classes: Classes) -> int:
    """Bytes of a sample as a model takes it."""
    shapes = FileSource(fields, whole(0, 1), classes, 1).shapes
    return sum((8 if name == "y" and classes else 4) * math.prod(shape) for name, shape in shapes.items())
