"""`save` and `load`: tensors in safetensors files, never pickle; a file is replaced only when the new one is whole.

`load` reads torch's own files too, without running what they hold (torch_file.py)."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np

from . import dtypes, torch_file
from .errors import DTypeError
from .tensor import Tensor, on_cpu, wrap

DEFAULT_PROTOCOL = 2  # of pickle, which torch names here and programs import; no file here has one
_KEY = "tapegrad"  # the metadata entry that holds the structure around the tensors


def save(obj: Any, f: str | os.PathLike[str] | IO[bytes]) -> None:
    """Write a state_dict, or any nesting of dicts, lists, tuples, Tensors, arrays, numbers, strings, bools and None.

    A flat dict of tensors becomes a plain safetensors file that other libraries read by name. The file appears under its
    name only when it is complete: an interrupted or failed save leaves the old one as it was. f: a path, or a file that is
    open for bytes (a BytesIO), which is written to as it is. Raises TypeError for anything else, naming where it stands.

    >>> import tempfile, os
    >>> path = os.path.join(tempfile.mkdtemp(), "w.safetensors")
    >>> autograd.save({"w": autograd.ones(2)}, path)
    >>> autograd.load(path)
    OrderedDict([('w', tensor([1., 1.]))])
    """
    from safetensors.numpy import save as to_bytes

    arrays: dict[str, np.ndarray] = {}
    structure = _pack(obj, "", arrays)
    flat = isinstance(obj, Mapping) and all(isinstance(v, (Tensor, np.ndarray)) for v in obj.values())
    metadata = {"format": "pt"} if flat else {_KEY: json.dumps(structure)}
    content = to_bytes(arrays, metadata=metadata)
    if isinstance(f, (str, os.PathLike)):
        whole_write(f, content)
    else:  # a file that is open for writing, or a BytesIO
        f.write(content)


def whole_write(f: str | os.PathLike[str], content: bytes) -> None:
    """Write `content` beside the file `f`, bring it to disk, and only then put it in the place of `f`."""
    with whole_file(f) as out:
        out.write(content)


@contextlib.contextmanager
def whole_file(f: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """A file open for writing beside `f`, which takes the place of `f` once the block has ended well, and else goes."""
    path = Path(f)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as out:
            yield out
            out.flush()
            os.fsync(out.fileno())
        mode = path.stat().st_mode if path.exists() else 0o666 & ~_umask()
        os.chmod(name, mode & 0o777)
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def load(f: str | os.PathLike[str] | IO[bytes], map_location: Any = None, *, weights_only: bool = True) -> Any:
    """Read what `save` wrote, any safetensors file (then a dict of Tensors by name), or a file of `torch.save`.

    `map_location` may name the one device, "cpu"; `weights_only` is always so: no pickle runs, a file of torch's may
    hold containers, numbers, strings and tensors only. Raises FileNotFoundError, or ValueError where the file is damaged,
    of neither kind, or needs code to be read.

    >>> import tempfile, os
    >>> path = os.path.join(tempfile.mkdtemp(), "w.safetensors")
    >>> autograd.save({"w": autograd.ones(2)}, path)
    >>> autograd.load(path)["w"]
    tensor([1., 1.])
    """
    from safetensors import SafetensorError, safe_open

    if isinstance(map_location, str):
        on_cpu(map_location)
    if not isinstance(f, (str, os.PathLike)):  # a file that is open for reading, or a BytesIO
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / "copy"
            copy.write_bytes(f.read())
            return load(copy, map_location)
    path = Path(f)
    if not path.is_file():
        raise FileNotFoundError(f"load: there is no file {path}")
    with path.open("rb") as file:
        start = file.read(len(torch_file.LEGACY_START))
    if start.startswith(torch_file.ZIP_START):
        return torch_file.read(path)
    if start == torch_file.LEGACY_START:
        raise ValueError(
            f"load: {path} has the format that torch wrote before 1.6, which is plain pickle; convert it once in torch: "
            "torch.save(torch.load(f, weights_only=True), f)"
        )
    try:
        with safe_open(str(path), framework="numpy") as held:
            tensors = OrderedDict((key, _taken(held.get_tensor(key))) for key in held.keys())  # noqa: SIM118 - not a dict
            metadata = held.metadata() or {}
    except (SafetensorError, ValueError, OSError) as error:
        raise ValueError(f"load: {path} is damaged or not a safetensors file ({error})") from None
    if _KEY not in metadata:
        return tensors
    try:
        return _unpack(json.loads(metadata[_KEY]), tensors)
    except (KeyError, json.JSONDecodeError) as error:
        raise ValueError(f"load: {path} is damaged: its structure does not fit its tensors ({error})") from None


def _taken(array: np.ndarray) -> Tensor:
    if array.dtype.kind == "c":
        dtypes.complex_made()
    return wrap(array)


def _pack(value: Any, at: str, arrays: dict[str, np.ndarray]) -> Any:
    """`value` as JSON, its arrays put into `arrays` under the path where they stand."""
    if isinstance(value, Tensor):
        value = value.numpy(force=True)
    if isinstance(value, np.ndarray):
        name = at
        while name in arrays:  # {"a": {"b": ...}, "a.b": ...}
            name += "'"
        if value.dtype == dtypes.complex128:
            raise DTypeError(
                f"save: {at or 'the tensor'} is complex128, which safetensors files cannot hold; use view_as_real"
            )
        arrays[name] = np.ascontiguousarray(value).reshape(value.shape)
        return {"tensor": name}
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return {"float": value.hex()}
    if isinstance(value, Mapping):
        items = [[_key(k, at), _pack(v, f"{at}.{k}" if at else str(k), arrays)] for k, v in value.items()]
        return {"dict": items}
    if isinstance(value, (list, tuple)):
        items = [_pack(v, f"{at}.{i}" if at else str(i), arrays) for i, v in enumerate(value)]
        return {"tuple" if isinstance(value, tuple) else "list": items}
    raise TypeError(f"save: {at or 'the object'} is a {type(value).__name__}, which a weights file cannot hold")


def _key(key: Any, at: str) -> Any:
    if isinstance(key, (str, int)) and not isinstance(key, bool):
        return key
    raise TypeError(f"save: key {key!r} in {at or 'the dict'} is a {type(key).__name__}; expected a string or an int")


def _unpack(value: Any, tensors: Mapping[str, Tensor]) -> Any:
    if not isinstance(value, dict):
        return value
    ((kind, held),) = value.items()
    if kind == "tensor":
        return tensors[held]
    if kind == "float":
        return float.fromhex(held)
    if kind == "dict":
        return {k: _unpack(v, tensors) for k, v in held}
    items = [_unpack(v, tensors) for v in held]
    return tuple(items) if kind == "tuple" else items


def add_safe_globals(safe_globals: list[Any]) -> None:
    """Does nothing: `load` makes tensors and plain values, and objects of no class that is called safe."""
