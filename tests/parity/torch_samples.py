"""The inputs torch tests itself with (torch.testing._internal), translated: tensors, dtypes, layers, functions."""

from __future__ import annotations

import importlib
import types
import warnings
from collections import OrderedDict
from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest

import autograd
import nn
import nn.functional as F
from autograd.tensor import Tensor, wrap

torch = pytest.importorskip("torch", reason="the other library of the comparison")
pytest.importorskip("expecttest", reason="torch's own test inputs need it")

from torch_beside import MORE_HERE, array, same  # noqa: E402, F401  (it imports torch; the tests take these from here)


def internal(name: str) -> Any:
    """torch.testing._internal.`name`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what torch's test suite says of itself
        found = importlib.import_module(f"torch.testing._internal.{name}")
    # the import forbids to set flags of torch.backends, which scripts of the other tests do in the same process
    torch.backends.flags_frozen.__globals__["__allow_nonbracketed_mutation_flag"] = True
    return found


class NotHere(Exception):
    """A sample of something this library has not: half and complex numbers, sparse tensors."""


def here(value: Any, memo: dict[int, Any] | None = None) -> Any:
    """torch's value as ours, recursively. memo: by id, what was translated already, so that one tensor stays one."""
    memo = {} if memo is None else memo
    if id(value) in memo:
        return memo[id(value)][0]
    if isinstance(value, (list, tuple, dict)):
        return _container(value, memo)
    out = _single(value, memo)
    memo[id(value)] = (out, value)  # the value is held, so that its id stays its own
    return out


def _container(value: Any, memo: dict[int, Any]) -> Any:
    if isinstance(value, torch.nn.utils.rnn.PackedSequence):
        return nn.utils.rnn.PackedSequence(*(here(part, memo) for part in value))
    if isinstance(value, torch.Size):
        return tuple(value)
    if isinstance(value, dict):
        return (OrderedDict if isinstance(value, OrderedDict) else dict)((k, here(v, memo)) for k, v in value.items())
    return type(value)(here(v, memo) for v in value)


def _single(value: Any, memo: dict[int, Any]) -> Any:
    if isinstance(value, torch.Tensor):
        if value.layout != torch.strided or value.dtype.is_complex or value.dtype in (torch.float16, torch.bfloat16):
            raise NotHere(f"{value.dtype} {value.layout}")
        data = value.detach().numpy()
        if 0 in data.strides and data.size:  # an expanded tensor
            data = data.copy()
        out = wrap(data.copy(order="K") if data.flags.forc else np.lib.stride_tricks.as_strided(data.copy()))
        if isinstance(value, torch.nn.Parameter):
            return nn.Parameter(out, value.requires_grad)
        return out.requires_grad_() if value.requires_grad else out
    if isinstance(value, torch.dtype):
        if value.is_complex or value in (torch.float16, torch.bfloat16):
            raise NotHere(str(value))
        return getattr(autograd, str(value).removeprefix("torch."))
    if isinstance(value, (torch.device, torch.memory_format)):
        return getattr(autograd, str(value).removeprefix("torch."), str(value))
    if isinstance(value, torch.nn.Module):
        return _module(value, memo)
    if isinstance(value, (types.FunctionType, types.BuiltinFunctionType)) and value.__name__ in vars(F):
        return getattr(F, value.__name__)
    return value


def _module(value: Any, memo: dict[int, Any]) -> Any:
    """A layer that is another's argument, with its weights."""
    arguments: dict[str, Any] = {}
    if isinstance(value, torch.nn.TransformerEncoderLayer):
        arguments = {
            "d_model": value.linear1.in_features, "nhead": value.self_attn.num_heads, "dropout": value.dropout.p,
            "dim_feedforward": value.linear1.out_features, "activation": here(value.activation, memo),
            "layer_norm_eps": value.norm1.eps, "batch_first": value.self_attn.batch_first,
            "norm_first": value.norm_first, "bias": value.linear1.bias is not None, "dtype": here(value.linear1.weight.dtype),
        }  # fmt: skip
    elif type(value) not in (torch.nn.PairwiseDistance, torch.nn.GELU, torch.nn.ReLU):
        raise NotHere(f"a layer among the arguments: {value}")
    layer = getattr(nn, type(value).__name__)(**arguments)
    layer.load_state_dict(here(value.state_dict(), memo))
    return layer


def compare_values(mine: Any, yours: Any, what: str, wide: float = 1.0) -> None:
    a, b = flatten(mine), flatten(yours)
    assert len(a) == len(b), f"{what}: {len(a)} results beside {len(b)}"
    for k, (x, y) in enumerate(zip(a, b, strict=True)):
        assert (x is None) == (y is None), f"{what}: result {k} is {x!r} beside {y!r}"
        same(x, y, f"{what}: result {k}", wide=wide)
        if isinstance(y, torch.Tensor):
            assert x.requires_grad == y.requires_grad, f"{what}: result {k} requires_grad {x.requires_grad}"


def flatten(value: Any) -> list[Any]:
    if isinstance(value, (list, tuple)):
        return [x for v in value for x in flatten(v)]
    return [x for v in value.values() for x in flatten(v)] if isinstance(value, dict) else [value]


def compare_gradients(
    mine: Any, yours: Any, inputs: Iterable[tuple[str, Any, Any]], what: str, orders: int = 1, wide: float = 1.0
) -> None:
    """Gradients of the results in the inputs (name, ours, torch's) for a random gradient that comes in; of each order."""
    inputs = [(n, x, y) for n, x, y in inputs if isinstance(y, torch.Tensor) and y.requires_grad]
    rng = np.random.default_rng(0)
    a_outs = [x for x in flatten(mine) if isinstance(x, Tensor) and x.requires_grad]
    b_outs = [y for y in flatten(yours) if isinstance(y, torch.Tensor) and y.requires_grad]
    a_in, b_in = [x for _, x, _ in inputs], [y for _, _, y in inputs]
    for order in range(1, orders + 1):
        if not b_outs or not inputs:
            return
        seeds = [rng.uniform(0.5, 1.5, tuple(y.shape)).astype(array(y).dtype) for y in b_outs]
        try:
            b_grads = torch.autograd.grad(
                b_outs, b_in, [torch.from_numpy(v) for v in seeds], create_graph=orders > 1, allow_unused=True
            )
        except (RuntimeError, NotImplementedError) as error:
            if order == 1 and "not implemented" not in str(error):
                raise
            return  # torch has no derivative of this order
        a_grads = autograd.grad(a_outs, a_in, [wrap(v) for v in seeds], create_graph=orders > 1, allow_unused=True)
        for (name, _, _), x, y in zip(inputs, a_grads, b_grads, strict=True):
            scale = 1.0 if y is None or not y.numel() else max(1.0, float(np.nan_to_num(array(y)).__abs__().max()))
            same(
                x,
                y,
                f"{what}: order {order}, gradient of {name}",
                free_where_nan=True,
                wide=wide * 10 ** (order - 1) * scale,
            )
        pairs = [
            (x, y)
            for x, y in zip(a_grads, b_grads, strict=True)
            if y is not None and y.requires_grad and x is not None and x.requires_grad and not torch.isnan(y).any()
        ]
        a_outs, b_outs = [x for x, _ in pairs], [y for _, y in pairs]


def named_leaves(mine: Any, yours: Any, prefix: str = "") -> list[tuple[str, Any, Any]]:
    """The tensors in two equal nestings, each with its path."""
    if isinstance(yours, torch.Tensor):
        return [(prefix, mine, yours)]
    if isinstance(yours, dict):
        pairs: Any = [(k, mine[k], v) for k, v in yours.items()]
    elif isinstance(yours, (list, tuple)):
        pairs = [(k, x, y) for k, (x, y) in enumerate(zip(mine, yours, strict=True))]
    else:
        return []
    return [leaf for k, x, y in pairs for leaf in named_leaves(x, y, f"{prefix}[{k}]")]


def same_kind(mine: Exception | None, yours: Exception) -> bool:
    """Ours is of torch's class, or of one that says the same more exactly: an error of a shape, of types, of an index."""
    wanted = RuntimeError if isinstance(yours, (NotImplementedError, AssertionError)) else type(yours)
    return isinstance(mine, wanted)
