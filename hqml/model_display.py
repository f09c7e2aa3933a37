"""What a notebook shows of a QUBO: its size, what its coefficients are like, and all of them where they are few.

The functions take arrays, so that `hqml.qubo` may use them.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from hqml.display import html_pairs, html_section, html_table, text_of

if TYPE_CHECKING:
    import scipy.sparse

Floats = npt.NDArray[np.floating[Any]]
Range = tuple[float, float]

WRITTEN_OUT = 10
"""Variables up to which all coefficients are shown."""

_COUNTED = 4096
"""Rows of a matrix up to which its coefficients are looked at: a tenth of a second or so."""

_BAND = 256
"""Rows that are looked at together, so that nothing of the matrix's size is made."""


@dataclass(frozen=True)
class Coefficients:
    """
    Attributes:
        couplings: pairs of variables that cost something together.
        linear: lowest and highest linear term.
        quadratic: lowest and highest coupling that is not 0; None where there is none.
    """

    couplings: int
    linear: Range
    quadratic: Range | None


@np.errstate(over="ignore")  # infinity is shown as such
def of_dense(matrix: Floats, linear: Floats) -> Coefficients | None:
    """Of x' matrix x, (n, n), symmetric or not, with all linear terms in `linear`, (n,); None of a large one."""
    if len(matrix) > _COUNTED:
        return None
    pairs, quadratic = _of_bands(
        np.triu(matrix[start : start + _BAND, start:] + matrix[start:, start : start + _BAND].T, 1)
        for start in range(0, len(matrix), _BAND)
    )
    return Coefficients(pairs, _range(linear), quadratic)


def of_sparse(couplings: scipy.sparse.csr_array, linear: Floats) -> Coefficients:
    """Of symmetric couplings (n, n) with an empty diagonal."""
    return Coefficients(couplings.nnz // 2, _range(linear), _of_nonzero(couplings.data))


@np.errstate(over="ignore", invalid="ignore")
def of_gram(gram: Floats, shift: float, scale: Floats, weights: Floats, linear: Floats) -> Coefficients | None:
    """Of the written-out model of a GramQubo, which is not written out; None of a large one.

    Digits k and j of points n and m cost G_nm weights_k weights_j together; a digit by itself its linear term and
    1/2 G_nn weights_k^2.
    """
    if len(gram) > _COUNTED:
        return None
    pairs, between = _of_bands(
        np.triu(scale[start : start + _BAND, None] * scale[start:] * (gram[start : start + _BAND, start:] + shift), 1)
        for start in range(0, len(gram), _BAND)
    )
    own = scale**2 * (gram.diagonal().astype(np.float64) + shift)
    products = np.outer(weights, weights)
    of_two, digits = products[np.triu_indices(len(weights), 1)], int(np.count_nonzero(weights))
    return Coefficients(
        couplings=pairs * digits**2 + int(np.count_nonzero(own)) * int(np.count_nonzero(of_two)),
        linear=_range(linear + own[:, None] * weights**2 / 2),
        quadratic=_joined([_times(between, _of_nonzero(products)), _times(_of_nonzero(own), _of_nonzero(of_two))]),
    )


def model_html(
    title: str,
    own: Mapping[str, Any],
    labels: Sequence[Hashable],
    offset: float,
    found: Coefficients | None,
    upper: Callable[[], Floats],
) -> str:
    """
    Args:
        title: what it is.
        own: what only this form has to say.
        labels: of the n variables.
        offset: of the energy.
        found: None where they are too many to be looked at.
        upper: gives the upper triangular matrix (n, n); called where it is small.
    """
    n = len(labels)
    shown = {"variables": n, **own, **({} if found is None else _told(found, n)), "offset": offset}
    parts = [html_pairs(shown)]
    if n <= WRITTEN_OUT:
        matrix, names = upper(), [str(label) for label in labels]
        rows = [
            (name, *(matrix[row, column] if row <= column else "" for column in range(n)))
            for row, name in enumerate(names)
        ]
        parts.append(html_table(["", *names], rows))
    return html_section(title, *parts)


def _told(found: Coefficients, n: int) -> dict[str, Any]:
    pairs = n * (n - 1) // 2
    share = f" of {pairs} ({100 * found.couplings / pairs:.3g} %)" if pairs else ""
    return {
        "couplings": f"{found.couplings}{share}",
        "linear terms": _span(found.linear),
        "coupling terms": None if found.quadratic is None else _span(found.quadratic),
    }


def _span(of: Range) -> str:
    low, high = map(text_of, of)
    return low if low == high else f"{low} to {high}"


def _range(values: Floats) -> Range:
    return float(values.min()), float(values.max())


def _of_bands(bands: Iterable[Floats]) -> tuple[int, Range | None]:
    """How many entries are not 0, and their range."""
    count, ranges = 0, []
    for band in bands:
        count += int(np.count_nonzero(band))
        ranges.append(_of_nonzero(band))
    return count, _joined(ranges)


def _of_nonzero(values: Floats) -> Range | None:
    there = values[values != 0]
    return _range(there) if there.size else None


def _joined(ranges: Iterable[Range | None]) -> Range | None:
    known = [one for one in ranges if one is not None]
    return (min(low for low, _ in known), max(high for _, high in known)) if known else None


def _times(first: Range | None, second: Range | None) -> Range | None:
    """The range of all products: its ends are products of ends."""
    if first is None or second is None:
        return None
    products = [one * other for one in first for other in second]
    return min(products), max(products)


def digits_text(weights: Floats) -> str:
    """How many digits there are and what each is worth, with their base where they are powers of one number."""
    with np.errstate(all="ignore"):
        ratios = weights[1:] / weights[:-1]
    told = f"{len(weights)}, worth {', '.join(map(text_of, weights))}"
    powers = len(ratios) and weights[0] == 1 and np.ptp(ratios) < 1e-9 * ratios[0]
    return f"{told} (base {ratios[0]:g})" if powers else told
