"""Save fitted models and load them again without running code from the file.

A model file is a skops file (a zip of a JSON tree and arrays). Loading one builds only types of scikit-learn, numpy and
scipy that skops trusts, and those listed in `TRUSTED`; anything else is refused by name.
"""

from __future__ import annotations

import copy
import warnings
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hqml.display import first_line
from hqml.errors import FormatError, ParameterError
from hqml.files import meant_instead, replacing
from hqml.model_checks import check_contents

TRUSTED = (
    "hqml.boosting.qboost.QBoostClassifier",
    "hqml.boosting.twin.RelaxedBoostClassifier",
    "hqml.cluster.k_medoids.QuboKMedoids",
    "hqml.selection.feature_selector.QuboFeatureSelector",
    "hqml.svm._kernels.Kernel",
    "hqml.svm.ensemble.QuboSVCEnsemble",
    "hqml.svm.local_svc.LocalQuboSVC",
    "hqml.svm.local_twin.LocalSVC",
    "hqml.svm.multiclass_svc.QuboMulticlassSVC",
    "hqml.svm.multiclass_twin.MulticlassSVC",
    "hqml.svm.qubo_svc.QuboSVC",
    "hqml.svm.qubo_svr.QuboSVR",
    "hqml.svm.twin.SVCSliceEnsemble",
    "scipy.sparse._csr.csr_array",
    "scipy.sparse._csr.csr_matrix",
    "sklearn.tree._tree.Tree",
)
"""Types that a model file may hold besides those that skops trusts. Sparse arrays and trees are looked into after
loading."""

_KIND, _LAYOUT = "hqml model", 1


@dataclass(frozen=True)
class Model:
    """A fitted estimator and what is needed to feed it.

    Attributes:
        estimator: the fitted estimator, often a pipeline that scales first.
        features: names of its columns in order; None where they were never known.
        label: name of the column it was trained on, None where there was none.
        version: of the hqml that saved it.
    """

    estimator: Any
    features: tuple[str, ...] | None
    label: str | None
    version: str


def save_model(
    path: str | Path, estimator: Any, *, features: Sequence[str] | None = None, label: str | None = None
) -> None:
    """Save a fitted estimator. The file is written whole or not at all.

    What belongs to the run and not to the model stays out: raw samples, live backends (their names are kept) and
    `backend_options`, which may hold access tokens.

    Args:
        path: the file; ".skops" is customary.
        estimator: a fitted scikit-learn estimator or pipeline.
        features: names of the columns it was fitted on, in order.
        label: name of the label column.

    Raises:
        ParameterError: it is not fitted, or holds a type that could not be loaded again, such as a kernel function.
        FormatError: the file cannot be written.
    """
    import skops.io
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted

    from hqml.samples import version

    try:
        check_is_fitted(estimator)
    except (NotFittedError, TypeError) as error:
        raise ParameterError(f"{type(estimator).__name__} is not a fitted estimator; call fit first") from error
    bundle = {
        "kind": _KIND,
        "layout": _LAYOUT,
        "version": version(),
        "estimator": _without_the_run(estimator),
        "features": None if features is None else [str(name) for name in features],
        "label": label,
    }
    try:
        content = skops.io.dumps(bundle, compression=zipfile.ZIP_DEFLATED)
        foreign = set(skops.io.get_untrusted_types(data=content)) - set(TRUSTED)
    except (TypeError, ValueError, AttributeError) as error:
        raise ParameterError(f"the model holds something that cannot be saved: {first_line(error)}") from error
    if foreign:
        raise ParameterError(
            f"the model holds {', '.join(sorted(foreign))}, which would not be loaded again; "
            "use a kernel and steps that scikit-learn or hqml name"
        )
    try:
        check_contents(bundle["estimator"])
    except ValueError as error:
        raise ParameterError(f"the model would not be loaded again: {error}; keep it with skops.io") from error
    with replacing(path) as file:
        file.write(content)


def load_model(path: str | Path) -> Model:
    """Load a model saved by `save_model`. No code from the file is run.

    Raises:
        FormatError: there is no such file, it is not a model file, is damaged, or holds a type that is not trusted.
    """
    content = content_of(Path(path))
    bundle = _bundle(path, content)
    if not isinstance(bundle, dict) or bundle.get("kind") != _KIND:
        raise FormatError(f"{path}: is a skops file, but not one of `hqml fit` or save_model; load it with skops.io")
    if bundle.get("layout") != _LAYOUT:
        raise FormatError(
            f"{path}: was written by hqml {bundle.get('version')} in a layout unknown to this version; update hqml"
        )
    estimator, features, label = bundle.get("estimator"), bundle.get("features"), bundle.get("label")
    _check(path, estimator, features)
    return Model(estimator, None if features is None else tuple(features), label, str(bundle.get("version")))


def content_of(path: Path) -> bytes:
    """What a model file holds, unread.

    Raises:
        FormatError: it is not there, or cannot be read.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        hint = meant_instead(path) or f"; `hqml fit ... --out {path}`, or `hqml train`, makes one"
        raise FormatError(f"{path}: there is no such model{hint}") from None
    except OSError as error:
        raise FormatError(f"{path}: cannot be read ({error.strerror}); name a file you may read") from error


def _bundle(path: str | Path, content: bytes) -> Any:
    import skops.io
    from skops.io.exceptions import UntrustedTypesFoundException

    if not content.startswith(b"PK"):
        raise FormatError(f"{path}: is not a model file; `hqml fit` and hqml.model_file.save_model write them")
    try:
        with warnings.catch_warnings():
            # A scikit-learn of another version loads well in general; what does not is found by `_check`.
            warnings.simplefilter("ignore")
            return skops.io.loads(content, trusted=list(TRUSTED))
    except UntrustedTypesFoundException:
        foreign = sorted(set(skops.io.get_untrusted_types(data=content)) - set(TRUSTED))
        raise FormatError(
            f"{path}: holds {', '.join(foreign)}, which hqml does not trust; nothing was loaded. "
            "Load it with skops.io if you know where it comes from"
        ) from None
    except zipfile.BadZipFile as error:
        raise FormatError(f"{path}: is damaged or cut short ({first_line(error)}); save or copy it again") from error
    except Exception as error:  # a crafted or damaged tree can trip skops anywhere
        raise FormatError(f"{path}: is not a sound model file ({first_line(error)}); save it again") from error


def _check(path: str | Path, estimator: Any, features: Any) -> None:
    """Make sure that what was loaded can predict from the columns it names."""
    from sklearn.base import BaseEstimator
    from sklearn.utils.validation import check_is_fitted

    try:
        check_is_fitted(estimator)
        fitted = isinstance(estimator, BaseEstimator) and callable(getattr(estimator, "predict", None))
        count = int(estimator.n_features_in_)
        check_contents(estimator)
    except Exception:  # of a damaged estimator anything may be missing
        fitted = False
    if not fitted:
        raise FormatError(f"{path}: holds no fitted estimator that predicts; save it again after fit")
    if features is not None and (
        not isinstance(features, list) or len(features) != count or not all(isinstance(name, str) for name in features)
    ):
        raise FormatError(f"{path}: its column names do not fit its estimator of {count} columns; save it again")


def _without_the_run(value: Any) -> Any:
    """A copy of an estimator, and of all estimators in it, without samples, live backends and backend options."""
    from sklearn.base import BaseEstimator

    if isinstance(value, BaseEstimator):
        slim = copy.copy(value)
        for name, own in vars(value).items():
            if name == "backend":
                setattr(slim, name, backend_name(own))
            elif name == "backend_options":
                setattr(slim, name, None)
            elif _is_samples(own):
                delattr(slim, name)
            else:
                setattr(slim, name, _without_the_run(own))
        return slim
    if isinstance(value, list | tuple) and type(value) in (list, tuple):
        return type(value)(_without_the_run(one) for one in value)
    if type(value) is dict:
        return {key: _without_the_run(one) for key, one in value.items()}
    if isinstance(value, np.ndarray) and value.dtype == object:
        slim_array = np.empty_like(value)
        for place, one in np.ndenumerate(value):
            slim_array[place] = _without_the_run(one)
        return slim_array
    return value


def _is_samples(value: Any) -> bool:
    import dimod

    if isinstance(value, list | tuple):
        return len(value) > 0 and all(isinstance(one, dimod.SampleSet) for one in value)
    return isinstance(value, dimod.SampleSet)


def backend_name(backend: Any) -> str | None:
    """The name a backend is registered under, else that of its class."""
    if backend is None or isinstance(backend, str):
        return backend
    from importlib.metadata import entry_points

    from hqml.registry import GROUP

    kind = type(backend)
    names = [point.name for point in entry_points(group=GROUP) if point.value.split(":")[-1] == kind.__qualname__]
    return names[0] if names else kind.__name__
