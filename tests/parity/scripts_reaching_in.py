"""What code written for torch takes from the files behind torch's public names, and idioms of its older days."""

# ruff: noqa: I001, E501, B905

import math
from collections import OrderedDict, defaultdict, namedtuple
from numbers import Number

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.distributions as distributions
from torch.autograd.function import InplaceFunction
from torch.autograd.grad_mode import no_grad
from torch.autograd.variable import Variable
from torch.cuda.amp import GradScaler
from torch.distributions import Distribution, constraints
from torch.distributions.utils import broadcast_all, clamp_probs, lazy_property, logits_to_probs, probs_to_logits
from torch.nn.common_types import _size_2_t, _size_any_t
from torch.nn.modules.activation import MultiheadAttention
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvTransposeNd
from torch.nn.modules.lazy import LazyModuleMixin
from torch.nn.modules.linear import NonDynamicallyQuantizableLinear
from torch.nn.modules.transformer import _get_activation_fn, _get_clones
from torch.nn.modules.utils import consume_prefix_in_state_dict_if_present
from torch.nn.utils.convert_parameters import parameters_to_vector, vector_to_parameters
from torch.optim.adamw import AdamW
from torch.optim.optimizer import ParamsT, _get_value, _use_grad_for_differentiable
from torch.optim.swa_utils import *  # noqa: F403
from torch.overrides import has_torch_function
from torch.types import Device
from torch.utils._foreach_utils import _group_tensors_by_device_and_dtype
from torch.utils.data._utils.collate import default_collate
from torch.utils.checkpoint import get_device_states
from torch.utils.hooks import RemovableHandle
from torch.utils._pytree import tree_all, tree_any, tree_flatten, tree_leaves, tree_map, tree_map_only, tree_unflatten

SCRIPTS = {}


def script(function):
    SCRIPTS[function.__name__] = function
    return function


def array(*shape, seed=0):
    return np.random.default_rng(seed + sum(shape)).standard_normal(shape).astype(np.float32)


def tensor(*shape, seed=0):
    return torch.tensor(array(*shape, seed=seed))


def refused(kind, call, *args):
    try:
        call(*args)
    except kind:
        return True
    return False


@script
def squashed_normal_of_an_actor():
    class Tanh(distributions.transforms.Transform):
        domain = distributions.constraints.real
        codomain = distributions.constraints.interval(-1.0, 1.0)
        bijective = True
        sign = +1

        def __init__(self, cache_size=1):
            super().__init__(cache_size=cache_size)

        def __eq__(self, other):
            return isinstance(other, Tanh)

        def _call(self, x):
            return x.tanh()

        def _inverse(self, y):
            return 0.5 * (y.log1p() - (-y).log1p())

        def log_abs_det_jacobian(self, x, y):
            return 2.0 * (math.log(2.0) - x - F.softplus(-2.0 * x))

    class Squashed(distributions.transformed_distribution.TransformedDistribution):
        def __init__(self, loc, scale):
            self.loc, self.scale = loc, scale
            super().__init__(distributions.Normal(loc, scale), [Tanh()])

        @property
        def mean(self):
            mean = self.loc
            for transform in self.transforms:
                mean = transform(mean)
            return mean

    loc = tensor(3).requires_grad_()
    d = Squashed(loc, tensor(3, seed=1).abs())
    d.log_prob(torch.tensor([0.1, 0.2, -0.5])).sum(-1, keepdim=True).sum().backward()
    drawn = d.rsample()
    return [loc.grad, d.mean, d.log_prob(drawn).shape, bool((drawn.abs() < 1).all()), d.has_rsample]


@script
def truncated_normal():
    class Truncated(Distribution):
        arg_constraints = {"a": constraints.real, "b": constraints.real}
        has_rsample = True

        def __init__(self, a, b, validate_args=None):
            self.a, self.b = broadcast_all(a, b)
            shape = torch.Size() if isinstance(a, Number) and isinstance(b, Number) else self.a.size()
            super().__init__(shape, validate_args=validate_args)

        @constraints.dependent_property
        def support(self):
            return constraints.interval(self.a, self.b)

        def log_prob(self, value):
            if self._validate_args:
                self._validate_sample(value)
            mass = 0.5 * ((self.b / math.sqrt(2)).erf() - (self.a / math.sqrt(2)).erf())
            return -0.5 * math.log(2 * math.pi) - mass.log() - 0.5 * value**2

        def rsample(self, sample_shape=()):
            return torch.empty(self._extended_shape(sample_shape)).uniform_(0, 1)

    d, e = Truncated(torch.tensor([-1.0, -2.0]), torch.tensor([1.0, 2.0])), Truncated(-1.0, 1.0)
    log = [d.log_prob(torch.tensor([0.0, 1.0])), e.log_prob(torch.tensor(0.5)), d.rsample((3,)).shape, e.sample().shape]
    log += [
        refused(ValueError, d.log_prob, value)
        for value in (torch.tensor([0.0, 5.0]), 3.0, tensor(3, 3), torch.tensor(0.5))
    ]
    log += [refused(ValueError, lambda: Truncated(torch.tensor(math.nan), torch.tensor(1.0)))]
    log += [Truncated(-1.0, 1.0, validate_args=False).log_prob(torch.tensor(9.0)), repr(constraints.interval(0, 1))]
    Distribution.set_default_validate_args(False)
    log.append(Truncated(-1.0, 1.0).log_prob(torch.tensor(9.0)))
    Distribution.set_default_validate_args(True)
    return [*log, refused(ValueError, lambda: Truncated(-1.0, 1.0).log_prob(torch.tensor(9.0)))]


@script
def constraints_of_values():
    c = constraints
    v, m = torch.tensor([-1.0, 0.0, 0.5, 1.0, 2.0]), torch.tensor([[2.0, 0.0], [1.0, 1.0]])
    each = [c.real, c.positive, c.nonnegative, c.unit_interval, c.boolean, c.nonnegative_integer, c.positive_integer]
    each += [c.greater_than(0.5), c.greater_than_eq(0.5), c.less_than(0.5), c.interval(0, 1)]
    each += [c.half_open_interval(0, 1), c.integer_interval(0, 1)]
    log = [x.check(v) for x in each] + [[x.is_discrete, x.event_dim, repr(x)] for x in each]
    many = [c.real_vector, c.lower_cholesky, c.lower_triangular, c.positive_definite, c.simplex, c.one_hot]
    many += [c.independent(c.positive, 1), c.independent(c.real, 2), c.independent(c.real, 0)]
    log += [x.check(y) for x in many for y in (m, m @ m.T, torch.eye(2), torch.full((2, 2), 0.5), -torch.eye(2))]
    log += [x.event_dim for x in many] + [c.is_dependent(c.dependent), c.is_dependent(c.dependent(event_dim=1))]
    return [
        *log,
        c.is_dependent(c.real),
        refused(ValueError, lambda: c.dependent.check(v)),
        c.dependent(event_dim=1).event_dim,
    ]


@script
def helpers_of_distributions():
    class Lazy:
        count = 0

        @lazy_property
        def value(self):
            Lazy.count += 1
            return x * 2

    x, lazy = tensor(2).requires_grad_(), Lazy()
    with no_grad():
        recorded = lazy.value.requires_grad and lazy.value.requires_grad
    probs = torch.tensor([0.0, 0.2, 0.8])
    log = [recorded, Lazy.count, [t.shape for t in broadcast_all(1.0, tensor(2, 1), tensor(3))], clamp_probs(probs)]
    log += [probs_to_logits(probs), probs_to_logits(probs, is_binary=True)]
    return [*log, logits_to_probs(tensor(3)), logits_to_probs(tensor(3), is_binary=True)]


@script
def straight_through_quantizer():
    class Quantize(InplaceFunction):
        @staticmethod
        def forward(ctx, x, bits, inplace=False):
            if inplace:
                ctx.mark_dirty(x)
                out = x
            else:
                out = x.clone()
            return out.mul_(2.0**bits - 1).round_().div_(2.0**bits - 1)

        @staticmethod
        def backward(ctx, g):
            return g, None, None

    x = Variable(tensor(4), requires_grad=True)
    y = Quantize.apply(x, 3)
    (y * tensor(4, seed=1)).sum().backward()
    z = x * 1
    w = Quantize.apply(z, 2, True)
    return [y, x.grad, w, w is z]


@script
def names_behind_the_names():
    state = OrderedDict(("module." + k, v) for k, v in nn.Linear(2, 2).state_dict().items())
    consume_prefix_in_state_dict_if_present(state, "module.")
    wrapped = nn.ModuleDict({"module": nn.Linear(2, 2)}).state_dict()
    consume_prefix_in_state_dict_if_present(wrapped, "module.")
    layers = (nn.BatchNorm2d(1), nn.InstanceNorm1d(1), nn.LayerNorm(1), nn.ConvTranspose1d(1, 1, 1), nn.LazyLinear(2))
    kinds = (_NormBase, _ConvTransposeNd, LazyModuleMixin)
    model = nn.Linear(2, 1)
    vector_to_parameters(torch.arange(3.0), model.parameters())
    return [
        list(state), list(wrapped), sorted(wrapped._metadata),
        [isinstance(layer, kind) for layer in layers for kind in kinds],
        len(_get_clones(nn.Linear(1, 1), 3)), _get_activation_fn("gelu") is F.gelu, MultiheadAttention is nn.MultiheadAttention,
        isinstance(NonDynamicallyQuantizableLinear(1, 1), nn.Linear), callable(model.compile), has_torch_function((model.weight,)),
        nn.init._calculate_correct_fan(torch.empty(2, 3), "fan_in"), parameters_to_vector(model.parameters()),
        AdamW is torch.optim.AdamW, isinstance(AveragedModel(model), nn.Module), get_ema_avg_fn(0.5)(1.0, 2.0, 3),  # noqa: F405
        torch.jit.isinstance([model.weight], list[torch.Tensor]),
    ]  # fmt: skip


@script
def hooks_and_weights_by_their_inner_names():
    model, log = nn.Sequential(nn.Linear(2, 2), nn.ReLU()), []
    model[0].register_forward_hook(lambda *_: log.append(1))
    model[1].register_forward_pre_hook(lambda *_: log.append(2))
    model(tensor(1, 2))
    model[0]._forward_hooks.clear()
    model[1]._forward_pre_hooks = OrderedDict()
    model(tensor(1, 2))
    model[0].register_forward_hook(lambda *_: log.append(3))
    model(tensor(1, 2))
    counts = [len(model[0]._forward_hooks), len(model[1]._forward_pre_hooks), len(model[1]._backward_hooks)]
    lstm = nn.LSTM(2, 3, num_layers=2, bidirectional=True)
    for names in lstm._all_weights:
        for name in filter(lambda name: "bias" in name, names):
            getattr(lstm, name).data[3:6].fill_(1.0)
    projected = nn.LSTM(2, 3, proj_size=2, bias=False)
    return [
        log,
        counts,
        lstm._all_weights,
        projected._all_weights,
        [len(w) for w in lstm.all_weights],
        lstm.bias_hh_l0[3:6],
    ]


@script
def trees():
    Pair = namedtuple("Pair", "a b")
    tree = {"b": [tensor(2), (tensor(1), 3)], "a": None, "n": Pair(1, 2), "d": defaultdict(list, {"k": 1})}
    tree["o"] = OrderedDict(z=1, y=[2])
    leaves, spec = tree_flatten(tree)
    again = tree_unflatten(leaves, spec)
    log = [leaves, spec == tree_flatten(again)[1], spec.num_leaves, [type(x).__name__ for x in again.values()]]
    log += [
        again["d"].default_factory is list,
        tree_map(lambda a, b: a + b, [1, (2,)], [3, (4,)]),
        tree_leaves([1, [2]]),
    ]
    log += [
        tree_leaves(tree_map_only(int, lambda x: -x, tree)),
        tree_any(lambda x: x == 2, [1, [2]]),
        tree_all(bool, [0]),
    ]
    log += [tree_map(len, [(1,), (2, 3)], is_leaf=lambda x: isinstance(x, tuple))]
    log += [
        refused(ValueError, lambda: tree_map(max, [1, 2], [1])),
        refused(ValueError, lambda: tree_unflatten([1], spec)),
    ]
    return log


@script
def strides_of_views():
    def chunks(x, w):  # overlapping windows along a sequence, of whatever layout
        x = x.view(x.size(0), x.size(1) // (2 * w), 2 * w, x.size(2))
        size, stride = list(x.size()), list(x.stride())
        size[1], stride[1] = 2 * size[1] - 1, stride[1] // 2
        return x.as_strided(size=size, stride=stride)

    x = tensor(8, 2, 32).requires_grad_()
    q = (x * 2).view(8, 2, 2, 16).transpose(0, 1).transpose(1, 2).reshape(4, 8, 16)
    y = chunks(q, 2)
    (y * tensor(*y.shape)).sum().backward()
    a = tensor(3, 4)
    log = [y, x.grad, a.t().as_strided((2, 2), (4, 1)), a[1].as_strided((2,), (1,)), a[1].as_strided((2,), (1,), 0)]
    log += [
        a[:, 1].as_strided((3,), (4,)),
        a.view(2, 6)[1].as_strided((3,), (2,)),
        a[::2, 1:].as_strided((2, 2), (3, 1)),
    ]
    b = tensor(3, 4, seed=1).requires_grad_()
    z = (b * 2)[1:].as_strided((2, 3), (2, 1))
    (z * tensor(2, 3)).sum().backward()
    held = (b * 1).detach().t().as_strided((2,), (1,))
    log += [z, b.grad, held, held.requires_grad]
    a.t().as_strided((2,), (5,)).fill_(9)
    a[1].as_strided((2, 2), (4, 1)).mul_(10)
    image = tensor(1, 2, 6, 6).permute(0, 2, 3, 1)
    s = image.stride()
    windows = image.as_strided((1, 2, 2, 3, 3, 2), (s[0], s[1] * 3, s[2] * 3, s[1], s[2], s[3]))
    maps = F.conv2d(tensor(1, 3, 6, 6), tensor(2, 3, 3, 3))
    s = maps.stride()
    return [*log, a, windows, maps.as_strided((1, 2, 2, 2, 3), (s[0], s[1], s[2] * 2, s[2], s[3]))]


@script
def older_idioms_and_limits():
    pred = tensor(2, 6, 7).abs()
    corners = pred.new(pred.shape)
    corners[:, :, 0], corners[:, :, 1:] = pred[:, :, 0] - pred[:, :, 2] / 2, 1
    x = tensor(3).requires_grad_()
    y = x * x
    y.retain_grad()
    y.sum().backward(retain_graph=True)
    first = y.grad
    (2 * y).sum().backward()
    log = [corners, first, y.grad, x.grad]
    norm = nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2), nn.InstanceNorm2d(2, track_running_stats=True))
    old = {k: v for k, v in norm.state_dict().items() if "num_batches" not in k}
    found = norm.load_state_dict(old)
    new = norm.state_dict()
    del new["1.num_batches_tracked"]
    log += [
        found.missing_keys,
        found.unexpected_keys,
        len(old),
        refused(RuntimeError, lambda: norm.load_state_dict(new)),
        norm[1]._version,
    ]
    for dtype in (torch.float32, torch.float64, torch.float16, torch.bfloat16, None):
        f = torch.finfo() if dtype is None else torch.finfo(dtype)
        log.append([f.bits, f.eps, f.max, f.min, f.tiny, f.smallest_normal, f.resolution, f.dtype, repr(f)])
        log.append([type(f.max).__name__, isinstance(f, torch.finfo)])
    log += [refused(TypeError, lambda: torch.finfo(torch.int32)), list(torch.linalg.lstsq(tensor(4, 2), tensor(4)))]
    log += [list(torch.linalg.lstsq(tensor(2, 4, 2), tensor(2, 4), driver="gelsd"))]
    log += [
        refused(RuntimeError, lambda: torch.linalg.lstsq(tensor(3, 2), tensor(4))),
        tensor(3).set_(),
        tensor(3).set_().shape,
    ]
    held = tensor(2, 3)
    log += [held[1].untyped_storage().nbytes(), held[1].storage().size(), len(held.t().untyped_storage())]
    log += [held[1].untyped_storage().data_ptr() == held.data_ptr(), held.storage().data_ptr() == held[1].data_ptr()]
    shared = tensor(3)
    torch.from_dlpack(shared)[0] = 7
    np.from_dlpack(shared)[1] = 8
    return [*log, shared, refused(BufferError, lambda: x.__dlpack__())]


@script
def optimizer_written_for_torch():
    class Averaging(torch.optim.Optimizer):
        """Keeps what no parameter has the shape of, and learns without a rate where None is given."""

        def __init__(self, params: ParamsT, lr=None, decay=0.5, differentiable=False):
            super().__init__(params, dict(lr=lr, decay=decay, differentiable=differentiable))

        @_use_grad_for_differentiable
        def step(self, closure=None):
            loss = None
            if closure is not None:
                with torch.enable_grad():
                    loss = closure()
            for group in self.param_groups:
                params = [p for p in group["params"] if p.grad is not None]
                grads = [p.grad for p in params]
                for p in params:
                    state = self.state[p]
                    if not state:
                        state["mean"], state["length"] = torch.zeros_like(p), torch.zeros(3)
                grouped = _group_tensors_by_device_and_dtype([params, grads, [self.state[p]["mean"] for p in params]])
                for (params, grads, means), _ in grouped.values():
                    torch._foreach_lerp_(means, grads, 1 - group["decay"])
                    norms = torch._foreach_norm(means)
                    for p, norm in zip(params, norms):
                        self.state[p]["length"][0] = _get_value(norm)
                    torch._foreach_div_(norms, math.sqrt(2.0))
                    torch._foreach_maximum_(norms, 1e-3)
                    torch._foreach_addcdiv_(params, means, norms, value=-(0.1 if group["lr"] is None else group["lr"]))
            return loss

    model = nn.Linear(3, 2)
    vector_to_parameters(torch.arange(8.0) / 8, model.parameters())
    optimizer = Averaging([{"params": [model.weight]}, {"params": [model.bias], "lr": 0.2}])
    x, losses = tensor(4, 3), []

    def closure():
        optimizer.zero_grad()
        loss = model(x).pow(2).mean()
        loss.backward()
        return loss

    for _ in range(3):
        losses.append(optimizer.step(closure).detach())
        optimizer.load_state_dict(optimizer.state_dict())
    return [losses, list(model.parameters()), [sorted(s) for s in optimizer.state_dict()["state"].values()]]


@script
def average_of_weights_by_dtype():
    model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    vector_to_parameters(torch.arange(15.0) / 8, model.parameters())
    average = {k: v.clone() for k, v in model.state_dict().items()}
    for step in range(3):
        model(tensor(4, 2, seed=step))
        with torch.no_grad():
            torch._foreach_mul_(list(model.parameters()), 1.5)
        for k, v in model.state_dict().items():
            if v.dtype.is_floating_point:
                average[k].mul_(0.9).add_(v, alpha=0.1)
            else:
                average[k].copy_(v)
    sizes = {str(p.dtype).split(".")[1]: p.numel() * p.dtype.itemsize for p in average.values()}
    return [list(average.values()), sorted(sizes.items()), sorted(str(d) for d in {v.dtype for v in average.values()})]


@script
def questions_of_programs():
    def padded(size: _size_2_t, device: Device = None) -> _size_any_t:
        return size

    half = torch.bfloat16 if torch.cuda.is_available() else torch.float32
    device = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else "cpu"
    handle = nn.Linear(1, 1).register_forward_hook(print)
    x = torch.ones(2, device=device, dtype=half, requires_grad=True)
    drawn = distributions.OneHotCategoricalStraightThrough(probs=torch.stack([x, 0 * x + 1e-9])).rsample()
    drawn.select(-1, 0).sum().backward()
    return [
        padded((1, 2)), isinstance(handle, RemovableHandle), get_device_states(x), torch.xpu.is_available(),
        torch.onnx.is_in_onnx_export(), torch.get_deterministic_debug_mode(),
        issubclass(torch.utils.data.dataloader.DataLoader, torch.utils.data.DataLoader), issubclass(torch.OutOfMemoryError, RuntimeError), issubclass(torch.cuda.OutOfMemoryError, RuntimeError),
        isinstance(x, torch.HalfTensor), isinstance(x, (torch.FloatTensor, torch.BFloat16Tensor)), callable(GradScaler),
        isinstance(x.dtype, torch.dtype), str(x.dtype), torch.finfo(x.dtype).min, x.dtype in (torch.float16, torch.float32),
        default_collate([1, 2]), torch.arange(end=3), torch.arange(start=1, end=3), x.grad is not None,
        torch.promote_types(torch.int8, torch.float32), torch.get_default_dtype().is_floating_point, drawn.sum(-1),
        getattr(torch, str(x.double().dtype).split(".")[-1]), torch.tensor(np.arange(2), dtype=x.dtype),
        np.arange(2).astype(x.detach().numpy().dtype).dtype.name, torch.half.is_floating_point, torch.bfloat16.itemsize,
        {torch.float32: "single"}[x.dtype], x.type(torch.float64), x.type(), torch.Tensor.type(x, torch.int32),
    ]  # fmt: skip
