"""Derivatives of functions: vjp, jvp, jacobian, hessian, and their products with vectors; torch.autograd.functional's names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from . import tape
from .errors import ShapeError, TapeError
from .op import real_only
from .tape import grad as grad
from .tensor import Tensor, wrap


def _tuple(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, (tuple, list)) else (value,)


def _leaves(name: str, inputs: Any, create_graph: bool) -> tuple[Tensor, ...]:
    """The inputs as tensors to differentiate for: views of the given ones where the result must reach them."""
    leaves = []
    for k, x in enumerate(_tuple(inputs)):
        if not isinstance(x, Tensor):
            raise TypeError(f"{name}: inputs[{k}] must be a Tensor, got {type(x).__name__}")
        if create_graph and x.requires_grad:
            leaves.append(x.view_as(x))
        else:
            leaves.append(x.detach().requires_grad_())
    return tuple(leaves)


def _outputs(name: str, result: Any) -> tuple[Tensor, ...]:
    outputs = _tuple(result)
    for k, y in enumerate(outputs):
        if not isinstance(y, Tensor):
            raise TypeError(f"{name}: the function must return Tensors, got {type(y).__name__} as output {k}")
    return outputs


def _vectors(name: str, v: Any, like: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    if v is None:
        if len(like) != 1 or like[0].numel() != 1:
            raise TapeError(f"{name}: v can only be left out for a function with one output of one element")
        return (wrap(np.ones(like[0].shape, like[0].dtype)),)
    vectors = _tuple(v)
    if len(vectors) != len(like) or any(a.shape != b.shape for a, b in zip(vectors, like, strict=True)):
        came, expected = [tuple(a.shape) for a in vectors], [tuple(b.shape) for b in like]
        raise ShapeError(f"{name}: v has shapes {came}, expected {expected}")
    return vectors


def _gradients(
    name: str,
    outputs: Any,
    inputs: tuple[Tensor, ...],
    v: Any,
    create_graph: bool,
    strict: bool,
    retain: bool | None = None,
) -> tuple[Tensor, ...]:
    """Gradients with zeros for inputs that took no part (an error when strict)."""
    kept = [(o, g) for o, g in zip(outputs, v, strict=True) if o.requires_grad]
    if strict and len(kept) < len(outputs):
        raise TapeError(f"{name}: an output is independent of the inputs, which strict forbids")
    if not kept:
        return tuple([wrap(np.zeros(x.shape, x.dtype)) for x in inputs])
    result = tape.grad(
        [o for o, _ in kept],
        inputs,
        [g for _, g in kept],
        retain_graph=retain,
        create_graph=create_graph,
        allow_unused=True,
    )
    if strict and any(g is None for g in result):
        raise TapeError(f"{name}: an input has no effect on the outputs, which strict forbids")
    return tuple([wrap(np.zeros(x.shape, x.dtype)) if g is None else g for g, x in zip(result, inputs, strict=True)])


def _like(values: tuple[Any, ...], given: Any) -> Any:
    return values if isinstance(given, (tuple, list)) else values[0]


def _finished(values: tuple[Any, ...], create_graph: bool) -> tuple[Any, ...]:
    return values if create_graph else tuple([v.detach() for v in values])


def vjp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """(func(*inputs), v^T J): the gradient of the outputs weighted by v, for each input.

    >>> autograd.functional.vjp(lambda x: x * x, autograd.tensor([1.0, 2.0]), autograd.ones(2))[1]
    tensor([2., 4.])
    """
    with tape.enable_grad():
        leaves = _leaves("vjp", inputs, create_graph)
        result = func(*leaves)
        outputs = _outputs("vjp", result)
        gradients = _gradients("vjp", outputs, leaves, _vectors("vjp", v, outputs), create_graph, strict)
    return _like(_finished(outputs, create_graph), result), _like(_finished(gradients, create_graph), inputs)


def jvp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """(func(*inputs), J v): how each output changes along v, by differentiating the vjp with respect to its weights.

    >>> autograd.functional.jvp(lambda x: x * x, autograd.tensor([1.0, 2.0]), autograd.ones(2))[1]
    tensor([2., 4.])
    """
    with tape.enable_grad():
        leaves = _leaves("jvp", inputs, create_graph)
        vectors = _vectors("jvp", v, leaves)
        result = func(*leaves)
        outputs = _outputs("jvp", result)
        weights = tuple([wrap(np.zeros(y.shape, y.dtype)).requires_grad_() for y in outputs])
        pulled = _gradients("jvp", outputs, leaves, weights, True, strict)
        pushed = _gradients("jvp", pulled, weights, vectors, create_graph, False)
    return _like(_finished(outputs, create_graph), result), _like(_finished(pushed, create_graph), result)


def jacobian(
    func: Callable[..., Any],
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    """The derivative of every output element by every input element: shape (*output.shape, *input.shape).

    A tuple a tuple of outputs, inside it a tuple a tuple of inputs. vectorize and strategy are accepted as in torch.

    >>> autograd.functional.jacobian(lambda x: x * x, autograd.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    with tape.enable_grad():
        leaves = _leaves("jacobian", inputs, create_graph)
        result = func(*leaves)
        outputs = _outputs("jacobian", result)
        real_only("jacobian", *leaves, *outputs)
        blocks = []
        for y in outputs:
            rows: list[tuple[Tensor, ...]] = []
            for i in range(y.numel()):
                seed = np.zeros(y.shape, y.dtype)
                seed.reshape(-1)[i] = 1
                rows.append(_gradients("jacobian", (y,), leaves, (wrap(seed),), create_graph, strict, retain=True))
            blocks.append(tuple([_stacked([row[k] for row in rows], y, x, create_graph) for k, x in enumerate(leaves)]))
    return _like(tuple([_like(block, inputs) for block in blocks]), result)


def _stacked(rows: list[Tensor], y: Tensor, x: Tensor, create_graph: bool) -> Any:
    shape = (*y.shape, *x.shape)
    if not create_graph or not rows:
        return wrap(np.array([row.numpy(force=True) for row in rows], dtype=x.dtype).reshape(shape))
    from .op import REGISTRY

    return REGISTRY["reshape"].call(REGISTRY["stack"].call(rows), shape)


def _scalar(name: str, func: Callable[..., Any]) -> Callable[..., Any]:
    def checked(*inputs: Any) -> Any:
        (y,) = _outputs(name, func(*inputs))
        if y.numel() != 1:
            raise TapeError(f"{name}: the function must return one element, got shape {tuple(y.shape)}")
        return y.reshape(())

    return checked


def hessian(
    func: Callable[..., Any],
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """The second derivatives of a function with one output element: shape (*input.shape, *input.shape).

    >>> autograd.functional.hessian(lambda x: (x**3).sum(), autograd.tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    scalar = _scalar("hessian", func)

    def gradient(*xs: Any) -> Any:
        y = scalar(*xs)
        return _like(_gradients("hessian", (y,), xs, (wrap(np.ones((), y.dtype)),), True, strict), inputs)

    return jacobian(gradient, inputs, create_graph, strict)


def vhp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """(func(*inputs), v^T H) for a function with one output element.

    >>> autograd.functional.vhp(lambda x: (x**3).sum(), autograd.tensor([1.0, 2.0]), autograd.ones(2))[1]
    tensor([ 6., 12.])
    """
    with tape.enable_grad():
        leaves = _leaves("vhp", inputs, create_graph)
        y = _scalar("vhp", func)(*leaves)
        vectors = _vectors("vhp", v, leaves)
        first = _gradients("vhp", (y,), leaves, (wrap(np.ones((), y.dtype)),), True, strict)
        second = _gradients("vhp", first, leaves, vectors, create_graph, strict)
    return _finished((y,), create_graph)[0], _like(_finished(second, create_graph), inputs)


def hvp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """(func(*inputs), H v) for a function with one output element; H is symmetric, so this is `vhp`.

    >>> autograd.functional.hvp(lambda x: (x**3).sum(), autograd.tensor([1.0, 2.0]), autograd.ones(2))[1]
    tensor([ 6., 12.])
    """
    return vhp(func, inputs, v, create_graph, strict)


def vmap(
    func: Callable[..., Any], in_dims: Any = 0, out_dims: Any = 0, randomness: str = "error", *, chunk_size: Any = None
) -> Callable[..., Any]:
    """`func` over a batch dimension of its arguments: called once an element and stacked, so as fast as a loop.

    in_dims: the dimension of each argument that is mapped, None for one passed whole. out_dims: where it stands in the results.
    Arguments and results may be tensors, or dicts, lists and tuples of them; arguments by name are passed whole. randomness and
    chunk_size are accepted as in torch: each call draws for itself.

    >>> autograd.vmap(lambda x: x.sum())(autograd.ones(2, 3))
    tensor([3., 3.])
    """

    def mapped(*args: Any, **kwargs: Any) -> Any:
        dims = in_dims if isinstance(in_dims, (tuple, list)) else (in_dims,) * len(args)
        if len(dims) != len(args):
            raise ValueError(f"vmap: {len(dims)} in_dims for {len(args)} arguments")
        lengths = set(_lengths(args, dims))
        if len(lengths) != 1:
            raise ShapeError(f"vmap: the mapped dimensions have lengths {sorted(lengths)}, expected one length")
        (n,) = lengths
        return _joined([func(*_cut(args, dims, i), **kwargs) for i in range(n)], out_dims)

    return mapped


def _branches(tree: Any, dims: Any) -> list[tuple[Any, Any, Any]]:
    """Key, value and dims of each branch of a dict, list or tuple; dims are one for all or of the same structure."""
    if isinstance(tree, dict):
        return [(key, value, dims[key] if isinstance(dims, dict) else dims) for key, value in tree.items()]
    if not isinstance(tree, (list, tuple)):
        raise ValueError(f"vmap: cannot map over a {type(tree).__name__}; give it the in_dim None, or return a Tensor")
    each = dims if isinstance(dims, (list, tuple)) else (dims,) * len(tree)
    return [(k, value, dim) for k, (value, dim) in enumerate(zip(tree, each, strict=True))]


def _lengths(tree: Any, dims: Any) -> list[int]:
    if dims is None:
        return []
    if isinstance(tree, Tensor):
        return [tree.size(dims)]
    return [n for _, value, dim in _branches(tree, dims) for n in _lengths(value, dim)]


def _cut(tree: Any, dims: Any, i: int) -> Any:
    if dims is None or isinstance(tree, Tensor):
        return tree if dims is None else tree.select(dims, i)
    cut = {key: _cut(value, dim, i) for key, value, dim in _branches(tree, dims)}
    return cut if isinstance(tree, dict) else type(tree)(cut.values())


def _joined(results: list[Any], dims: Any) -> Any:
    from .op import REGISTRY

    if not results or isinstance(results[0], Tensor):
        return REGISTRY["stack"].call(results, dims)
    joined = {key: _joined([r[key] for r in results], dim) for key, _, dim in _branches(results[0], dims)}
    return joined if isinstance(results[0], dict) else type(results[0])(joined.values())
