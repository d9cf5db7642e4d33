"""Functions of functions, as torch.func has them: derivatives as functions, and maps over a batch dimension."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from . import functional, tape
from .errors import TapeError
from .functional import vmap
from .op import real_only
from .tensor import Tensor

__all__ = [
    "functional_call", "functionalize", "grad", "grad_and_value", "hessian", "jacfwd", "jacrev", "jvp", "linearize",
    "replace_all_batch_norm_modules_", "stack_module_state", "vjp", "vmap",
]  # fmt: skip


def _flat(tree: Any) -> list[Tensor]:
    if isinstance(tree, Tensor):
        return [tree]
    values = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, (list, tuple)) else ()
    return [t for value in values for t in _flat(value)]


def _like(tree: Any, flat: Any) -> Any:
    if isinstance(tree, Tensor):
        return next(flat)
    if isinstance(tree, dict):
        return {key: _like(value, flat) for key, value in tree.items()}
    return type(tree)(_like(value, flat) for value in tree) if isinstance(tree, (list, tuple)) else tree


def grad_and_value(func: Callable[..., Any], argnums: Any = 0, has_aux: bool = False) -> Callable[..., Any]:
    """A function that returns (gradient, value) of `func`, whose result is one number, for the arguments `argnums`.

    Arguments may be tensors, or dicts, lists and tuples of them; the gradient has the same structure. has_aux: func
    returns (value, aux), and the result is (gradient, (value, aux)). Nested, it gives higher orders.

    >>> autograd.func.grad_and_value(lambda x: (x * x).sum())(autograd.tensor([1.0, 2.0]))
    (tensor([2., 4.]), tensor(5.))
    """

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        which = argnums if isinstance(argnums, tuple) else (argnums,)
        inner = list(args)
        recorded = any(t.requires_grad for t in _flat(list(args))) and tape.mode.enabled
        with tape.enable_grad():
            for k in which:
                # an alias with a place of its own on the tape, so that a gradient for the caller's tensor goes on through it
                flat = [t * 1.0 if t.requires_grad else t.detach().requires_grad_() for t in _flat(args[k])]
                inner[k] = _like(args[k], iter(flat))
            result = func(*inner, **kwargs)
            value, aux = result if has_aux else (result, None)
            if not isinstance(value, Tensor) or value.numel() != 1:
                raise TapeError("grad: expected func to return a tensor of one element")
            wanted = _flat([inner[k] for k in which])
            found = (
                tape.grad(value, wanted, create_graph=True, materialize_grads=True)
                if value.requires_grad
                else tuple(t * 0.0 for t in wanted)
            )
        if not recorded:
            found, value, aux = tuple(t.detach() for t in found), value.detach(), _detached(aux)
        rest = iter(found)
        grads = tuple(_like(inner[k], rest) for k in which)
        gradient = grads if isinstance(argnums, tuple) else grads[0]
        return gradient, (value, aux) if has_aux else value

    return wrapped


def grad(func: Callable[..., Any], argnums: Any = 0, has_aux: bool = False) -> Callable[..., Any]:
    """A function that returns the gradient of `func`; with has_aux (gradient, aux). See `grad_and_value`.

    >>> autograd.func.grad(autograd.func.grad(lambda x: x**3))(autograd.tensor(2.0))
    tensor(12.)
    """

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        gradient, value = grad_and_value(func, argnums, has_aux)(*args, **kwargs)
        return (gradient, value[1]) if has_aux else gradient

    return wrapped


def _detached(tree: Any) -> Any:
    """The tensors in it without history."""
    return _like(tree, iter([t.detach() for t in _flat(tree)]))


def _opened(args: Any, which: tuple[int, ...]) -> list[Any]:
    """The arguments with those of `which` as leaves, or as aliases that lead on to the caller's history."""
    inner = list(args)
    for k in which:
        flat = [t * 1.0 if t.requires_grad else t.detach().requires_grad_() for t in _flat(args[k])]
        inner[k] = _like(args[k], iter(flat))
    return inner


def jacrev(func: Callable[..., Any], argnums: Any = 0, has_aux: bool = False, **options: Any) -> Callable[..., Any]:
    """A function that returns the Jacobian of `func` for one argument: (*output shape, *input shape).

    For several `argnums` a tuple of them. Arguments and results may be dicts, lists and tuples of tensors: the structure of
    the result, and in each place that of the argument. has_aux: func returns (output, aux), and the result is (Jacobian,
    aux). torch's `chunk_size` and `randomness` are accepted.

    >>> autograd.func.jacrev(lambda x: x * x)(autograd.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    which = argnums if isinstance(argnums, tuple) else (argnums,)

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        real_only("jacrev", *_flat([args[k] for k in which]))
        recorded = any(t.requires_grad for t in _flat(list(args))) and tape.mode.enabled
        with tape.enable_grad():
            inner = _opened(args, which)
            result = func(*inner, **kwargs)
            result, aux = result if has_aux else (result, None)
            real_only("jacrev", *_flat(result))
            wanted = _flat([inner[k] for k in which])
            blocks = []
            for y in _flat(result):
                rows = [_row(y, i, wanted, recorded) for i in range(y.numel())]
                columns = [[row[k] for row in rows] for k in range(len(wanted))]
                flat = iter([_block(part, y, x) for part, x in zip(columns, wanted, strict=True)])
                block = tuple(_like(inner[k], flat) for k in which)
                blocks.append(block if isinstance(argnums, tuple) else block[0])
        out = _shaped(result, iter(blocks))
        return (out, aux if recorded else _detached(aux)) if has_aux else out

    return wrapped


def _row(y: Tensor, i: int, wanted: list[Tensor], recorded: bool) -> Any:
    """The gradients of one element of y."""
    if not y.requires_grad:
        return tuple([tape.wrap(np.zeros(x.shape, x.dtype)) for x in wanted])
    seed = np.zeros(y.shape, y.dtype)
    seed.reshape(-1)[i] = 1
    return tape.grad(y, wanted, tape.wrap(seed), True, recorded, materialize_grads=True)


def _block(rows: list[Tensor], y: Tensor, x: Tensor) -> Tensor:
    if not rows:
        return tape.wrap(np.zeros((*y.shape, *x.shape), x.dtype))
    return tape.stack(rows).reshape((*y.shape, *x.shape))


def _shaped(tree: Any, blocks: Any) -> Any:
    """What stands in the places of the tensors of `tree`."""
    if isinstance(tree, Tensor):
        return next(blocks)
    if isinstance(tree, dict):
        return {key: _shaped(value, blocks) for key, value in tree.items()}
    return type(tree)(_shaped(value, blocks) for value in tree)


jacfwd = jacrev


def hessian(func: Callable[..., Any], argnums: Any = 0) -> Callable[..., Any]:
    """A function that returns the matrix of second derivatives of `func`: the Jacobian of its Jacobian.

    >>> autograd.func.hessian(lambda x: (x**3).sum())(autograd.tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    return jacfwd(jacrev(func, argnums), argnums)


def vjp(func: Callable[..., Any], *primals: Any, has_aux: bool = False) -> Any:
    """(func(*primals), a function of the output's gradient that returns those of the primals).

    has_aux: func returns (output, aux), and the result is (output, the function, aux).

    >>> y, pull = autograd.func.vjp(lambda x: x * x, autograd.tensor([1.0, 2.0]))
    >>> pull(autograd.ones(2))
    (tensor([2., 4.]),)
    """
    with tape.enable_grad():
        inner = _opened(primals, tuple(range(len(primals))))
        result = func(*inner)
        result, aux = result if has_aux else (result, None)
    outputs = _flat(result)

    def pull(*gradients: Any) -> tuple[Any, ...]:
        given = _flat(list(gradients))
        pairs = [(y, g) for y, g in zip(outputs, given, strict=True) if y.requires_grad]
        wanted = _flat(inner)
        if not pairs:
            found: Any = [tape.wrap(np.zeros(x.shape, x.dtype)) for x in wanted]
        else:
            ys, gs = zip(*pairs, strict=True)
            found = tape.grad(ys, wanted, gs, True, materialize_grads=True)
        flat = iter(found)
        return tuple(_like(x, flat) for x in inner)

    out = _like(result, (t.detach() for t in outputs))
    return (out, pull, _detached(aux)) if has_aux else (out, pull)


def jvp(func: Callable[..., Any], primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Any, Any]:
    """(func(*primals), its derivative in the direction of the tangents).

    >>> autograd.func.jvp(lambda x: x * x, (autograd.tensor(3.0),), (autograd.tensor(1.0),))
    (tensor(9.), tensor(6.))
    """
    return functional.jvp(func, primals, tangents)


def functional_call(module: Any, parameter_and_buffer_dicts: Any, args: Any = None, kwargs: Any = None) -> Any:
    """`module(*args)` with these parameters and buffers, a dict or several, in place of its own.

    >>> layer = nn.Linear(2, 1)
    >>> given = {"weight": autograd.ones(1, 2), "bias": autograd.zeros(1)}
    >>> autograd.func.functional_call(layer, given, autograd.ones(1, 2)).tolist()
    [[2.0]]
    """
    from importlib import import_module

    given = parameter_and_buffer_dicts
    if not isinstance(given, dict):
        given = {key: value for part in given for key, value in part.items()}
    args = () if args is None else args if isinstance(args, tuple) else (args,)
    return import_module("nn.utils.stateless").functional_call(module, given, args, kwargs)


def linearize(func: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[..., Any]]:
    """(func(*primals), a function of tangents that returns the derivative in their direction).

    >>> y, push = autograd.func.linearize(lambda x: x * x, autograd.tensor(3.0))
    >>> push(autograd.tensor(1.0))
    tensor(6.)
    """

    def push(*tangents: Any) -> Any:
        return functional.jvp(func, primals, tangents)[1]

    with tape.no_grad():
        return func(*primals), push


def functionalize(func: Callable[..., Any], *, remove: str = "mutations") -> Callable[..., Any]:
    """The function as it is: writes in place are recorded like everything else.

    >>> autograd.func.functionalize(lambda x: x.add_(1))(autograd.ones(1))
    tensor([2.])
    """
    return func


def stack_module_state(models: Any) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The parameters, and the buffers, of modules of one kind, stacked along a new first dimension, for `vmap`.

    >>> parameters, buffers = autograd.func.stack_module_state([nn.Linear(2, 1), nn.Linear(2, 1)])
    >>> parameters["weight"].shape
    Size([2, 1, 2])
    """
    models = list(models)
    if not models:
        raise RuntimeError("stack_module_state: expected at least one model, got 0")
    if any(model.training != models[0].training for model in models):
        raise RuntimeError("stack_module_state: expected all models to have the same training/eval mode")
    if any(type(model) is not type(models[0]) for model in models):
        raise RuntimeError("stack_module_state: expected all models to be of the same class")

    def together(each: list[dict[str, Tensor]]) -> dict[str, Tensor]:
        out = {}
        for name, first in each[0].items():
            made = tape.stack([held[name].detach() for held in each])
            out[name] = made.requires_grad_() if first.requires_grad else made
        return out

    parameters = together([dict(model.named_parameters()) for model in models])
    return parameters, together([dict(model.named_buffers()) for model in models])


def replace_all_batch_norm_modules_(root: Any) -> Any:
    """Take from each batch norm of a module its running statistics, which `vmap` cannot write to. Returns the module.

    >>> autograd.func.replace_all_batch_norm_modules_(nn.BatchNorm1d(1)).running_mean is None
    True
    """
    for module in root.modules():
        if hasattr(module, "num_batches_tracked"):
            module.running_mean = module.running_var = module.num_batches_tracked = None
            module.track_running_stats = False
    return root
