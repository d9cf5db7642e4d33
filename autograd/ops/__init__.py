"""Every operation of the library, one family a file; importing this package fills the registry."""

from . import elementwise, index, linalg, reduce, shape

__all__ = ["elementwise", "index", "linalg", "reduce", "shape"]
