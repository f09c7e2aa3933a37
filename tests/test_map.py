"""`hqml map`: a map is what `predict` gives for each pixel, lies where the scene lies, and is whole or not there."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import KMeans
from sklearn.datasets import load_iris
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from hqml.cli import main
from hqml.errors import FormatError, ParameterError
from hqml.model_file import load_model, save_model
from hqml.progress import reporting
from hqml.svm import LocalQuboSVC, QuboMulticlassSVC, QuboSVC, QuboSVCEnsemble

rasterio = pytest.importorskip("rasterio", reason="scenes need rasterio: pip install 'hqml[geo]'")
Affine = pytest.importorskip("affine").Affine

from hqml.geo import map_scene  # noqa: E402 - after it is known that rasterio is there
from hqml.geo.legend import legend_of  # noqa: E402
from hqml.geo.overview import Overview  # noqa: E402
from hqml.geo.rbf import RbfMachines, rbf_machines  # noqa: E402
from hqml.geo.windows import tile_shape, window_shape, windows  # noqa: E402

HEIGHT, WIDTH = 37, 53
"""No multiple of any block."""

UTM = Affine(80, 0, 500_000, 0, -80, 6_200_000)


@dataclass(frozen=True)
class Samples:
    """Pixels of four bands in 8 bits and their classes."""

    X: Any
    y: Any

    def image(self, height: int = HEIGHT, width: int = WIDTH) -> Any:
        """(4, height, width), pixels drawn from the samples."""
        rows = np.random.default_rng(0).integers(len(self.X), size=height * width)
        return self.X[rows].T.reshape(4, height, width).astype(np.uint8)


@pytest.fixture(scope="module")
def samples() -> Samples:
    """Landsat's centre pixels; without the benchmark data, iris in place of them."""
    path = Path(__file__).resolve().parents[2] / "shared" / "data" / "ml" / "sat.trn"
    if not path.exists():
        X, y = load_iris(return_X_y=True)
        return Samples(np.rint(25 * X) + 1, y + 1)
    table = np.loadtxt(path)[::15]
    return Samples(table[:, 16:20], table[:, -1].astype(int))


def trained(X: Any, y: Any, **parameters: Any) -> Any:
    svc = QuboSVC(reads=5, random_state=0, backend_options={"num_sweeps": 30}, **parameters)
    return make_pipeline(StandardScaler(), svc).fit(X, y)


@pytest.fixture(scope="module")
def model(samples: Samples) -> Any:
    return trained(samples.X, samples.y)


def mirrored(place: int, size: int) -> int:
    """A place beyond an edge, mirrored in the pixel at the edge, as often as it takes."""
    while size > 1 and not 0 <= place < size:
        place = -place if place < 0 else 2 * (size - 1) - place
    return place if size > 1 else 0


def neighbourhoods(image: Any, side: int) -> Any:
    """(pixels, features) written out: row by row of the scene, pixel by pixel of the square, band by band."""
    _, height, width = image.shape
    around = range(-(side // 2), side // 2 + 1)
    return np.array(
        [
            [
                image[band, mirrored(row + down, height), mirrored(column + right, width)]
                for down in around
                for right in around
                for band in range(len(image))
            ]
            for row in range(height)
            for column in range(width)
        ],
        dtype=float,
    )


@pytest.fixture
def scene(tmp_path: Path) -> Callable[..., Path]:
    """Write a GeoTIFF; unless told, in UTM zone 55 N with pixels of 80 m."""

    def write(image: Any, name: str = "scene.tif", then: Callable[[Any], None] | None = None, **profile: Any) -> Path:
        path = tmp_path / name
        count, height, width = image.shape
        given = {"crs": "EPSG:32655", "transform": UTM, "photometric": "minisblack", "alpha": "no"} | profile
        given = {key: value for key, value in given.items() if value is not None}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
            dataset = rasterio.open(
                path, "w", driver="GTiff", count=count, height=height, width=width, dtype=image.dtype.name, **given
            )
        with dataset:
            dataset.write(image)
            if then is not None:
                then(dataset)
        return path

    return write


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "map.tif"


def values(path: Path) -> Any:
    with rasterio.open(path) as dataset:
        return dataset.read(1)


def left_over(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir() if one.name.startswith("."))


TILED = {"tiled": True, "blockxsize": 16, "blockysize": 16}


class TestTheMapIsWhatPredictGives:
    @pytest.mark.parametrize("storage", [TILED, {"blockysize": 1}, {"blockysize": 5}, {"blockysize": HEIGHT}])
    @pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64", "int16"])
    def test_of_all_pixels_at_once(
        self, samples: Samples, model: Any, scene: Any, out: Path, storage: Any, dtype: str
    ) -> None:
        image = samples.image().astype(dtype)
        made = map_scene(model, scene(image, **storage), out)
        expected = model.predict(image.reshape(4, -1).T.astype(float)).reshape(HEIGHT, WIDTH)
        np.testing.assert_array_equal(values(out), expected)
        assert (made.pixels, made.classified, made.nodata) == (HEIGHT * WIDTH, HEIGHT * WIDTH, 0)
        counted = {str(one): int((expected == one).sum()) for one in model.classes_}
        assert made.result == {"classes": counted}

    @pytest.mark.parametrize("side", [3, 5])
    @pytest.mark.parametrize("shape", [(HEIGHT, WIDTH), (1, 1), (2, 7), (9, 1)])
    def test_of_every_neighbourhood_mirrored_at_the_edges(
        self, samples: Samples, scene: Any, out: Path, side: int, shape: tuple[int, int]
    ) -> None:
        training = samples.image(12, 12)
        classes = samples.y[np.random.default_rng(0).integers(len(samples.X), size=144)]
        model = trained(neighbourhoods(training, side), classes)
        image = samples.image(*shape)
        made = map_scene(model, scene(image, **TILED), out)
        assert made.neighbourhood == side
        expected = model.predict(neighbourhoods(image, side)).reshape(shape)
        for window_pixels in (1, 10, 300, 10**6) if shape[0] < 10 else (300, 10**6):
            map_scene(model, scene(image, **TILED), out, window_pixels=window_pixels)
            np.testing.assert_array_equal(values(out), expected)

    def test_a_row_of_the_landsat_set_is_a_scene_of_three_by_three_pixels(
        self, shared_data: Path, scene: Any, out: Path
    ) -> None:
        table = np.loadtxt(shared_data / "ml" / "sat.trn")[::15]
        model = trained(table[:, :-1], table[:, -1].astype(int))
        for row in table[:6, :-1]:
            image = row.reshape(3, 3, 4).transpose(2, 0, 1).astype(np.uint8)
            map_scene(model, scene(image), out)
            assert values(out)[1, 1] == model.predict(row[None])[0]

    @pytest.mark.parametrize("threads", [1, 3])
    @pytest.mark.parametrize("window_pixels", [40, 700])
    def test_whatever_the_windows_and_threads(
        self, samples: Samples, model: Any, scene: Any, out: Path, threads: int, window_pixels: int
    ) -> None:
        image = samples.image()
        made = map_scene(model, scene(image, **TILED), out, threads=threads, window_pixels=window_pixels)
        assert made.blocks > 1
        np.testing.assert_array_equal(values(out).ravel(), model.predict(image.reshape(4, -1).T.astype(float)))

    @pytest.mark.parametrize(
        "estimator",
        [
            QuboSVCEnsemble(QuboSVC(reads=5), slice_size=60, random_state=0),
            QuboSVCEnsemble(QuboSVC(reads=5), slice_size=60, combine="vote", random_state=0),
            QuboSVC(kernel="poly", degree=2, C=0.1, reads=5, random_state=0),
            QuboMulticlassSVC(reads=5, random_state=0),
            LocalQuboSVC(random_state=0),
            LogisticRegression(),
        ],
        ids=["mean of slices", "vote", "poly", "multiclass", "local", "scikit-learn's"],
    )
    @pytest.mark.filterwarnings("ignore::UserWarning")  # how good the machines are is of no matter here
    def test_of_any_classifier(self, samples: Samples, scene: Any, out: Path, estimator: Any) -> None:
        image = samples.image()
        model = make_pipeline(StandardScaler(), estimator).fit(samples.X / 100, samples.y)
        map_scene(model, scene((image / 100).astype(np.float32)), out)
        rows = (image / 100).astype(np.float32).reshape(4, -1).T.astype(float)
        np.testing.assert_array_equal(values(out).ravel(), model.predict(rows))

    def test_far_from_all_samples_where_no_bias_decides(self) -> None:
        X, y = load_iris(return_X_y=True)
        random = np.random.default_rng(0)
        far = random.normal(size=(400, 4))
        far = X[random.integers(len(X), size=400)] + 12 * far / np.linalg.norm(far, axis=1, keepdims=True)
        for made in (QuboMulticlassSVC(gamma=1.0, random_state=0), QuboSVC(gamma=1.0, bias="zero", random_state=0)):
            model = made.fit(X, y)
            machines = rbf_machines(model)
            assert machines is not None
            decisions, doubt = machines.decisions(far)
            best = np.partition(decisions, -2, axis=1)
            sure = (best[:, -1] - best[:, -2]) / 2 > doubt
            np.testing.assert_array_equal(decisions.argmax(axis=1)[sure], model.predict(far)[sure])

    def test_of_two_classes(self, samples: Samples, scene: Any, out: Path) -> None:
        image, two = samples.image(), np.isin(samples.y, np.unique(samples.y)[:2])
        model = trained(samples.X[two], samples.y[two])
        map_scene(model, scene(image), out)
        np.testing.assert_array_equal(values(out).ravel(), model.predict(image.reshape(4, -1).T.astype(float)))

    def test_of_a_model_fitted_on_named_columns(self, samples: Samples, scene: Any, out: Path) -> None:
        pandas = pytest.importorskip("pandas")
        columns = pandas.DataFrame(samples.X, columns=["green", "red", "nir", "swir"])
        model = make_pipeline(StandardScaler(), LogisticRegression()).fit(columns, samples.y)
        image = samples.image()
        map_scene(model, scene(image), out)
        rows = pandas.DataFrame(image.reshape(4, -1).T.astype(float), columns=columns.columns)
        np.testing.assert_array_equal(values(out).ravel(), model.predict(rows))

    def test_of_an_onnx_model(self, samples: Samples, model: Any, scene: Any, out: Path, tmp_path: Path) -> None:
        for library in ("onnx", "onnxruntime"):
            pytest.importorskip(library, reason="ONNX models need onnx and onnxruntime")
        from hqml.onnx_model import load_onnx, to_onnx

        to_onnx(model, path=tmp_path / "model.onnx")
        image = samples.image()
        map_scene(load_onnx(tmp_path / "model.onnx"), scene(image), out)
        same = values(out).ravel() == model.predict(image.reshape(4, -1).T.astype(float))
        assert same.mean() > 0.999

    def test_numbers_of_a_regressor_are_kept_in_single_precision(
        self, samples: Samples, scene: Any, out: Path, tmp_path: Path
    ) -> None:
        model = LinearRegression().fit(samples.X, samples.X.sum(axis=1) / 7)
        image = samples.image()
        image[:, :3] = 0
        made = map_scene(model, scene(image, nodata=0), out, png=tmp_path / "map.png")
        expected = np.where(image[0] > 0, image.sum(axis=0, dtype=float) / 7, np.nan)
        np.testing.assert_allclose(values(out), expected, rtol=1e-5)
        assert made.result["values"]["mean"] == pytest.approx(np.nanmean(expected), rel=1e-5)
        assert made.nodata == 3 * WIDTH
        with rasterio.open(out) as dataset:
            assert (dataset.dtypes, np.isnan(dataset.nodata)) == (("float32",), True)

    def test_clusters_are_classes(self, samples: Samples, scene: Any, out: Path) -> None:
        model = KMeans(3, n_init=1, random_state=0).fit(samples.X)
        image = samples.image()
        map_scene(model, scene(image), out)
        np.testing.assert_array_equal(values(out).ravel(), model.predict(image.reshape(4, -1).T.astype(float)))


class TestBands:
    def test_are_chosen_and_ordered(self, samples: Samples, model: Any, scene: Any, out: Path) -> None:
        image = samples.image()
        shuffled = np.concatenate([np.zeros_like(image[:1]) + 9, image[[3, 1, 0, 2]]])
        map_scene(model, scene(shuffled), out, bands=[4, 3, 5, 2])
        np.testing.assert_array_equal(values(out).ravel(), model.predict(image.reshape(4, -1).T.astype(float)))

    def test_described_by_the_names_of_the_features_are_found_by_them(
        self, samples: Samples, model: Any, scene: Any, out: Path, tmp_path: Path
    ) -> None:
        save_model(tmp_path / "model.skops", model, features=["green", "red", "nir", "swir"])

        def describe(dataset: Any) -> None:
            dataset.descriptions = ("swir", "red", "green", "nir")

        image = samples.image()
        made = map_scene(load_model(tmp_path / "model.skops"), scene(image[[3, 1, 0, 2]], then=describe), out)
        assert made.bands == (3, 2, 4, 1)
        np.testing.assert_array_equal(values(out).ravel(), model.predict(image.reshape(4, -1).T.astype(float)))

    def test_the_last_of_four_is_a_band_even_if_the_file_calls_it_alpha(
        self, samples: Samples, model: Any, scene: Any, out: Path
    ) -> None:
        image = samples.image()
        image[3, :5] = 0
        path = scene(image, photometric=None, alpha=None)  # GDAL takes four bands of 8 bits for a picture
        with rasterio.open(path) as dataset:
            assert dataset.colorinterp[3].name == "alpha"
        assert map_scene(model, path, out).nodata == 0


class TestNoData:
    @pytest.fixture
    def rows(self, model: Any) -> Callable[[Any], Any]:
        return lambda image: model.predict(image.reshape(len(image), -1).T.astype(float)).reshape(image.shape[1:])

    def test_in_any_band_is_none_in_the_map(
        self, samples: Samples, model: Any, scene: Any, out: Path, rows: Any
    ) -> None:
        image = samples.image()
        image[0, 2:4, 5:9], image[2, 30], image[1, 0, 0] = 0, 0, 0
        missing = (image == 0).any(axis=0)
        made = map_scene(model, scene(image, nodata=0), out)
        np.testing.assert_array_equal(values(out), np.where(missing, 255, rows(image)))
        assert (made.nodata, made.classified) == (missing.sum(), (~missing).sum())

    @pytest.mark.parametrize("odd", [np.nan, np.inf])
    def test_what_is_no_finite_number_is_none(
        self, samples: Samples, model: Any, scene: Any, out: Path, rows: Any, odd: float
    ) -> None:
        image = samples.image().astype(np.float32)
        expected = rows(image)
        image[1, 3, 4], expected[3, 4] = odd, 255
        map_scene(model, scene(image), out)
        np.testing.assert_array_equal(values(out), expected)

    @pytest.mark.parametrize("nodata", [None, 0])
    def test_what_the_mask_of_the_file_leaves_out_is_none(
        self, samples: Samples, model: Any, scene: Any, out: Path, rows: Any, nodata: int | None
    ) -> None:
        image, mask = samples.image(), np.full((HEIGHT, WIDTH), 255, np.uint8)
        mask[10:20, :7] = 0
        expected = np.where(mask, rows(image), 255)
        if nodata is not None:
            image[:, 0, 0], expected[0, 0] = nodata, 255
        with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True):
            path = scene(image, nodata=nodata, then=lambda dataset: dataset.write_mask(mask))
        map_scene(model, path, out)
        np.testing.assert_array_equal(values(out), expected)

    def test_what_is_transparent_is_none(self, samples: Samples, model: Any, scene: Any, out: Path, rows: Any) -> None:
        image, alpha = samples.image(), np.full((1, HEIGHT, WIDTH), 255, np.uint8)
        alpha[0, 4:6] = 0
        # Of a picture the first band after red, green and blue is alpha.
        planes = np.concatenate([image[:3], alpha, image[3:]])
        made = map_scene(model, scene(planes, photometric="rgb", alpha="yes"), out)
        assert made.bands == (1, 2, 3, 5)
        np.testing.assert_array_equal(values(out), np.where(alpha[0], rows(image), 255))

    def test_a_scene_without_any_is_mapped_to_nothing(
        self, samples: Samples, model: Any, scene: Any, out: Path, tmp_path: Path
    ) -> None:
        made = map_scene(model, scene(np.zeros((4, 20, 30), np.uint8), nodata=0), out, png=tmp_path / "map.png")
        assert (made.classified, made.nodata, set(made.result["classes"].values())) == (0, 600, {0})
        assert (values(out) == 255).all()

    def test_a_neighbour_without_data_is_like_the_centre(self, samples: Samples, scene: Any, out: Path) -> None:
        image = samples.image(12, 12)
        classes = samples.y[np.random.default_rng(0).integers(len(samples.X), size=144)]
        model = trained(neighbourhoods(image, 3), classes)
        image = samples.image(5, 5)
        image[:, 1, 1] = 0
        filled = image.copy()
        filled[:, 1, 1] = image[:, 2, 2]
        map_scene(model, scene(image, nodata=0), out)
        mapped = values(out)
        assert mapped[1, 1] == 255
        assert mapped[2, 2] == model.predict(neighbourhoods(filled, 3)).reshape(5, 5)[2, 2]


class TestWhereItLies:
    @pytest.mark.parametrize("transform", [UTM, Affine(70, 20, 5e5, 15, -75, 6e6), Affine(80, 0, 0, 0, 80, 0)])
    def test_the_map_has_the_scenes_coordinates(
        self, samples: Samples, model: Any, scene: Any, out: Path, tmp_path: Path, transform: Any
    ) -> None:
        made = map_scene(model, scene(samples.image(), transform=transform), out, png=tmp_path / "map.png")
        with rasterio.open(out) as dataset:
            assert (dataset.crs.to_epsg(), dataset.transform) == (32655, transform)
            assert (dataset.height, dataset.width) == (HEIGHT, WIDTH)
        assert made.crs == "EPSG:32655"

    def test_coordinates_that_mean_the_centres_of_pixels_stay_so(
        self, samples: Samples, model: Any, scene: Any, out: Path
    ) -> None:
        path = scene(samples.image(), then=lambda dataset: dataset.update_tags(AREA_OR_POINT="Point"))
        map_scene(model, path, out)
        with rasterio.open(path) as before, rasterio.open(out) as after:
            assert after.tags()["AREA_OR_POINT"] == before.tags()["AREA_OR_POINT"] == "Point"
            assert after.transform == before.transform

    def test_ground_control_points_are_kept(self, samples: Samples, model: Any, scene: Any, out: Path) -> None:
        from rasterio.control import GroundControlPoint

        corners = [(0, 0, 147.0, 55.0), (0, WIDTH, 147.1, 55.0), (HEIGHT, 0, 147.0, 54.9), (HEIGHT, WIDTH, 147.1, 54.8)]
        points = [GroundControlPoint(row, column, x, y, 0.0) for row, column, x, y in corners]
        made = map_scene(model, scene(samples.image(), crs="EPSG:4326", transform=None, gcps=points), out)
        with rasterio.open(out) as dataset:
            kept, crs = dataset.gcps
        assert [(one.row, one.col, one.x, one.y) for one in kept] == corners
        assert (crs.to_epsg(), made.crs) == (4326, "EPSG:4326")

    def test_rational_polynomials_are_kept(self, samples: Samples, model: Any, scene: Any, out: Path) -> None:
        from rasterio.rpc import RPC

        offsets = dict.fromkeys(("height_off", "lat_off", "line_off", "long_off", "samp_off"), 1.0)
        scales = dict.fromkeys(("height_scale", "lat_scale", "line_scale", "long_scale", "samp_scale"), 2.0)
        terms = {one.name: [1.0] + 19 * [0.25] for one in RPC.__attrs_attrs__ if one.name.endswith("coeff")}
        rpcs = RPC(**offsets, **scales, **terms, err_bias=None, err_rand=None)
        path = scene(samples.image(), transform=None, crs=None, then=lambda dataset: setattr(dataset, "rpcs", rpcs))
        map_scene(model, path, out)
        with rasterio.open(out) as dataset:
            assert dataset.rpcs.line_num_coeff == rpcs.line_num_coeff
            assert dataset.rpcs.samp_scale == 2.0

    def test_a_scene_that_lies_nowhere_is_mapped_without_a_word(
        self, samples: Samples, model: Any, scene: Any, out: Path, tmp_path: Path
    ) -> None:
        path = scene(samples.image(), transform=None, crs=None)
        made = map_scene(model, path, out, png=tmp_path / "map.png")
        assert made.crs is None


class TestTheFile:
    def test_has_tiles_colours_and_the_names_of_the_classes(
        self, samples: Samples, model: Any, scene: Any, out: Path
    ) -> None:
        map_scene(model, scene(samples.image(700, 300)), out)
        with rasterio.open(out) as dataset:
            profile, tags, colours = dataset.profile, dataset.tags(), dataset.colormap(1)
        assert (profile["tiled"], profile["compress"], profile["dtype"], profile["nodata"]) == (
            True,
            "deflate",
            "uint8",
            255,
        )
        assert (profile["blockysize"], profile["blockxsize"]) == (256, 256)
        assert json.loads(tags["CLASSES"]) == {str(one): str(one) for one in model.classes_}
        assert tags["TIFFTAG_SOFTWARE"].startswith("hqml ")
        legend = legend_of(model.classes_)
        assert [colours[code][:3] for code in legend.codes] == list(legend.colours)

    def test_numbers_classes_of_text(self, samples: Samples, scene: Any, out: Path) -> None:
        names = np.array(["wood", "water", "red soil"])[np.searchsorted(np.unique(samples.y), samples.y) % 3]
        model = trained(samples.X, names)
        image = samples.image()
        made = map_scene(model, scene(image), out)
        expected = np.searchsorted(["red soil", "water", "wood"], model.predict(image.reshape(4, -1).T.astype(float)))
        np.testing.assert_array_equal(values(out).ravel(), expected)
        with rasterio.open(out) as dataset:
            assert json.loads(dataset.tags()["CLASSES"]) == {"0": "red soil", "1": "water", "2": "wood"}
            assert dataset.tags()["CLASS_1"] == "water"
        assert list(made.result["classes"]) == ["red soil", "water", "wood"]

    def test_is_read_by_gdalinfo(self, samples: Samples, model: Any, scene: Any, out: Path) -> None:
        if shutil.which("gdalinfo") is None:
            pytest.skip("gdalinfo is not installed")
        map_scene(model, scene(samples.image()), out)
        told = subprocess.run(["gdalinfo", out], capture_output=True, text=True, check=True).stdout
        assert "Color Table" in told
        assert "NoData Value=255" in told

    def test_replaces_what_was_kept_beside_an_older_one(
        self, samples: Samples, model: Any, scene: Any, out: Path
    ) -> None:
        out.write_bytes(b"old")
        Path(f"{out}.aux.xml").write_text("<PAMDataset/>")
        map_scene(model, scene(samples.image()), out)
        assert not Path(f"{out}.aux.xml").exists()
        assert values(out).shape == (HEIGHT, WIDTH)

    def test_is_not_there_when_the_disk_is_full(self, scene: Any, out: Path, tmp_path: Path) -> None:
        path = scene(np.random.default_rng(0).integers(0, 256, size=(1, 900, 900), dtype=np.uint8))
        out.write_bytes(b"old")
        script = (
            "import resource, signal, sys\n"
            "from sklearn.tree import DecisionTreeClassifier\n"
            "from hqml.geo import map_scene\n"
            "model = DecisionTreeClassifier().fit([[0], [128], [255]], [0, 1, 2])\n"
            "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))\n"
            "map_scene(model, *sys.argv[1:])"
        )
        ended = subprocess.run([sys.executable, "-c", script, path, out], capture_output=True, text=True)
        assert f"FormatError: cannot write {out}" in ended.stderr
        assert (out.read_bytes(), left_over(tmp_path)) == (b"old", [])


class TestThePicture:
    def test_is_the_map_in_small_whatever_the_windows(self) -> None:
        full = np.arange(3001 * 7, dtype=np.uint16).reshape(3001, 7)
        for shape in ((3001, 7), (64, 3), (5, 5), (1, 7)):
            overview = Overview(*full.shape, full.dtype, 0)
            for one in windows(*full.shape, shape):
                (top, bottom), (left, right) = one.place
                overview.add(one, full[top:bottom, left:right])
            np.testing.assert_array_equal(overview.values, full[::3, ::3])

    def test_shows_colours_in_proportion(self, samples: Samples, scene: Any, out: Path, tmp_path: Path) -> None:
        import matplotlib.image

        model = LogisticRegression().fit([[0.0], [255.0]], [1, 2])
        image = np.full((1, 60, 90), 255, np.uint8)
        image[0, :20, :45] = 0
        map_scene(model, scene(image, transform=Affine(10, 0, 5e5, 0, -20, 6e6)), out, png=tmp_path / "map.png")
        picture = np.rint(255 * matplotlib.image.imread(tmp_path / "map.png")[:, :, :3]).astype(int)
        first, second = ((picture == colour).all(axis=2) for colour in legend_of(model.classes_).colours)
        # 60 rows of 20 m and 90 columns of 10 m; what the legend holds of a colour is a few rows high
        rows, columns = (np.flatnonzero(second.sum(axis=axis) > 100) for axis in (1, 0))
        assert np.ptp(rows) / np.ptp(columns) == pytest.approx(1200 / 900, rel=0.01)
        assert first.sum() / second.sum() == pytest.approx(1 / 5, rel=0.03)

    @pytest.mark.parametrize("count", [2, 12, 60])
    def test_takes_any_number_of_classes_and_names_with_signs(
        self, scene: Any, out: Path, tmp_path: Path, count: int
    ) -> None:
        names = [f"_$class {n}$ & <wood> {'long ' * 9}" for n in range(count)]
        model = KNeighborsClassifier(1).fit(np.tile(np.arange(count) * 4.0, 3)[:, None], 3 * names)
        image = np.repeat(np.arange(count, dtype=np.uint8) * 4, 3)[None, None]
        map_scene(model, scene(image), out, png=tmp_path / "map.png")
        assert (tmp_path / "map.png").stat().st_size > 1000


class TestCodes:
    @pytest.mark.parametrize(
        ("classes", "codes", "dtype", "nodata"),
        [
            ([1, 2, 7], [1, 2, 7], "uint8", 255),
            ([0, 255], [0, 255], "uint8", 254),
            ([1, 300], [1, 300], "uint16", 65535),
            ([1, 65535], [1, 65535], "uint16", 65534),
            ([-1, 1], [0, 1], "uint8", 255),
            ([1, 70000], [0, 1], "uint8", 255),
            ([1.0, 4.0], [1, 4], "uint8", 255),
            ([0.5, 1.0], [0, 1], "uint8", 255),
            ([False, True], [0, 1], "uint8", 255),
            (["a", "b", "c"], [0, 1, 2], "uint8", 255),
            (list(range(256)), list(range(256)), "uint16", 65535),
        ],
    )
    def test_are_the_classes_where_they_can_be(self, classes: Any, codes: Any, dtype: str, nodata: int) -> None:
        legend = legend_of(np.array(classes))
        assert (legend.codes.tolist(), legend.dtype.name, legend.nodata) == (codes, dtype, nodata)
        assert legend.encoded(np.array(classes[::-1])).tolist() == codes[::-1]

    def test_colours_are_all_different(self) -> None:
        assert len(set(legend_of(np.arange(200)).colours)) == 200


class TestWindows:
    @settings(max_examples=200)
    @given(st.integers(1, 300), st.integers(1, 300), st.integers(1, 300), st.integers(1, 300), st.integers(1, 100_000))
    def test_cover_a_raster_once_and_keep_to_their_size(
        self, height: int, width: int, rows: int, columns: int, pixels: int
    ) -> None:
        shape = window_shape(height, width, (rows, columns), pixels)
        assert shape[0] * shape[1] <= pixels
        seen = np.zeros((height, width), int)
        for window in windows(height, width, shape):
            (top, bottom), (left, right) = window.place
            seen[top:bottom, left:right] += 1
        assert (seen == 1).all()
        if rows <= height and columns <= width and rows * columns <= pixels:
            assert (shape[0] % rows, shape[1] % columns) == (0, 0)

    @pytest.mark.parametrize(
        ("block", "window", "tile"),
        [
            ((256, 256), (1024, 1024), (256, 256)),
            ((512, 512), (1024, 1024), (256, 256)),
            ((1, 2000), (512, 2000), (256, 256)),
            ((5, 2000), (320, 2000), (64, 256)),
            ((3000, 2000), (375, 2000), (256, 256)),
            ((128, 192), (1024, 768), (256, 256)),
        ],
    )
    def test_are_blocks_times_powers_of_two_and_tiles_fit_into_them(self, block: Any, window: Any, tile: Any) -> None:
        """So that no block is read twice and, but for blocks of odd sizes, no tile of the map is written twice."""
        assert window_shape(3000, 2000, block, 2**20) == window
        assert tile_shape(window, 2000) == tile


class TestSinglePrecision:
    @settings(max_examples=60)
    @given(st.integers(1, 40), st.integers(1, 700), st.floats(1e-4, 10), st.floats(0.1, 300), st.integers(0, 2**31))
    def test_is_wrong_by_less_than_it_says(
        self, features: int, support: int, gamma: float, spread: float, seed: int
    ) -> None:
        rng = np.random.default_rng(seed)
        vectors = 50 + spread * rng.normal(size=(support, features))
        dual, bias = rng.normal(size=(3, support)) * 100, rng.normal(size=3)
        points = np.concatenate([vectors[:20], 50 + spread * rng.normal(size=(20, features))])
        decisions, doubt = RbfMachines.of(vectors, dual, bias, gamma).decisions(points)
        squares = ((points[:, None] - vectors) ** 2).sum(axis=2)
        expected = np.exp(-gamma * squares) @ dual.T + bias
        assert (np.abs(decisions - expected) <= doubt[:, None] + 1e-12).all()

    @pytest.mark.filterwarnings("ignore::UserWarning")
    def test_is_used_for_sums_of_rbf_kernels_alone(self, samples: Samples, model: Any) -> None:
        assert rbf_machines(model[-1]) is not None
        assert rbf_machines(KNeighborsClassifier().fit(samples.X, samples.y)) is None
        assert rbf_machines(QuboSVC(kernel="linear", reads=2).fit(samples.X[:50] / 100, samples.y[:50])) is None


@dataclass(frozen=True)
class Outcome:
    status: int
    out: str
    err: str


Command = Callable[..., Outcome]


@pytest.fixture
def command(capfd: pytest.CaptureFixture[str]) -> Command:
    """Run one command line in this process; what GDAL itself writes is seen as well."""

    def run(*arguments: Any) -> Outcome:
        capfd.readouterr()
        status = main(["map", *map(str, arguments)])
        out, err = capfd.readouterr()
        return Outcome(status, out, err)

    return run


@pytest.fixture
def saved(model: Any, tmp_path: Path) -> Path:
    path = tmp_path / "model.skops"
    save_model(path, model)
    return path


class TestCommand:
    def test_json_tells_what_was_mapped(
        self, command: Command, saved: Path, samples: Samples, scene: Any, out: Path
    ) -> None:
        image = samples.image()
        image[:, 0] = 0
        outcome = command(saved, scene(image, nodata=0), out, "--json")
        assert (outcome.status, outcome.err) == (0, "")
        told = json.loads(outcome.out)
        assert (told["pixels"], told["nodata"], told["classified"]) == (
            HEIGHT * WIDTH,
            WIDTH,
            (HEIGHT - 1) * WIDTH,
        )
        assert sum(told["classes"].values()) == told["classified"]
        assert (told["neighbourhood"], told["bands"], told["crs"]) == (1, [1, 2, 3, 4], "EPSG:32655")
        assert (told["out"], told["png"]) == (str(out), str(out.with_suffix(".png")))
        assert out.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
        assert told["blocks"] == 1
        assert told["seconds"] > 0

    def test_prints_a_table_for_people(
        self, command: Command, saved: Path, samples: Samples, scene: Any, out: Path
    ) -> None:
        outcome = command(saved, scene(samples.image()), out, "--no-png")
        assert (outcome.status, outcome.err) == (0, "")
        assert "neighbourhood  1" in outcome.out
        assert not out.with_suffix(".png").exists()

    def test_takes_an_onnx_model(
        self, command: Command, model: Any, samples: Samples, scene: Any, out: Path, tmp_path: Path
    ) -> None:
        for library in ("onnx", "onnxruntime"):
            pytest.importorskip(library, reason="ONNX models need onnx and onnxruntime")
        from hqml.onnx_model import to_onnx

        to_onnx(model, path=tmp_path / "model.onnx")
        assert command(tmp_path / "model.onnx", scene(samples.image()), out).status == 0

    def test_help_has_an_example(self, command: Command) -> None:
        outcome = command("--help")
        assert outcome.status == 0
        assert "\n    hqml map " in outcome.out

    @pytest.mark.parametrize(
        ("arguments", "told"),
        [
            (["MODEL", "nowhere.tif", "OUT"], "there is no such scene"),
            (["MODEL", "MODEL", "OUT"], "is not a raster"),
            (["MODEL", ".", "OUT"], "is not a raster"),
            (["nowhere.skops", "SCENE", "OUT"], "there is no such model"),
            (["nowhere.onnx", "SCENE", "OUT"], "there is no such model"),
            (["SCENE", "SCENE", "OUT"], "is not a model file"),
            (["MODEL", "SCENE", "SCENE"], "is the scene itself"),
            (["MODEL", "SCENE", "FOLDER.tif"], "it is a folder"),
            (["MODEL", "SCENE", "nowhere/map.tif"], "there is no folder"),
            (["MODEL", "SCENE", "map.img"], "ends in .tif"),
            (["MODEL", "SCENE", "OUT", "--png", "map.jpg"], "ends in .png"),
            (["MODEL", "SCENE", "OUT", "--png", "map.png", "--no-png"], "drop one of them"),
            (["MODEL", "SCENE", "OUT", "--bands", "1,2,3"], "takes 4 features: that is 4 bands of 1 x 1 pixels"),
            (["MODEL", "SCENE", "OUT", "--bands", "1,2,3,9"], "has bands 1 to 4"),
            (["MODEL", "SCENE", "OUT", "--bands", "1,2,3,3"], "each once"),
            (["MODEL", "SCENE", "OUT", "--bands", "red,nir"], "write numbers with commas"),
            (["MODEL", "SCENE", "OUT", "--neighbourhood", "3"], "36 features"),
            (["MODEL", "SCENE", "OUT", "--neighbourhood", "0"], "--neighbourhood"),
            (["MODEL", "SCENE", "OUT", "--threads", "0"], "--threads"),
            (["MODEL", "COMPLEX", "OUT"], "complex numbers"),
            (["MODEL", "CUT", "OUT"], "damaged"),
            (["PRECOMPUTED", "SCENE", "OUT"], "precomputed kernel"),
        ],
    )
    def test_bad_input_is_one_line_and_nothing_is_written(
        self,
        command: Command,
        saved: Path,
        samples: Samples,
        scene: Any,
        tmp_path: Path,
        arguments: Any,
        told: str,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.chdir(tmp_path)
        (tmp_path / "FOLDER.tif").mkdir()
        image = samples.image()
        whole = scene(image, "big.tif", **TILED).read_bytes()
        (tmp_path / "cut.tif").write_bytes(whole[: len(whole) // 2])
        gram = QuboSVC(kernel="precomputed", reads=2).fit(np.eye(4), [0, 0, 1, 1])
        save_model(tmp_path / "precomputed.skops", gram)
        names = {
            "MODEL": saved,
            "SCENE": scene(image),
            "OUT": tmp_path / "map.tif",
            "COMPLEX": scene(image.astype(np.complex64), "complex.tif"),
            "CUT": "cut.tif",
            "PRECOMPUTED": "precomputed.skops",
        }
        before = {one: one.read_bytes() for one in tmp_path.iterdir() if one.is_file()}
        outcome = command(*(names.get(one, one) for one in arguments))
        assert outcome.status == 2
        assert told in outcome.err
        assert outcome.err.count("\n") == 1
        assert {one: one.read_bytes() for one in tmp_path.iterdir() if one.is_file()} == before

    @pytest.mark.parametrize(("library", "what"), [("rasterio", "scenes"), ("matplotlib", "PNG")])
    def test_a_missing_library_is_named_with_its_remedy(
        self,
        command: Command,
        saved: Path,
        samples: Samples,
        scene: Any,
        out: Path,
        library: str,
        what: str,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        path = scene(samples.image())
        monkeypatch.setitem(sys.modules, library, None)
        outcome = command(saved, path, out)
        assert (outcome.status, outcome.err.count("\n")) == (2, 1)
        assert what in outcome.err
        assert "pip install 'hqml[geo]'" in outcome.err

    def test_ctrl_c_leaves_nothing_behind(
        self, command: Command, saved: Path, samples: Samples, scene: Any, out: Path
    ) -> None:
        out.write_bytes(b"old")
        with reporting(lambda share: signal.raise_signal(signal.SIGINT)):
            outcome = command(saved, scene(samples.image().astype(np.float64)), out)
        assert (outcome.status, outcome.err) == (130, "hqml: interrupted; nothing was written\n")
        assert (out.read_bytes(), out.with_suffix(".png").exists(), left_over(out.parent)) == (b"old", False, [])

    def test_tells_how_far_it_is(self, command: Command, saved: Path, samples: Samples, scene: Any, out: Path) -> None:
        shares: list[float] = []
        with reporting(shares.append):
            command(saved, scene(samples.image(150, 150).astype(np.float64)), out, "--no-png")
        assert shares == sorted(set(shares))
        assert (len(shares), shares[-1]) == (3, 1.0)


class TestModelsThatCannotMap:
    def test_several_outputs(self, samples: Samples, scene: Any, out: Path) -> None:
        model = LinearRegression().fit(samples.X, samples.X[:, :2])
        with pytest.raises(ParameterError, match="2 values a pixel"):
            map_scene(model, scene(samples.image()), out)

    def test_a_transformer(self, samples: Samples, scene: Any, out: Path) -> None:
        with pytest.raises(ParameterError, match="neither classes nor numbers"):
            map_scene(StandardScaler().fit(samples.X), scene(samples.image()), out)

    def test_a_file_that_is_damaged_inside(self, samples: Samples, model: Any, scene: Any, out: Path) -> None:
        path = scene(samples.image(), compress="deflate", **TILED)
        content = bytearray(path.read_bytes())
        content[600:900] = bytes(300)
        path.write_bytes(bytes(content))
        with pytest.raises(FormatError, match="damaged"):
            map_scene(model, path, out)
        assert not out.exists()
