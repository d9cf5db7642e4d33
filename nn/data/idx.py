"""The idx files of MNIST and Fashion-MNIST, from a folder.

Format: http://yann.lecun.com/exdb/mnist - two zero bytes, a byte for the type, a byte for the number of axes, each axis
as a big-endian 32-bit number, then the data, big-endian, last axis fastest.
"""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path

import numpy as np

DEBIAN_FASHION_MNIST = Path("/usr/share/datasets/fashion-mnist")
_DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def read_idx(path: str | Path) -> np.ndarray:
    """Read one idx file, plain or gzipped (told by its first bytes), into an array of native byte order.

    Errors: FileNotFoundError; ValueError for a wrong magic number, a damaged archive, and too few or too many bytes.
    """
    path = Path(path)
    data = path.read_bytes()
    if data[:2] == b"\x1f\x8b":
        try:
            data = gzip.decompress(data)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise ValueError(
                f"read_idx: {path} is a damaged or truncated gzip file ({error}); fetch it again"
            ) from error
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] not in _DTYPES or data[3] == 0:
        raise ValueError(
            f"read_idx: {path} is not an idx file: it starts with {data[:4].hex(' ') or 'nothing'}, expected 00 00, "
            "a type code and the number of axes"
        )
    dtype, offset = np.dtype(_DTYPES[data[2]]), 4 + 4 * data[3]
    shape = tuple(int(n) for n in np.frombuffer(data[4 : len(data[:offset]) // 4 * 4], dtype=">u4"))
    expected = offset + math.prod(shape) * dtype.itemsize
    if len(shape) != data[3] or len(data) != expected:
        what = "truncated" if len(data) < expected or len(shape) != data[3] else "longer than its header says"
        raise ValueError(
            f"read_idx: {path} is {what}: {len(data)} bytes, expected {expected} for shape {shape} of {dtype.name}; "
            "fetch it again"
        )
    return np.frombuffer(data, dtype=dtype, offset=offset).reshape(shape).astype(dtype.newbyteorder("="))


def idx_pictures(folder: str | Path = DEBIAN_FASHION_MNIST, train: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """MNIST or Fashion-MNIST from a folder: images (N, 1, H, W) float32 in [0, 1] and labels (N,) int64.

    The folder holds `train-images-idx3-ubyte`, `train-labels-idx1-ubyte` and the same with `t10k`, plain or `.gz`; the
    default is where Debian's package `dataset-fashion-mnist` puts them.
    Errors: FileNotFoundError naming the files looked for, ValueError for damaged or unmatched files.
    """
    part = "train" if train else "t10k"
    images_at, labels_at = (
        _find(Path(folder), f"{part}-{kind}") for kind in ("images-idx3-ubyte", "labels-idx1-ubyte")
    )
    images, labels = read_idx(images_at), read_idx(labels_at)
    for path, array, axes in ((images_at, images, 3), (labels_at, labels, 1)):
        if array.ndim != axes or array.dtype != np.uint8:
            raise ValueError(
                f"idx_pictures: {path} holds {array.ndim} axes of {array.dtype}, expected {axes} axes of uint8"
            )
    if len(images) != len(labels):
        raise ValueError(
            f"idx_pictures: {images_at} has {len(images)} pictures and {labels_at} has {len(labels)} labels; "
            "expected as many of one as of the other"
        )
    if labels.size and labels.max() > 9:
        raise ValueError(f"idx_pictures: {labels_at} has the label {labels.max()}, expected 0..9; the file is damaged")
    return (images.astype(np.float32) / np.float32(255))[:, None], labels.astype(np.int64)


def _find(folder: Path, name: str) -> Path:
    # Some copies are named with a dot where the original has a dash.
    names = [spelling + end for spelling in (name, name.replace("-idx", ".idx")) for end in ("", ".gz")]
    for candidate in names:
        if (folder / candidate).is_file():
            return folder / candidate
    hint = "; `apt install dataset-fashion-mnist` brings them" if folder == DEBIAN_FASHION_MNIST else ""
    raise FileNotFoundError(
        f"idx_pictures: {folder} has none of {', '.join(names)}{hint}; name the folder that has them"
    )
