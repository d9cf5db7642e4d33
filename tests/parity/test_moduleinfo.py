"""Every layer on the inputs torch tests its own with: values in training and not, gradients, states, copies, errors."""

from __future__ import annotations

import copy
import pickle
import warnings

import pytest
from torch_samples import (
    NotHere,
    compare_gradients,
    compare_values,
    flatten,
    here,
    internal,
    named_leaves,
    same,
    same_kind,
    torch,
)

import nn

db = internal("common_modules")
INFO = {info.module_cls.__name__: info for info in db.module_db}
DTYPES = {"float32": torch.float32, "float64": torch.float64}
MOST = 24  # samples of a layer in each mode; where torch has more they are taken evenly from all

DRAWN = {"FractionalMaxPool2d", "FractionalMaxPool3d"}  # where the windows lie is drawn: only shapes are compared
WIDE = {"CTCLoss": 10.0}  # sums of many exponentials in float32


def test_no_layer_is_missing():
    assert [name for name in INFO if not hasattr(nn, name)] == []


def shown(layer):
    return repr(layer).replace("NonDynamicallyQuantizableLinear", "Linear")


def samples(info, dtype, training):
    torch.manual_seed(0)
    found = list(info.module_inputs_func(info, device="cpu", dtype=dtype, requires_grad=True, training=training))
    return found[:: -(-len(found) // MOST)]


def through_log_softmax(sample):
    """CTC's log-probabilities from scores, whose gradients agree: torch's own in the probabilities holds a further term."""
    scores = sample.forward_input.args[0].detach().requires_grad_()
    ours = here(scores)
    return scores, ours, scores.log_softmax(-1), ours.log_softmax(-1)


def check(info, ours, sample, dtype, training, second):
    name, lazy = info.module_cls.__name__, info.is_lazy
    args, kwargs = sample.constructor_input.args, dict(sample.constructor_input.kwargs)
    a, b = ours(*here(list(args)), **here(kwargs)), info.module_cls(*args, **kwargs)
    a, b = a.to(here(dtype)).train(training), b.to(dtype).train(training)
    if not lazy:
        assert shown(a) == shown(b)
        assert list(a.state_dict()) == list(b.state_dict())
        for (key, mine), (_, theirs) in zip(a.named_buffers(), b.named_buffers(), strict=True):
            same(mine, theirs, f"{key} to begin with")
        a.load_state_dict(here(b.state_dict()))
    if sample.forward_input is None:
        return
    theirs_in, kwargs = list(sample.forward_input.args), sample.forward_input.kwargs
    memo: dict = {}
    mine_in, mine_kwargs = here(theirs_in, memo), here(kwargs, memo)
    inputs = named_leaves([mine_in, mine_kwargs], [theirs_in, kwargs], "input")
    if name == "CTCLoss":
        scores, mine, theirs_in[0], mine_in[0] = through_log_softmax(sample)
        inputs = [("scores", mine, scores)]
    y = b(*theirs_in, **kwargs)
    if lazy:  # the first call makes the weights, with values of their own
        a(*mine_in, **mine_kwargs)
        a.load_state_dict(here(b.state_dict()))
        assert shown(a) == shown(b)
    copies = [copy.deepcopy(a), pickle.loads(pickle.dumps(a))]
    x = a(*mine_in, **mine_kwargs)
    if name in DRAWN:
        assert [tuple(part.shape) for part in flatten(x)] == [tuple(part.shape) for part in flatten(y)]
        return
    wide = WIDE.get(name, 1.0)
    compare_values(x, y, "values", wide)
    for other in copies:
        compare_values(other(*mine_in, **mine_kwargs), y, "a copy's values", wide)
    parameters = dict(b.named_parameters())
    inputs += [(path, p, parameters[path]) for path, p in a.named_parameters()]
    compare_gradients(x, y, inputs, "gradients", orders=2 if second else 1, wide=wide)
    for (key, mine), theirs in zip(a.state_dict().items(), b.state_dict().values(), strict=True):
        same(mine, theirs, f"{key} after the call")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", INFO)
def test_layers(name, dtype):
    info, ours = INFO[name], getattr(nn, name)
    for training in (True, False) if info.train_and_eval_differ else (True,):
        for sample in samples(info, DTYPES[dtype], training):
            about = f"{name}{sample.constructor_input.args}{sample.constructor_input.kwargs} {sample.desc}, {training=}"
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    check(info, ours, sample, DTYPES[dtype], training, info.supports_gradgrad and dtype == "float64")
                except Exception as error:
                    raise AssertionError(f"{about}: {error}") from error


@pytest.mark.parametrize("name", [name for name, info in INFO.items() if info.module_error_inputs_func])
def test_errors(name):
    info = INFO[name]
    for sample in info.module_error_inputs_func(
        info, device="cpu", dtype=torch.float32, requires_grad=False, training=True
    ):
        made, called = sample.module_error_input.constructor_input, sample.module_error_input.forward_input
        errors = []
        for layer, translate in ((info.module_cls, lambda value: value), (getattr(nn, name), here)):
            try:
                arguments = translate(list(made.args)), translate(made.kwargs)
                inputs = called and (translate(list(called.args)), translate(called.kwargs))
            except NotHere:  # half and complex tensors
                continue
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    built = layer(*arguments[0], **arguments[1])
                    if sample.error_on == db.ModuleErrorEnum.FORWARD_ERROR:
                        built(*inputs[0], **inputs[1])
                    errors.append(None)
                except Exception as error:
                    errors.append(error)
        if len(errors) == 2:
            assert errors[0] is not None, f"{made.args} {made.kwargs}: torch raises nothing"
            assert same_kind(errors[1], errors[0]), f"{made.args} {made.kwargs}: {errors[1]!r} beside {errors[0]!r}"
