"""torch.hub's download of trained weights: a file fetched once from an address, kept, and read as a state_dict."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import Any

from .io import load, whole_file
from .kernels.cache import cache_root

__all__ = ["download_url_to_file", "get_dir", "load_state_dict_from_url", "set_dir"]

_CHUNK = 1 << 20  # bytes
_HASHED = re.compile(r"-([a-f0-9]*)\.")  # name-5c106cde.pth: the first digits of the content's SHA-256
_dir: str | None = None


def get_dir() -> str:
    """The folder of what was downloaded: `set_dir`'s, or hub/ in the cache (`$TAPEGRAD_CACHE`, default ~/.cache/tapegrad)."""
    return str(cache_root() / "hub") if _dir is None else _dir


def set_dir(d: str | os.PathLike[str]) -> None:
    """Download into the folder `d` from now on."""
    global _dir
    _dir = os.path.expanduser(d)


def download_url_to_file(
    url: str, dst: str | os.PathLike[str], hash_prefix: str | None = None, progress: bool = True
) -> None:
    """Fetch `url` (https, http, ftp or file) into the file `dst`, which appears only once it is whole.

    hash_prefix: how the content's SHA-256 must begin, in hexadecimal digits. progress: a bar of tqdm (the extra "examples"), if
    that is installed. Raises OSError where the address cannot be read, ValueError for other content than hash_prefix says.
    """
    from urllib.request import Request, urlopen  # 30 ms that most programs need not pay

    target = Path(dst).expanduser()
    target.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    request = Request(url, headers={"User-Agent": "tapegrad"})
    with whole_file(target) as file, urlopen(request) as answer:
        size = answer.headers.get("Content-Length")
        with _bar(int(size) if size else None, progress) as bar:
            while chunk := answer.read(_CHUNK):
                file.write(chunk)
                digest.update(chunk)
                bar.update(len(chunk))
        if size and file.tell() != int(size):
            raise OSError(f"download_url_to_file: {url} ended after {file.tell()} of {size} bytes; try it again")
        found = digest.hexdigest()
        if hash_prefix and not found.startswith(hash_prefix):
            raise ValueError(
                f"download_url_to_file: the SHA-256 of {url} is {found}; expected one that begins with {hash_prefix}"
            )


class _NoBar:
    def __enter__(self) -> _NoBar:
        return self

    def __exit__(self, *exc: object) -> None:
        return None

    def update(self, n: int) -> None:
        """Nothing to show."""


def _bar(total: int | None, progress: bool) -> Any:
    try:
        from tqdm import tqdm  # type: ignore[import-untyped]
    except ImportError:
        return _NoBar()
    return tqdm(total=total, disable=not progress, unit="B", unit_scale=True)


def load_state_dict_from_url(
    url: str,
    model_dir: str | os.PathLike[str] | None = None,
    map_location: Any = None,
    progress: bool = True,
    check_hash: bool = False,
    file_name: str | None = None,
    weights_only: bool = True,
) -> Any:
    """What `autograd.load` reads in the file at `url`, downloaded once into `model_dir` (default `get_dir()`/checkpoints).

    check_hash: the file's name says how its SHA-256 begins, as resnet18-f37072fd.pth. file_name: the name to keep it under.
    Raises OSError where the address cannot be read, ValueError for a file that `load` cannot read or of the wrong content.
    """
    from urllib.parse import unquote, urlparse

    folder = Path(model_dir) if model_dir is not None else Path(get_dir()) / "checkpoints"
    name = file_name or os.path.basename(unquote(urlparse(url).path))
    if not name:
        raise ValueError(f"load_state_dict_from_url: {url} names no file; give file_name")
    kept = folder / name
    if not kept.is_file():
        hashed = _HASHED.search(name) if check_hash else None
        download_url_to_file(url, kept, hashed.group(1) if hashed else None, progress)
    return load(kept, map_location, weights_only=weights_only)


load_url = load_state_dict_from_url  # its name in torch.utils.model_zoo
