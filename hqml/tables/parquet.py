"""Columns of a parquet file, by way of pandas."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from hqml.display import first_line
from hqml.errors import FormatError
from hqml.libraries import check_libraries
from hqml.qubo import Floats
from hqml.tables.table import as_labels

if TYPE_CHECKING:
    import pandas


class Frame:
    """Columns of a parquet file."""

    def __init__(self, path: str, content: bytes) -> None:
        self.path, self._frame = path, _parquet(path, content)
        self.names = [str(name) for name in self._frame.columns]
        self.named = True
        if not len(self._frame):
            raise FormatError(f"{path}: has columns but no row; add the data")

    def numbers(self, column: int) -> Floats:
        series = self._frame.iloc[:, column]
        try:
            values = series.to_numpy(dtype=np.float64, na_value=np.nan)
        except (TypeError, ValueError) as error:
            raise FormatError(
                f"{self.path}: column {self.names[column]!r} holds {series.dtype}, no numbers; "
                "make it numbers, or name it with --label"
            ) from error
        if not np.isfinite(values).all():
            where = f"{self.path}: row {int(np.argmin(np.isfinite(values))) + 1}, column {self.names[column]!r}"
            raise FormatError(f"{where} is empty or not finite; fill it in or leave the row out")
        return np.asarray(values)

    def labels(self, column: int) -> npt.NDArray[Any]:
        series = self._frame.iloc[:, column]
        if series.isna().any():
            raise FormatError(
                f"{self.path}: row {int(series.isna().argmax()) + 1} has no label; fill it in or leave it out"
            )
        return as_labels(series.to_numpy())


def _parquet(path: str, content: bytes) -> pandas.DataFrame:
    check_libraries(("pandas", "pyarrow"), f"{path}: reading parquet", "tables")
    import pandas

    try:
        return pandas.read_parquet(io.BytesIO(content))
    except Exception as error:  # pyarrow's errors share no root beside this
        raise FormatError(f"{path}: the parquet file is broken ({first_line(error)}); write it again") from error
