"""Every operation of the library, one family a file; importing this package fills the registry."""

from . import activation, chain, compare, elementwise, index, linalg, reduce, shape

__all__ = ["activation", "chain", "compare", "elementwise", "index", "linalg", "reduce", "shape"]
