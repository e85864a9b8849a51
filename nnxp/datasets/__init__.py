"""Data to train on: digits that come with the package, points in the plane, and readers for files.

``digits`` holds 1,797 real images. ``moons``, ``circles``, ``spirals``, ``blobs`` and ``xor`` draw points from a seed.
``load_csv``, ``load_npz``, ``load_npy``, ``load_idx``, ``load_idx_folder`` and ``load_images`` read files, and believe
nothing they say about their own size: a damaged, truncated, foreign or oversized file is one `FormatError` sentence.
``load`` takes what the command line takes and returns a `DataSet`. ``from_columns`` makes arrays of named columns.
"""

from nnxp.datasets.clouds import blobs, xor
from nnxp.datasets.columns import from_columns
from nnxp.datasets.csv import CsvData, load_csv
from nnxp.datasets.curves import circles, moons, spirals
from nnxp.datasets.data_set import DataSet
from nnxp.datasets.digits import digits
from nnxp.datasets.idx import load_idx
from nnxp.datasets.idx_folder import load_idx_folder
from nnxp.datasets.images import load_images
from nnxp.datasets.npy import load_npy
from nnxp.datasets.npz import load_npz
from nnxp.datasets.rows import load_all
from nnxp.datasets.source import load
from nnxp.datasets.table import Column, Table

__all__ = [
    "Column",
    "CsvData",
    "DataSet",
    "Table",
    "blobs",
    "circles",
    "digits",
    "from_columns",
    "load",
    "load_all",
    "load_csv",
    "load_idx",
    "load_idx_folder",
    "load_images",
    "load_npy",
    "load_npz",
    "moons",
    "spirals",
    "xor",
]
