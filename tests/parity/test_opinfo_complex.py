"""The complex inputs torch tests its operations with, `torch.fft` and `stft` among them: values and gradients of two orders.

What has no complex form here says so (DTypeError); everything else agrees.
"""

from __future__ import annotations

import random
import warnings
from typing import Any

import numpy as np
import pytest
from torch_samples import flatten, internal, named_leaves, torch

import autograd
from autograd.errors import DTypeError
from autograd.tensor import Tensor, wrap

FEW = 12  # samples of each entry at most
ELSEWHERE = (
    "_refs.",
    "torch.ops.",
    "jiterator_",
    "signal.",
    "sparse.",
    "masked.",
    "_",
    "torch._",
    "fft.hfft2",
    "fft.hfftn",
)
ELSEWHERE += ("fft.ihfft2", "fft.ihfftn", "__r")
DRAWN = (
    "rand",
    "normal",
    "empty",
    "new_empty",
    "uniform",
    "bernoulli",
    "resize",
    "svd_lowrank",
    "pca_lowrank",
    "nn.functional.drop",
)
# entry -> why it is left out
WHY = {
    "as_strided_scatter": "torch gives the input's gradient to the places written over",
    "nn.functional.triplet_margin_with_distance_loss": "torch's own distance is among the arguments",
    "zero_": "writes into a leaf",
    "linalg.norm/subgradients_at_zero": "0 / 0 is 0 here",
    "linalg.pinv/singular": "called by other arguments than the function has",
}


def entries() -> dict[str, Any]:
    found = {}
    for info in internal("common_methods_invocations").op_db:
        if info.name.startswith(ELSEWHERE) or info.name.startswith(DRAWN):
            continue
        if torch.complex128 in info.supported_dtypes("cpu") or info.name.startswith("fft."):
            found[f"{info.name}/{info.variant_test_name}".rstrip("/")] = info
    return found


INFOS = entries()


def counterpart(name: str) -> Any:
    if isinstance(getattr(Tensor, name, None), property):
        return lambda x: getattr(x, name)
    found: Any = autograd
    for part in name.split("."):
        found = getattr(found, part, None)
    if not callable(found) or isinstance(found, (type, np.dtype)):
        found = getattr(Tensor, name, None) or getattr(Tensor, f"{name}_", None)
    return {"einsum": lambda tensors, equation: autograd.einsum(equation, *tensors)}.get(name, found)


class NotHere(Exception):
    pass


def here(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        if value.layout != torch.strided or value.dtype in (torch.float16, torch.bfloat16):
            raise NotHere
        data = value.detach().resolve_conj().resolve_neg().numpy().copy()
        if data.dtype.kind == "c":
            autograd.dtypes.complex_made()
        out = wrap(data)
        return out.requires_grad_() if value.requires_grad else out
    if isinstance(value, torch.dtype):
        return getattr(autograd, str(value).removeprefix("torch."))
    if isinstance(value, torch.Size):
        return tuple(value)
    if isinstance(value, (torch.device, torch.memory_format)):
        return getattr(autograd, str(value).removeprefix("torch."), str(value))
    if isinstance(value, (list, tuple)):
        return type(value)(here(v) for v in value)
    return {k: here(v) for k, v in value.items()} if isinstance(value, dict) else value


def same(mine: Any, theirs: Any, about: str, wide: float = 1.0) -> None:
    if not isinstance(theirs, torch.Tensor):
        if isinstance(theirs, (int, float, complex, bool)):
            assert mine == theirs or np.allclose(mine, theirs, equal_nan=True), f"{about}: {mine} beside {theirs}"
        return
    theirs = theirs.detach().resolve_conj().resolve_neg().numpy()
    assert isinstance(mine, Tensor), f"{about}: {mine!r}"
    assert mine.shape == theirs.shape and mine.dtype == theirs.dtype, (
        f"{about}: {mine.dtype} {tuple(mine.shape)} beside {theirs.dtype} {theirs.shape}"
    )
    if theirs.size:
        scale = max(1.0, float(np.nan_to_num(np.abs(theirs), posinf=0).max()))
        np.testing.assert_allclose(
            mine.detach().numpy(), theirs, rtol=1e-6 * wide, atol=1e-8 * wide * scale, equal_nan=True, err_msg=about
        )


def compare(name: str, function: Any, theirs: Any, sample: Any) -> bool:
    """Whether the sample was compared: not where it is refused here or there."""
    given = [sample.input, list(sample.args), sample.kwargs]
    given = torch.utils._pytree.tree_map(
        lambda t: t.detach().clone().requires_grad_(t.requires_grad) if isinstance(t, torch.Tensor) else t, given
    )
    try:
        ours = here(given)
    except NotHere:
        return False
    about = (
        f"{name} of {[tuple(t.shape) for t in flatten(given) if isinstance(t, torch.Tensor)]} {given[1]} {given[2]}"[
            :400
        ]
    )
    try:
        b = theirs(given[0], *given[1], **given[2])
    except Exception:
        return False
    if any(
        isinstance(t, torch.Tensor) and (t.layout != torch.strided or t.dtype == torch.complex32) for t in flatten(b)
    ):
        return False
    try:
        a = function(ours[0], *ours[1], **ours[2])
    except DTypeError:
        return False
    a_parts, b_parts = flatten(a), flatten(b)
    assert len(a_parts) == len(b_parts), about
    for x, y in zip(a_parts, b_parts, strict=True):
        same(x, y, about)
    leaves = [(n, x, y) for n, x, y in named_leaves(ours, given) if y.requires_grad]
    outs = [(x, y) for x, y in zip(a_parts, b_parts, strict=True) if isinstance(y, torch.Tensor) and y.requires_grad]
    rng = np.random.default_rng(0)
    for order in (1, 2):
        outs = [(x, y) for x, y in outs if y.numel() and isinstance(x, Tensor) and x.requires_grad]
        if not outs or not leaves:
            return True
        seeds = []
        for _, y in outs:
            seed = rng.uniform(0.5, 1.5, tuple(y.shape))
            seed = seed + 1j * rng.uniform(0.5, 1.5, tuple(y.shape)) if y.is_complex() else seed
            seeds.append(np.asarray(seed, y.detach().resolve_conj().resolve_neg().numpy().dtype))
        try:
            b_grads = torch.autograd.grad(
                [y for _, y in outs], [y for *_, y in leaves], [torch.from_numpy(v) for v in seeds], create_graph=True,
                allow_unused=True,
            )  # fmt: skip
        except (RuntimeError, NotImplementedError):
            return True  # torch has no derivative of this order
        a_grads = autograd.grad(
            [x for x, _ in outs],
            [x for _, x, _ in leaves],
            [wrap(v) for v in seeds],
            create_graph=True,
            allow_unused=True,
        )
        outs = []
        for (leaf, _, _), x, y in zip(leaves, a_grads, b_grads, strict=True):
            if x is None or y is None:
                assert (x is None or not x.detach().numpy().any()) and (y is None or not y.any()), f"{about}: {leaf}"
                continue
            if torch.isnan(y).any():
                return True
            same(x, y, f"{about}: order {order}, gradient of {leaf}", 10.0)
            outs.append((x, y))
        outs = [(x, y) for x, y in outs if y.requires_grad]
    return True


@pytest.mark.parametrize("name", [name for name in INFOS if name not in WHY])
def test_complex_samples(name: str) -> None:
    info = INFOS[name]
    function = counterpart(info.name)
    if function is None:
        pytest.skip("not here, for numbers of any kind")
    dtypes = [d for d in (torch.complex128, torch.float64) if d in info.supported_dtypes("cpu")]
    if not info.name.startswith(("fft.", "stft", "istft")):
        dtypes = dtypes[:1]
    compared = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for dtype in dtypes:
            torch.manual_seed(0), random.seed(0), np.random.seed(0)
            grad = info.supports_autograd and dtype in info.supported_backward_dtypes("cpu")
            samples = list(info.sample_inputs_func(info, "cpu", dtype, grad))
            if len(samples) > FEW:
                samples = random.Random(0).sample(samples, FEW)
            for sample in samples:
                compared += compare(name, function, info.op, sample)
    if not compared:
        pytest.skip("has no complex form here")
