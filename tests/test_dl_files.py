"""Files as data: every format gives the same samples, kept or streamed."""

from __future__ import annotations

import contextlib
import re
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hqml.dl.data import open_splits, signature_of
from hqml.dl.data.file_source import KeptSource, StreamedSource
from hqml.dl.data.loader import Loader
from hqml.dl.data.splitting import parts_of, some, whole
from hqml.dl.source import Splits
from hqml.dl.spec import DataSpec
from hqml.errors import DataError, FormatError, HqmlError, ParameterError

Array = npt.NDArray[Any]

SAMPLES = 6000


@pytest.fixture(scope="module")
def x() -> Array:
    """Of which no value is there twice, 1.2 kB a sample: 7 units of a read and a bit."""
    return np.arange(SAMPLES * 300, dtype=np.int32).reshape(SAMPLES, 300)


@pytest.fixture(scope="module")
def y() -> Array:
    return (np.arange(SAMPLES) % 7).astype(np.uint8)


def write_h5(path: Path, **options: Any) -> Any:
    h5py = pytest.importorskip("h5py", reason="HDF5 is read by h5py")

    def write(x: Array, y: Array) -> DataSpec:
        with h5py.File(path / "data.h5", "w") as file:
            file.create_dataset("images", data=x, **options)
            file["group/labels"] = y
        return DataSpec(file="data.h5", inputs="images", targets="group/labels")

    return write


def write_zarr(path: Path, **options: Any) -> Any:
    zarr = pytest.importorskip("zarr", reason="Zarr is read by zarr")

    def write(x: Array, y: Array) -> DataSpec:
        group = zarr.open_group(path / "data.zarr", mode="w")
        group.create_array("x", data=x, chunks=(100, *x.shape[1:]), **options)
        group.create_array("y", data=y, chunks=(1000, *y.shape[1:]))
        return DataSpec(file="data.zarr")

    return write


def write_npy(path: Path) -> Any:
    def write(x: Array, y: Array) -> DataSpec:
        np.save(path / "x.npy", x)
        np.save(path / "y.npy", y)
        return DataSpec(file="x.npy", targets="y.npy")

    return write


def write_npz(path: Path, save: Any) -> Any:
    def write(x: Array, y: Array) -> DataSpec:
        save(path / "data.npz", x=x, y=y)
        return DataSpec(file="data.npz")

    return write


def write_several(path: Path) -> Any:
    def write(x: Array, y: Array) -> DataSpec:
        for number, (low, high) in enumerate([(0, 10), (10, 4000), (4000, SAMPLES)]):
            np.savez(path / f"part-{number}.npz", x=x[low:high], y=y[low:high])
        return DataSpec(file="part-*.npz")

    return write


WRITERS = {
    "h5-contiguous": write_h5,
    "h5-chunked": lambda path: write_h5(path, chunks=(64, 300)),
    "h5-parts-of-samples": lambda path: write_h5(path, chunks=(64, 100)),
    "h5-gzip": lambda path: write_h5(path, chunks=(100, 100), compression="gzip", compression_opts=1, shuffle=True),
    "zarr": write_zarr,
    "zarr-sharded": lambda path: write_zarr(path, shards=(1000, 300)),
    "npy": write_npy,
    "npz": lambda path: write_npz(path, np.savez),
    "several": write_several,
}


@pytest.mark.parametrize("limit", [1000, 7])
@pytest.mark.parametrize("name", WRITERS)
def test_every_format_gives_all_samples_once_whether_kept_or_streamed(
    name: str, limit: int, x: Array, y: Array, tmp_path: Path
) -> None:
    spec = WRITERS[name](tmp_path)(x, y).model_copy(update={"limit_mb": limit, "batch": 100})
    with contextlib.closing(Opened(spec, tmp_path)) as opened:
        splits = opened.splits
        kind = KeptSource if limit == 1000 else StreamedSource
        assert isinstance(splits.train, kind)
        assert signature_of(splits).x == (300,)
        assert splits.train.classes == tuple("0123456")
        assert [len(one) for one in opened.sources] == [4200, 600, 1200]
        seen = []
        for source in opened.sources:
            for batch in Loader(source, 100).epoch(0):
                assert (batch["x"].dtype, batch["y"].dtype) == (np.float32, np.int64)
                numbers = np.round(batch["x"][:, 0] / 300).astype(int)
                assert np.array_equal(batch["x"], x[numbers].astype(np.float32))
                assert np.array_equal(batch["y"], numbers % 7)
                seen += numbers.tolist()
        assert sorted(seen) == list(range(SAMPLES))
        rows = np.array([5, 599, 0, 5])
        assert np.array_equal(splits.validation.read(rows)["x"][0], splits.validation.read(rows)["x"][3])
        assert np.array_equal(splits.validation.read(rows)["x"][1], splits.validation.read(rows[1:2])["x"][0])


def test_a_packed_npz_is_kept_or_refused(x: Array, y: Array, tmp_path: Path) -> None:
    spec = write_npz(tmp_path, np.savez_compressed)(x[:2000], y[:2000])
    train = open_splits(spec, tmp_path).train
    assert isinstance(train, KeptSource)
    assert len(np.unique(train.read(np.arange(1400))["x"])) == 1400 * 300
    with pytest.raises(DataError, match=r"limit_mb: 1 is too little for files with chunks of 2\.4 MB; say at least 12"):
        open_splits(spec.model_copy(update={"limit_mb": 1}), tmp_path)


def test_a_file_that_is_cut_off_after_it_was_opened_is_told(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.zeros((100_000, 30)))
    spec = DataSpec(file="x.npy", targets=None, limit_mb=10)
    train = open_splits(spec, tmp_path).train
    with open(tmp_path / "x.npy", "r+b") as file:
        file.truncate(1_000_000)
    with pytest.raises(FormatError, match="has become shorter while it was read"):
        list(Loader(train, 1000).epoch(0))


@pytest.mark.parametrize("prefetch", [0, 2])
def test_a_file_four_times_as_large_as_the_limit_stays_below_it(prefetch: int, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.zeros((32_000, 250), np.float32))
    open_splits(DataSpec(file="x.npy", targets=None), tmp_path)  # what it imports is not counted
    tracemalloc.start()
    try:
        splits = open_splits(DataSpec(file="x.npy", targets=None, limit_mb=8, batch=100), tmp_path)
        for source in (splits.train, splits.validation):
            assert sum(len(batch["x"]) for batch in Loader(source, 100, prefetch=prefetch).epoch(0)) == len(source)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8e6


class Opened:
    """Splits that are closed."""

    def __init__(self, spec: DataSpec, base: Path) -> None:
        self.splits: Splits = open_splits(spec, base)
        self.sources = (self.splits.train, self.splits.validation, self.splits.test)

    def close(self) -> None:
        for source in self.sources:
            source.close()


def test_memory_does_not_change_the_split(x: Array, y: Array, tmp_path: Path) -> None:
    spec = write_npy(tmp_path)(x, y)
    kept, streamed = (open_splits(spec.model_copy(update={"limit_mb": limit}), tmp_path) for limit in (1000, 7))
    for one, other in zip((kept.train, kept.test), (streamed.train, streamed.test), strict=True):
        rows = np.arange(0, len(one), 7)
        assert np.array_equal(one.read(rows)["x"], other.read(rows)["x"])


class TestSplitting:
    @given(
        st.integers(3, 3000),
        st.integers(1, 20),
        st.floats(0, 0.45),
        st.floats(0, 0.45),
        st.integers(-3, 3),
        st.booleans(),
    )
    def test_each_sample_is_in_one_part_of_the_size_that_was_asked_for(
        self, samples: int, unit: int, validation: float, test: float, seed: int, holes: bool
    ) -> None:
        rows = np.arange(samples)[:: 3 if holes and samples > 8 else 1]
        usable = some(rows, unit) if holes else whole(samples, unit)
        parts = parts_of(usable, unit, validation, test, seed)
        numbers = [part.rows(np.arange(len(part))) for part in parts]
        assert sorted(np.concatenate(numbers).tolist()) == rows.tolist()
        assert all(np.all(np.diff(one) > 0) for one in numbers)
        granule = 1 if len(usable.bounds) < 101 else unit
        for part, share in zip(parts[1:], (validation, test), strict=True):
            assert abs(len(part) - share * len(rows)) <= granule * 2 + 1
            assert len(part) or share == 0

    def test_large_files_are_split_by_whole_units_evenly_from_beginning_to_end(self) -> None:
        _, watched, tested = parts_of(whole(100_000, 100), 100, 0.1, 0.2)
        for part, share in ((watched, 0.1), (tested, 0.2)):
            rows = part.rows(np.arange(len(part)))
            assert np.all(np.bincount(rows // 100) % 100 == 0)
            tenths = np.bincount(rows // 10_000, minlength=10)
            assert np.all(np.abs(tenths - share * 10_000) <= 400)

    def test_too_few_samples_are_an_error(self) -> None:
        with pytest.raises(DataError, match=r"2 samples are too few for validation 0\.1 and test 0\.2"):
            parts_of(whole(2, 1), 1, 0.1, 0.2)


class TestTargets:
    def opened(self, tmp_path: Path, y: Array, **keys: Any) -> Splits:
        np.savez(tmp_path / "data.npz", x=np.arange(2.0 * len(y)).reshape(-1, 2), y=y)
        return open_splits(DataSpec(file="data.npz", **keys), tmp_path)

    def test_whole_numbers_are_classes_and_get_numbers_from_0(self, tmp_path: Path) -> None:
        splits = self.opened(tmp_path, np.array([30, -1, 30, 7] * 5))
        assert splits.train.classes == ("-1", "7", "30")
        batch = splits.train.read(np.arange(len(splits.train)))
        assert batch["y"].tolist() == [[2, 0, 2, 1][int(first) // 2 % 4] for first in batch["x"][:, 0]]

    def test_text_is_classes(self, tmp_path: Path) -> None:
        assert self.opened(tmp_path, np.array(["water", "corn"] * 5)).train.classes == ("corn", "water")

    def test_text_of_hdf5_is_classes(self, tmp_path: Path) -> None:
        h5py = pytest.importorskip("h5py", reason="HDF5 is read by h5py")
        with h5py.File(tmp_path / "data.h5", "w") as file:
            file["x"] = np.zeros((10, 2))
            file["y"] = ["Gänse", "Adler"] * 5
        splits = open_splits(DataSpec(file="data.h5"), tmp_path)
        assert splits.train.classes == ("Adler", "Gänse")
        assert set(splits.train.read(np.arange(7))["y"].tolist()) == {0, 1}

    def test_classes_may_be_named(self, tmp_path: Path) -> None:
        splits = self.opened(tmp_path, np.array([0, 1] * 5), classes=["a", "b", "c"])
        assert splits.train.classes == ("a", "b", "c")

    def test_a_number_that_is_no_class_is_an_error(self, tmp_path: Path) -> None:
        splits = self.opened(tmp_path, np.array([0, 5] * 5), classes=["a", "b"])
        with pytest.raises(DataError, match="holds 5, which is none of its 2 classes"):
            splits.train.read(np.arange(7))

    @pytest.mark.parametrize("y", [np.arange(10.0), np.arange(10)])
    def test_quantities_are_float32(self, y: Array, tmp_path: Path) -> None:
        splits = self.opened(tmp_path, y, classes=False)
        assert splits.train.classes is None
        assert splits.train.read(np.arange(3))["y"].dtype == np.float32

    def test_there_need_not_be_any(self, tmp_path: Path) -> None:
        splits = self.opened(tmp_path, np.arange(10), targets=None)
        assert signature_of(splits).y is None

    def test_masks_are_classes_of_pixels(self, tmp_path: Path) -> None:
        splits = self.opened(tmp_path, np.arange(10 * 12).reshape(10, 3, 4) % 5)
        assert (signature_of(splits).y, splits.train.classes) == ((3, 4), tuple("01234"))


def test_channels_that_come_last_are_brought_to_the_front(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 255, (10, 5, 4, 3), np.uint8)
    np.save(tmp_path / "x.npy", images)
    spec = DataSpec(file="x.npy", targets=None, test=0, validation=0, layout="channels-last")
    splits = open_splits(spec, tmp_path)
    assert signature_of(splits).x == (3, 5, 4)
    assert np.array_equal(splits.train.read(np.arange(10))["x"], images.transpose(0, 3, 1, 2).astype(np.float32))


class TestRasters:
    @pytest.fixture
    def scenes(self, tmp_path: Path) -> Path:
        rasterio = pytest.importorskip("rasterio", reason="rasters are read by rasterio")
        from rasterio.transform import Affine

        for number, (height, width) in enumerate([(50, 70), (33, 40)]):
            bands = np.arange(2 * height * width, dtype=np.int16).reshape(2, height, width) + 1
            labels = (bands[0] % 3).astype(np.uint8)
            if number == 0:
                bands[:, 0, 0] = 0
                labels[49, 69] = 255
            grid = {"height": height, "width": width, "driver": "GTiff", "transform": Affine(30, 0, 0, 0, -30, 0)}
            with rasterio.open(tmp_path / f"scene-{number}.tif", "w", count=2, dtype="int16", nodata=0, **grid) as file:
                file.write(bands)
            with rasterio.open(tmp_path / f"map-{number}.tif", "w", count=1, dtype="uint8", nodata=255, **grid) as file:
                file.write(labels, 1)
        return tmp_path

    def opened(self, scenes: Path, **keys: Any) -> dict[str, Array]:
        spec = DataSpec(file="scene-*.tif", **{"targets": "map-*.tif", "test": 0, "validation": 0, "tile": 10, **keys})
        splits = open_splits(spec, scenes)
        with contextlib.closing(splits.train):
            return splits.train.read(np.arange(len(splits.train)))

    def test_tiles_without_data_or_without_a_label_are_left_out(self, scenes: Path) -> None:
        batch = self.opened(scenes)
        assert batch["x"].shape == (5 * 7 - 2 + 3 * 4, 2, 10, 10)
        assert batch["y"].shape == (45, 10, 10)
        assert np.array_equal(batch["y"], (batch["x"][:, 0] % 3).astype(int))

    def test_the_label_may_be_that_of_the_pixel_in_the_middle(self, scenes: Path) -> None:
        batch = self.opened(scenes, tile=5, stride=2, label="centre")
        assert batch["y"].shape == (len(batch["x"]),)
        assert np.array_equal(batch["y"], (batch["x"][:, 0, 2, 2] % 3).astype(int))

    def test_no_pixel_of_overlapping_tiles_is_in_two_splits(self, scenes: Path) -> None:
        spec = DataSpec(file="scene-0.tif", targets=None, validation=0.2, test=0.2, tile=6, stride=2)
        with contextlib.closing(Opened(spec, scenes)) as opened:
            pixels = [set(source.read(np.arange(len(source)))["x"][:, 0].ravel().tolist()) for source in opened.sources]
        assert all(pixels)
        assert not pixels[0] & (pixels[1] | pixels[2])
        assert not pixels[1] & pixels[2]

    def test_too_few_overlapping_tiles_are_an_error(self, scenes: Path) -> None:
        with pytest.raises(DataError, match=r"overlapping samples are too few .* say a larger stride"):
            open_splits(DataSpec(file="scene-0.tif", targets=None, tile=30, stride=1), scenes)

    def test_without_targets_there_are_tiles_alone(self, scenes: Path) -> None:
        assert self.opened(scenes, targets=None).keys() == {"x"}

    def test_a_scene_smaller_than_a_tile_is_an_error(self, scenes: Path) -> None:
        with pytest.raises(DataError, match="33 x 40 pixels, less than a tile of 35"):
            self.opened(scenes, tile=35)

    def test_targets_of_another_grid_are_an_error(self, scenes: Path) -> None:
        with pytest.raises(DataError, match=r"50 x 70 and 33 x 40 pixels"):
            open_splits(DataSpec(file="scene-0.tif", targets="map-1.tif", tile=10), scenes)


def test_only_the_name_is_a_pattern_not_its_folder(tmp_path: Path) -> None:
    base = tmp_path / "run [1]"
    base.mkdir()
    for number in range(2):
        np.save(base / f"part-{number}.npy", np.zeros((5, 2)))
    splits = open_splits(DataSpec(file="part-*.npy", targets=None, validation=0, test=0), base)
    assert len(splits.train) == 10


def damaged(tmp_path: Path) -> None:
    """Files of all kinds of trouble."""
    np.save(tmp_path / "flat.npy", np.arange(10))
    np.save(tmp_path / "x.npy", np.zeros((10, 2)))
    np.save(tmp_path / "y.npy", np.zeros(9))
    np.save(tmp_path / "empty.npy", np.zeros((0, 2)))
    np.save(tmp_path / "objects.npy", np.array([[{}]]), allow_pickle=True)
    np.save(tmp_path / "complex.npy", np.zeros((10, 2), complex))
    np.save(tmp_path / "fortran.npy", np.zeros((10, 2), order="F"))
    np.save(tmp_path / "number.npy", np.float64(1))
    np.save(tmp_path / "wide.npy", np.zeros((10, 3)))
    np.savez(tmp_path / "data.npz", x=np.zeros((1500, 2)), y=np.arange(1500), words=np.array(["a", "b"] * 750))
    np.savez(tmp_path / "one.npz", x=np.zeros((10, 2)), y=np.full(10, 4))
    (tmp_path / "cut.npy").write_bytes((tmp_path / "x.npy").read_bytes()[:-8])
    (tmp_path / "header.npy").write_bytes((tmp_path / "x.npy").read_bytes()[:20])
    for name in ("text.h5", "text.npz", "text.npy", "text.tif", "text.csv", "text.zarr"):
        (tmp_path / name).write_text("no data")
    (tmp_path / "folder.zarr").mkdir()
    for name, content in {"zarr.json": '{"zarr_format": 3, "node_type": "group"}', "z/zarr.json": "{"}.items():
        (tmp_path / "other.zarr" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "other.zarr" / name).write_text(content)


TROUBLES = [
    ({"file": "none.npy"}, "there is no .*none.npy; names are relative"),
    ({"file": "none-*.h5"}, "there is no .*none-"),
    ({"file": "text.csv", "targets": None}, "is of no kind that is read here; there are .h5"),
    ({"file": "x.npy"}, "has no arrays with names; say targets: FILE, or targets: null"),
    ({"file": "x.npy", "targets": "y.npy"}, "10 inputs have 9 targets"),
    ({"file": "x.npy", "targets": "[xy].npy"}, "x.npy are 1 files, .* are 2"),
    ({"file": "[xw]*.npy", "targets": None}, "files of one pattern must be alike"),
    ({"file": "flat.npy", "targets": None}, "inputs are single numbers; give them a second axis"),
    ({"file": "empty.npy", "targets": None}, "holds no samples"),
    ({"file": "objects.npy", "targets": None}, "holds Python objects, which are code"),
    ({"file": "complex.npy", "targets": None}, "x is of type complex128, which is no kind of number"),
    ({"file": "fortran.npy", "targets": None}, "Fortran's order"),
    ({"file": "number.npy", "targets": None}, "holds a single number"),
    ({"file": "cut.npy", "targets": None}, "cut off: it has 280 bytes of 288"),
    ({"file": "header.npy", "targets": None}, "cannot be read as an array of NumPy"),
    ({"file": "text.npy", "targets": None}, "cannot be read as an array of NumPy"),
    ({"file": "text.npz"}, "cannot be read as .npz"),
    ({"file": "text.h5"}, "cannot be read as HDF5"),
    ({"file": "text.tif", "targets": None}, "cannot be read as a raster"),
    ({"file": "text.zarr"}, "cannot be read as Zarr"),
    ({"file": "folder.zarr"}, "cannot be read as Zarr"),
    ({"file": "other.zarr"}, "cannot be read as Zarr"),
    ({"file": "data.npz", "inputs": "images"}, "has no array 'images'; there are: x, y, words"),
    ({"file": "data.npz"}, "more than 1000 different targets, too many for classes"),
    ({"file": "data.npz", "targets": "words", "classes": False}, "holds text, which are classes"),
    ({"file": "one.npz"}, r"holds one class alone, \[4\]"),
    ({"file": "data.npz", "classes": []}, "must name at least one class"),
    ({"file": "data.npz", "tile": 0}, "tile and stride must be at least 1"),
    ({"file": "data.npz", "layout": "hwc"}, "layout must be one of 'channels-first', 'channels-last'"),
    ({"file": "data.npz", "tiles": 4}, "data of files takes no parameter 'tiles'; did you mean 'tile'"),
    ({"file": "x.npy", "targets": None, "validation": 0.5, "test": 0.5}, "leave no data to learn from"),
    ({"file": "data.npz", "classes": False, "limit_mb": 0.001}, "limit_mb: 0.001 is too little .* say at least"),
]


@pytest.mark.parametrize(("keys", "message"), TROUBLES)
def test_what_cannot_be_used_is_told_in_one_line(keys: dict[str, Any], message: str, tmp_path: Path) -> None:
    for library in [one for one in ("h5py", "zarr") if one[:2] in keys["file"]] + ["rasterio"] * (
        ".tif" in keys["file"]
    ):
        pytest.importorskip(library, reason=f"{keys['file']} is read by {library}")
    damaged(tmp_path)
    with pytest.raises(HqmlError) as error:
        open_splits(DataSpec(**keys), tmp_path)
    assert re.search(message, str(error.value))
    assert "\n" not in str(error.value)
    assert isinstance(error.value, DataError | FormatError | ParameterError)


@pytest.mark.parametrize("suffix", [".h5", ".npz", ".npy"])
def test_a_damaged_file_is_told_wherever_the_damage_is(suffix: str, tmp_path: Path) -> None:
    if suffix == ".h5":
        h5py = pytest.importorskip("h5py", reason="HDF5 is read by h5py")
        with h5py.File(tmp_path / "data.h5", "w") as file:
            file.create_dataset("x", data=np.zeros((12, 2)), chunks=(4, 2), compression="gzip")
            file.create_dataset("y", data=np.arange(12) % 2)
    elif suffix == ".npz":
        np.savez_compressed(tmp_path / "data.npz", x=np.zeros((12, 2)), y=np.array(["a", "b"] * 6))
    else:
        np.save(tmp_path / "data.npy", np.zeros((12, 2)))
    path = tmp_path / f"data{suffix}"
    whole = path.read_bytes()
    for place in range(0, min(len(whole), 2400), 7):
        path.write_bytes(whole[:place] + b"\x87" + whole[place + 1 :])
        with contextlib.suppress(DataError, FormatError):
            open_splits(DataSpec(file=path.name, targets=None if suffix == ".npy" else "y"), tmp_path)


def test_a_chunk_that_is_damaged_is_named(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py", reason="HDF5 is read by h5py")
    with h5py.File(tmp_path / "data.h5", "w") as file:
        made = file.create_dataset(
            "x", data=np.random.default_rng(0).random((100, 50)), chunks=(10, 50), fletcher32=True
        )
        place = made.id.get_chunk_info(3).byte_offset
    with open(tmp_path / "data.h5", "r+b") as raw:
        raw.seek(place)
        raw.write(b"\0" * 64)
    with pytest.raises(FormatError, match=r"data\.h5: x is damaged at samples 0 to 99"):
        open_splits(DataSpec(file="data.h5", targets=None), tmp_path)
