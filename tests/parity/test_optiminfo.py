"""Every optimizer on the settings torch tests its own with: the parameters of each step, states that go both ways, errors."""

from __future__ import annotations

import copy
import pickle
import warnings

import numpy as np
import pytest
from torch_samples import NotHere, here, internal, same, same_kind, torch

import autograd
import optim
from autograd.tensor import Tensor, wrap

db = internal("common_optimizers")
INFO = {info.optim_cls.__name__: info for info in db.optim_db}
DTYPES = {"float32": torch.float32, "float64": torch.float64}

# errors that torch raises and this library does not, by the description torch gives its sample
LEFT_OUT = {
    "a param group cannot have duplicate parameters": "torch warns, this library raises",
    "lr as Tensor doesn't work with foreach & not capturable": "foreach has no meaning here",
    r"betas\[0\] as a Tensor is not supported for capturable=False and foreach=True": "foreach has no meaning here",
}


@pytest.fixture(autouse=True)
def no_rounding_to_16_bits(monkeypatch):
    """torch's Muon makes its matrices orthogonal in bfloat16; so that the rest can be compared, in the parameter's dtype."""
    monkeypatch.setattr(torch.Tensor, "bfloat16", lambda self: self.clone())


def parameters(info, dtype):
    torch.manual_seed(0)
    shapes = [(4, 5), (3, 2)] if info.optim_cls is torch.optim.Muon else [(4, 5), (3,), (2, 3, 2)]
    shapes += [] if info.only_supports_sparse_grads or info.optim_cls is torch.optim.Muon else [()]
    return [torch.nn.Parameter(torch.randn(shape, dtype=dtype)) for shape in shapes]


def give_gradients(info, theirs, mine, rng, without=None):
    for k, (p, q) in enumerate(zip(theirs, mine, strict=True)):
        if k == without:
            p.grad = q.grad = None
            continue
        g = rng.standard_normal(tuple(p.shape)).astype(q.dtype)
        if info.only_supports_sparse_grads:
            rows = np.array([0, 1, 0])
            p.grad = torch.sparse_coo_tensor(
                torch.tensor(rows)[None], torch.tensor(g[rows]), p.shape, check_invariants=True
            )
            q.grad = autograd.SparseRows(rows, g[rows], tuple(p.shape))
        else:
            p.grad, q.grad = torch.tensor(g), wrap(np.array(g))


def closure(optimizer, params):
    def evaluate():
        optimizer.zero_grad()
        loss = sum(((p * p).sum() - 1) ** 2 + p.sin().sum() for p in params)
        loss.backward()
        return loss

    return evaluate


def steps(info, theirs, mine, count, seed=0):
    """count steps of both optimizers on the same gradients; at the third one parameter has none."""
    rng = np.random.default_rng(seed)
    a, b = ([p for group in o.param_groups for p in group["params"]] for o in (theirs, mine))
    for i in range(count):
        if info.step_requires_closure:
            theirs.step(closure(theirs, a))
            mine.step(closure(mine, b))
        else:
            give_gradients(info, a, b, rng, without=1 if i == 2 else None)
            theirs.step()
            mine.step()


def compare(theirs, mine, about, wide):
    a, b = ([p for group in o.param_groups for p in group["params"]] for o in (theirs, mine))
    for k, (p, q) in enumerate(zip(a, b, strict=True)):
        same(q, p, f"{about}: parameter {k}", wide=wide)


def as_torch(value):
    """What our state holds, with torch's tensors for the arrays."""
    if isinstance(value, (list, dict)):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        parts = {k: as_torch(v) for k, v in items}
        return parts if isinstance(value, dict) else list(parts.values())
    return torch.from_numpy(value.copy()) if isinstance(value, np.ndarray) else value


def fresh(optimizer, params, kwargs):
    return optimizer([p.detach().clone().requires_grad_() for p in params], **kwargs)


@pytest.mark.filterwarnings("ignore::UserWarning:torch")  # of torch's own arguments and sparse tensors
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", INFO)
def test_steps_and_states(name, dtype):
    info, ours = INFO[name], getattr(optim, name)
    for sample in info.optim_inputs_func("cpu", DTYPES[dtype]):
        theirs = parameters(info, DTYPES[dtype])
        mine, kwargs = here(theirs), here(sample.kwargs)
        about = f"{name} {sample.desc} {sample.kwargs}"
        a, b = info.optim_cls(theirs, **sample.kwargs), ours(mine, **kwargs)
        wide = 100.0 if name == "LBFGS" and dtype == "float32" else 1.0  # its steps amplify rounding
        steps(info, a, b, 4)
        compare(a, b, about, wide)
        theirs_state, my_state = a.state_dict(), b.state_dict()
        for k, held in theirs_state["state"].items():
            assert set(held) - {"al"} == set(my_state["state"][k]), about  # al: space for a loop within a step
        from_mine, from_theirs = fresh(info.optim_cls, theirs, sample.kwargs), fresh(ours, mine, kwargs)
        groups = copy.deepcopy(theirs_state["param_groups"])  # ours have no foreach, fused and the like
        from_mine.load_state_dict({"state": as_torch(my_state["state"]), "param_groups": groups})
        from_theirs.load_state_dict(theirs_state)
        copies = {"pickled": pickle.loads(pickle.dumps(b)), "copied": copy.deepcopy(b)}
        beside = {how: fresh(info.optim_cls, theirs, sample.kwargs) for how in copies}  # torch's LBFGS cannot be copied
        for other in beside.values():
            other.load_state_dict(copy.deepcopy(a.state_dict()))
        steps(info, from_mine, from_theirs, 2, seed=1)
        steps(info, a, b, 2, seed=1)
        compare(a, from_theirs, f"{about}: torch's state loaded", wide)
        compare(from_mine, b, f"{about}: our state loaded by torch", wide)
        for how, other in copies.items():
            steps(info, beside[how], other, 2, seed=1)
            compare(beside[how], other, f"{about}: {how}", wide)


@pytest.mark.parametrize("name", INFO)
def test_errors(name):
    info = INFO[name]
    for sample in info.optim_error_inputs_func("cpu", torch.float64):
        given = sample.optimizer_error_input
        if given.desc in LEFT_OUT:
            continue
        theirs = given.params if given.params is not None else parameters(info, torch.float64)
        theirs = theirs if isinstance(theirs, (list, torch.Tensor)) else list(theirs)
        memo: dict = {}
        try:
            mine = here(theirs, memo)
            for ours, original in memo.values():
                if isinstance(ours, Tensor) and original.grad is not None:
                    ours.grad = here(original.grad)
        except NotHere:  # complex parameters, sparse ones
            continue
        errors = []
        for optimizer, params, kwargs in (
            (info.optim_cls, theirs, given.kwargs),
            (getattr(optim, name), mine, here(given.kwargs)),
        ):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    made = optimizer(params, **kwargs)
                    if sample.error_on == db.OptimizerErrorEnum.STEP_ERROR:
                        made.step()
                    errors.append(None)
                except Exception as error:
                    errors.append(error)
        assert errors[0] is not None, given.desc
        assert same_kind(errors[1], errors[0]), f"{given.desc}: {errors[1]!r} beside {errors[0]!r}"


def test_muon_in_torchs_own_rounding(monkeypatch):
    monkeypatch.undo()
    theirs = [torch.nn.Parameter(torch.randn(4, 5)), torch.nn.Parameter(torch.randn(6, 3))]
    mine = here(theirs)
    a, b = torch.optim.Muon(theirs, lr=0.1), optim.Muon(mine, lr=0.1)
    steps(INFO["Muon"], a, b, 2)
    for p, q in zip(theirs, mine, strict=True):
        np.testing.assert_allclose(q.detach().numpy(), p.detach().numpy(), atol=2e-2)
