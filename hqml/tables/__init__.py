"""Read training data: CSV, plain columns, libsvm text, npz and parquet, told apart by their content."""

from hqml.tables.reading import read_table as read_table
from hqml.tables.table import Table as Table
from hqml.tables.table import as_labels as as_labels

__all__ = ["Table", "as_labels", "read_table"]
