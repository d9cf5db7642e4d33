"""Einstein summation, as pairwise products of matrices: gradients come from the operations it is made of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from math import prod
from string import ascii_letters
from typing import Any

import numpy as np

from ..errors import DTypeError, NumberError, ShapeError
from ..op import function
from ..samples import Draw
from .linalg import matmul
from .reduce import sum
from .shape import diagonal, permute, reshape, squeeze

# Letters stand for dimensions; an ellipsis becomes letters of its own, the digits, counted from the right.


def _spread(name: str, term: str, ndim: int, k: int) -> str:
    """One operand's letters, its ellipsis replaced by as many digits as it stands for."""
    left, dots, right = term.partition("...")
    letters = left + right
    if not all(c.isalpha() and c.isascii() for c in letters) or (dots and "." in right):
        raise ShapeError(f"{name}: operand {k} is written {term!r}; expected letters and at most one ellipsis")
    extra = ndim - len(letters)
    if extra < 0 or (extra and not dots):
        raise ShapeError(f"{name}: operand {k} has {ndim} dimensions, its subscripts {term!r} name {len(letters)}")
    if extra > 10:
        raise ShapeError(f"{name}: the ellipsis of operand {k} stands for {extra} dimensions; at most 10 are supported")
    return left + "".join(str(d) for d in range(extra - 1, -1, -1)) + right


def _parse(equation: str, shapes: Sequence[tuple[int, ...]]) -> tuple[list[str], str]:
    """The letters of each operand and of the result."""
    equation = equation.replace(" ", "")
    left, arrow, out = equation.partition("->")
    terms = left.split(",")
    if len(terms) != len(shapes):
        raise ShapeError(f"einsum: equation {equation!r} has {len(terms)} operands, {len(shapes)} were given")
    spread = [_spread("einsum", term, len(shape), k) for k, (term, shape) in enumerate(zip(terms, shapes, strict=True))]
    every = "".join(spread)
    digits = "".join(sorted({c for c in every if c.isdigit()}, reverse=True))
    if not arrow:
        # torch orders capitals before small letters, as numpy does
        return spread, digits + "".join(sorted(c for c in set(every) if c.isalpha() and every.count(c) == 1))
    if out.count("...") > 1 or not all(c.isalpha() for c in out.replace("...", "")):
        raise ShapeError(f"einsum: the result is written {out!r}; expected letters and at most one ellipsis")
    result = out.replace("...", digits)
    letters = out.replace("...", "")
    for c in letters:
        if c not in every or letters.count(c) > 1:
            raise ShapeError(
                f"einsum: output subscript {c!r} of {equation!r} must occur in an operand, and once in the output"
            )
    return spread, result


def _sizes(terms: list[str], shapes: Sequence[tuple[int, ...]]) -> dict[str, int]:
    """The size of each letter; a dimension of size 1 goes with any."""
    sizes: dict[str, int] = {}
    for k, (term, shape) in enumerate(zip(terms, shapes, strict=True)):
        for c, n in zip(term, shape, strict=True):
            held = sizes.get(c, 1)
            if n not in (1, held) and held != 1:
                raise ShapeError(
                    f"einsum: subscript {c!r} has size {n} in operand {k} and {held} before; expected equal sizes"
                )
            sizes[c] = n if held == 1 else held
    return sizes


@lru_cache(maxsize=1024)
def _read(equation: str, shapes: tuple[tuple[int, ...], ...]) -> tuple[list[str], str, dict[str, int]]:
    """The letters of each operand and of the result, and their sizes."""
    terms, out = _parse(equation, shapes)
    return terms, out, _sizes(terms, shapes)


def _prepared(x: Any, term: str, sizes: dict[str, int]) -> tuple[Any, str]:
    """Each letter once (repeated ones by the diagonal), and dimensions of size 1 that others stretch dropped."""
    for c in dict.fromkeys(term) if len({*term}) < len(term) else ():
        while term.count(c) > 1:
            i = term.index(c)
            j = term.index(c, i + 1)
            if x.shape[i] != x.shape[j]:
                raise ShapeError(
                    f"einsum: subscript {c!r} is repeated for sizes {x.shape[i]} and {x.shape[j]}; expected equal"
                )
            x = diagonal(x, 0, i, j)
            term = term[:i] + term[i + 1 : j] + term[j + 1 :] + c
    shape = tuple(x.shape)
    ones = tuple(i for i, c in enumerate(term) if shape[i] == 1 and sizes[c] != 1) if 1 in shape else ()
    if ones:
        x, term = squeeze(x, ones), "".join(c for i, c in enumerate(term) if i not in ones)
    return x, term


def _only(x: Any, term: str, kept: Iterable[str]) -> tuple[Any, str]:
    """The letters not in `kept` summed away."""
    gone = tuple([i for i, c in enumerate(term) if c not in kept])
    return (sum(x, gone), "".join(c for c in term if c in kept)) if gone else (x, term)


def _pair(a: Any, left: str, b: Any, right: str, kept: frozenset[str]) -> tuple[Any, str]:
    """The product of two operands, summed over the letters that nothing else needs: one batched matrix product."""
    if not kept.issuperset(left):
        a, left = _only(a, left, kept.union(right))
    if not kept.issuperset(right):
        b, right = _only(b, right, kept.union(left))
    of_a, of_b, summed, shape, term = _factors(left, a.shape, right, b.shape, kept)
    x, y = _laid(a, *of_a), _laid(b, *of_b)
    return _laid(matmul(x, y) if summed else x * y, None, shape), term


@lru_cache(maxsize=1024)
def _factors(
    left: str, left_shape: tuple[int, ...], right: str, right_shape: tuple[int, ...], kept: frozenset[str]
) -> tuple[Any, Any, bool, tuple[int, ...], str]:
    """How both are laid out for the product, whether it sums or is an outer one, and the shape and letters it has."""
    size = {**dict(zip(left, left_shape, strict=True)), **dict(zip(right, right_shape, strict=True))}
    batch = [c for c in left if c in right and c in kept]
    inner = [c for c in left if c in right and c not in kept]
    rows, columns = [c for c in left if c not in right], [c for c in right if c not in left]
    order = [*batch, *rows, *columns]

    def layout(term: str, *groups: list[str]) -> tuple[tuple[int, ...] | None, tuple[int, ...]]:
        groups = (batch, *groups) if batch else groups
        turn = tuple(term.index(c) for group in groups for c in group)
        shape = tuple(prod(size[c] for c in group) for group in groups)
        return None if turn == tuple(range(len(turn))) else turn, shape

    shape = tuple(size[c] for c in order)
    return layout(left, rows, inner), layout(right, inner, columns), bool(inner), shape, "".join(order)


def _laid(x: Any, order: tuple[int, ...] | None, shape: tuple[int, ...]) -> Any:
    x = x if order is None else permute(x, order)
    return x if x.shape == shape else reshape(x, shape)


def _samples(s: Draw) -> list[tuple[Any, ...]]:
    return [
        ("ij,jk->ik", s(2, 3), s(3, 4)), ("bij,bjk", s(2, 2, 3), s(2, 3, 2)), ("ii->i", s(3, 3)), ("ii", s(3, 3)),
        ("i,j", s(2), s(3)), ("...ij,...jk->...ik", s(2, 1, 2, 3), s(4, 3, 2)), ("ij->ji", s(2, 3)), ("ij->", s(2, 3)),
        ("ij,jk,kl->il", s(2, 3), s(3, 2), s(2, 4)), ("bn,anm,bm->ba", s(2, 3), s(4, 3, 2), s(2, 2)),
        ("iij,j->i", s(2, 2, 3), s(3)), ("ij,ij->ij", s(2, 3), s(1, 3)), (",i->i", s(), s(3)), ("i...->...", s(2, 3)),
        ("ij,ij->", s(2, 3), s(2, 3)),
    ]  # fmt: skip


@function(method=False, samples=_samples)
def einsum(equation: Any, *operands: Any) -> Any:
    """Products of the operands summed by Einstein's convention: `einsum("bij,bjk->bik", a, b)`.

    Or with numbers below 52 for letters, a list behind each operand: `einsum(a, [0, 1], b, [1, 2], [0, 2])`.

    Letters name dimensions, `...` stands for broadcast ones, a repeated letter takes the diagonal, what the result
    does not name is summed; without `->` the result names the letters that occur once, in alphabetical order. All of
    one dtype. More than two operands are multiplied in pairs, in the order that numpy's greedy search finds cheapest.
    Raises ShapeError.

    >>> autograd.einsum("ij,j->i", autograd.ones(2, 3), autograd.tensor([1.0, 2.0, 4.0]))
    tensor([7., 7.])
    """
    if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
        operands = tuple(operands[0])
    if not isinstance(equation, str):
        equation, operands = _spelled(equation, *operands)
    if not operands:
        raise ShapeError("einsum: expected at least one operand")
    dtype = operands[0].dtype
    for k, x in enumerate(operands):
        if x.dtype != dtype:
            raise DTypeError(f"einsum: operand {k} is {x.dtype} and operand 0 {dtype}; expected one dtype")
    terms, out, sizes = _read(equation, tuple([tuple(x.shape) for x in operands]))
    work = [_prepared(x, term, sizes) for x, term in zip(operands, terms, strict=True)]
    for first, second, needed in _steps(tuple([term for _, term in work]), out, tuple(sizes.items())):
        right, left = work.pop(second), work.pop(first)
        work.append(_pair(*left, *right, needed))
    y, term = _only(*work[0], out)
    return permute(y, tuple(term.index(c) for c in out)) if term != out else y


def _spelled(*given: Any) -> tuple[str, tuple[Any, ...]]:
    """The equation and the operands of the form with lists."""
    operands, lists = given[::2], given[1::2]
    out: Any = None
    if len(given) % 2:
        operands, out = given[:-1:2], given[-1]
    terms = []
    for term in (*lists, *(() if out is None else (out,))):
        if not isinstance(term, (list, tuple)) or not all(k is Ellipsis or isinstance(k, int) for k in term):
            raise DTypeError(f"einsum: expected the equation, a string, or lists of numbers, got {term!r}")
        if not all(k is Ellipsis or 0 <= k < 52 for k in term):
            raise NumberError(f"einsum: the numbers in place of letters must be below 52, got {term}")
        terms.append("".join(["..." if k is Ellipsis else ascii_letters[k + 26 if k < 26 else k - 26] for k in term]))
    return ",".join(terms[: len(operands)]) + ("" if out is None else f"->{terms[-1]}"), tuple(operands)


@lru_cache(maxsize=1024)
def _steps(
    terms: tuple[str, ...], out: str, lengths: tuple[tuple[str, int], ...]
) -> list[tuple[int, int, frozenset[str]]]:
    """The products in turn: the places of both factors in what is left, to whose end the product goes, and the letters
    that the others and the result need."""
    left, steps = [*terms], []
    for pair in _order(terms, out, dict(lengths)):
        first, second = sorted(pair)
        both = {*left.pop(second), *left.pop(first)}
        needed = frozenset(out).union(*left)
        left.append("".join(c for c in both if c in needed))
        steps.append((first, second, needed))
    return steps


def _order(terms: tuple[str, ...], out: str, sizes: dict[str, int]) -> list[Any]:
    """The pairs to multiply, each by its places in what is left; a product goes to the end."""
    if len(terms) < 3:
        return [(0, 1)] * (len(terms) - 1)
    names = {c: chr(ord("a") + k) if k < 26 else chr(ord("A") + k - 26) for k, c in enumerate(sizes)}
    spelled = [("".join(names[c] for c in term), np.broadcast_to(0.0, tuple(sizes[c] for c in term))) for term in terms]
    equation = ",".join(term for term, _ in spelled) + "->" + "".join(names[c] for c in out)
    path = np.einsum_path(equation, *(x for _, x in spelled), optimize="greedy")[0][1:]
    # where the search gives up it names all the rest at once: those are multiplied from the left
    return path if all(len(step) == 2 for step in path) else [(0, 1)] * (len(terms) - 1)
