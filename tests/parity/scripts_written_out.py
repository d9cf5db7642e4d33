"""Scripts that import torch alone and write every name out, as many repositories do. See scripts.py."""

# ruff: noqa: I001, E501, B905, B007, B023, F841

import math

import numpy as np
import torch
import torch.nn.utils.prune
import torch.utils.data.distributed

SCRIPTS = {}


def script(function):
    SCRIPTS[function.__name__] = function
    return function


def tensor(*shape, seed=0):
    return torch.from_numpy(np.random.default_rng(seed + sum(shape)).standard_normal(shape).astype(np.float32))


def integers(high, *shape, seed=0):
    return torch.from_numpy(np.random.default_rng(seed + sum(shape)).integers(0, high, shape))


def fill(model, seed=0):
    rng = np.random.default_rng(seed)
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(torch.tensor(0.3 * rng.standard_normal(tuple(p.shape))))
    return model


@script
def language_model_with_switches():
    torch.backends.cuda.matmul.allow_tf32 = True
    torch.backends.cudnn.benchmark = True
    device = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    precisions = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}

    def squared_relu(x):
        return torch.relu(x) * torch.relu(x)

    class Block(torch.nn.Module):
        def __init__(self, width, heads, length):
            super().__init__()
            self.heads = heads
            self.qkv = torch.nn.Linear(width, 3 * width, bias=False)
            self.proj = torch.nn.Linear(width, width, bias=False)
            self.norms = torch.nn.ModuleList([torch.nn.LayerNorm(width) for _ in range(2)])
            self.up, self.down = torch.nn.Linear(width, 2 * width), torch.nn.Linear(2 * width, width)
            mask = torch.tril(torch.ones(length, length)).view(1, 1, length, length)
            self.register_buffer("mask", mask, persistent=False)

        @torch.jit.ignore
        def no_weight_decay(self):
            return {"norms"}

        def attend(self, x):
            b, t, c = x.size()
            q, k, v = (y.view(b, t, self.heads, c // self.heads).transpose(1, 2) for y in self.qkv(x).split(c, dim=2))
            scores = (q @ k.transpose(-2, -1)) / math.sqrt(k.size(-1))
            scores = scores.masked_fill(self.mask[:, :, :t, :t] == 0, float("-inf"))
            y = torch.nn.functional.softmax(scores, dim=-1) @ v
            return self.proj(y.transpose(1, 2).contiguous().view(b, t, c))

        def forward(self, x):
            x = x + self.attend(self.norms[0](x))
            if x.dtype in (torch.float16, torch.bfloat16):
                x = x.clamp(-1e4, 1e4)
            return x + self.down(squared_relu(self.up(self.norms[1](x))))

    class Model(torch.nn.Module):
        def __init__(self, vocabulary=20, width=16, length=9):
            super().__init__()
            self.tokens = torch.nn.Embedding(vocabulary, width)
            self.places = torch.nn.Parameter(torch.zeros(1, length, width))
            self.blocks = torch.nn.ModuleList([Block(width, 4, length) for _ in range(2)])
            self.head = torch.nn.Linear(width, vocabulary, bias=False)
            self.head.weight = self.tokens.weight
            self.apply(self.start)

        def start(self, module):
            if isinstance(module, (torch.nn.Linear, torch.nn.Embedding)):
                torch.nn.init.normal_(module.weight, mean=0.0, std=0.02)
            if getattr(module, "bias", None) is not None:
                torch.nn.init.zeros_(module.bias)

        def forward(self, x):
            x = self.tokens(x) + self.places[:, : x.size(1)]
            for block in self.blocks:
                x = torch.utils.checkpoint.checkpoint(block, x, use_reentrant=False)
            return self.head(x)

    model = fill(Model()).to(device)
    decay = [p for p in model.parameters() if p.dim() >= 2]
    rest = [p for p in model.parameters() if p.dim() < 2]
    groups = [{"params": decay, "weight_decay": 0.1}, {"params": rest, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=1e-2, betas=(0.9, 0.95))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=2e-2, total_steps=6)
    scaler = torch.amp.GradScaler("cpu", enabled=precisions["float32"] == precisions["float16"])
    data = torch.utils.data.TensorDataset(integers(20, 12, 10))
    log = [sorted(model.blocks[0].no_weight_decay()), list(model.state_dict()), torch.jit.is_scripting()]
    for (batch,) in torch.utils.data.DataLoader(data, batch_size=4):
        with torch.autocast(device_type=device, dtype=torch.bfloat16, enabled=False):
            logits = model(batch[:, :-1])
            loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), batch[:, 1:].reshape(-1))
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        scaler.step(optimizer)
        scaler.update()
        optimizer.zero_grad(set_to_none=True)
        schedule.step()
        log += [loss.item(), norm, scaler.get_scale()]
    return [*log, *model.parameters()]


@script
def proximal_policy():
    class Agent(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.body = torch.nn.Sequential(torch.nn.Linear(4, 16), torch.nn.Tanh())
            self.choice, self.value = torch.nn.Linear(16, 3), torch.nn.Linear(16, 1)
            self.mean, self.log_std = torch.nn.Linear(16, 2), torch.nn.Parameter(torch.zeros(1, 2))

        def forward(self, x, action, force):
            h = self.body(x)
            choice = torch.distributions.Categorical(logits=self.choice(h))
            mean = self.mean(h)
            push = torch.distributions.Normal(mean, self.log_std.expand_as(mean).exp())
            push = torch.distributions.Independent(push, 1)
            log_prob = choice.log_prob(action) + push.log_prob(force)
            return log_prob, choice.entropy() + push.entropy(), self.value(h).flatten(), (choice, push)

    agent, old = fill(Agent()), fill(Agent(), 1)
    optimizer = torch.optim.Adam(agent.parameters(), lr=1e-2, eps=1e-5)
    states, actions, forces, returns = tensor(12, 4), integers(3, 12), tensor(12, 2), tensor(12, seed=3)
    with torch.no_grad():
        before, _, values, (choice, push) = old(states, actions, forces)
        drawn, pushed = choice.sample((5,)), push.sample()
    log = [drawn.shape, drawn.dtype, pushed.shape, choice.probs, choice.logits, push.batch_shape, push.event_shape]
    for order in np.split(np.random.default_rng(0).permutation(12), 2):
        now, entropy, value, (new_choice, _) = agent(states[order], actions[order], forces[order])
        ratio = (now - before[order]).exp()
        advantage = returns[order] - values[order]
        advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
        gain = torch.min(ratio * advantage, ratio.clamp(0.8, 1.2) * advantage).mean()
        was = torch.distributions.Categorical(probs=choice.probs[order])
        kl = torch.distributions.kl_divergence(was, new_choice).mean()
        loss = -gain + 0.5 * (value - returns[order]).pow(2).mean() - 0.01 * entropy.mean() + 0.1 * kl
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(agent.parameters(), 0.5)
        optimizer.step()
        log += [loss.item(), kl.item()]
    return [*log, *agent.parameters()]


@script
def text_in_pictures():
    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.where = torch.nn.Linear(8 * 24, 6)
            self.where.weight.data.zero_()
            self.cnn = torch.nn.Sequential()
            for i, (a, b) in enumerate([(1, 4), (4, 6)]):
                self.cnn.add_module(f"conv{i}", torch.nn.Conv2d(a, b, 3, 1, 1))
                self.cnn.add_module(f"norm{i}", torch.nn.BatchNorm2d(b))
                self.cnn.add_module(f"pool{i}", torch.nn.MaxPool2d((2, 2), (2, 1), (0, 1)))
            self.rnn = torch.nn.LSTM(12, 8, bidirectional=True)
            self.out = torch.nn.Linear(16, 5)

        def forward(self, x):
            theta = self.where(x.flatten(1)).view(-1, 2, 3) * 0.1 + torch.eye(2, 3)
            grid = torch.nn.functional.affine_grid(theta, x.size(), align_corners=False)
            x = torch.nn.functional.grid_sample(x, grid, padding_mode="border", align_corners=False)
            x = self.cnn(x).flatten(1, 2).permute(2, 0, 1)
            return torch.nn.functional.log_softmax(self.out(self.rnn(x)[0]), dim=2)

    net = fill(Net())
    criterion = torch.nn.CTCLoss(blank=0, zero_infinity=True)
    optimizer = torch.optim.Adadelta(net.parameters())
    lengths = torch.IntTensor([3, 1, 4])
    log = []
    for k in range(3):
        out = net(tensor(3, 1, 8, 24, seed=k))
        text = (integers(4, 8, seed=k) + 1).int()
        loss = criterion(out, text, torch.IntTensor([out.size(0)] * 3), lengths)
        net.zero_grad()
        loss.backward()
        optimizer.step()
        log += [loss.item(), out.max(2)[1].transpose(1, 0).contiguous().view(-1)]
    return log + list(net.state_dict().values())


@script
def gaussian_process():
    class Kernel(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.length, self.noise = (torch.nn.Parameter(torch.tensor([v])) for v in (0.0, -1.0))

        def forward(self, a, b):
            return torch.exp(-0.5 * (torch.cdist(a, b) / self.length.exp()) ** 2)

        def factor(self, x):
            return torch.linalg.cholesky(self(x, x) + self.noise.exp() * torch.eye(len(x)))

    x, y, kernel = tensor(12, 2), tensor(12, 1), Kernel()
    optimizer = torch.optim.LBFGS(kernel.parameters(), lr=0.5, max_iter=6, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        root = kernel.factor(x)
        loss = 0.5 * (y * torch.cholesky_solve(y, root)).sum() + root.diagonal().log().sum()
        loss.backward()
        return loss

    log = [optimizer.step(closure).item() for _ in range(2)]
    with torch.no_grad():
        root, across = kernel.factor(x), kernel(x, tensor(4, 2))
        half = torch.linalg.solve_triangular(root, across, upper=False)
        log += [across.T @ torch.cholesky_solve(y, root), 1 - half.pow(2).sum(0)]
        prior = torch.distributions.MultivariateNormal(torch.zeros(12), scale_tril=root)
        log += [prior.log_prob(y.T), prior.entropy()]
    return [*log, *kernel.parameters()]


@script
def skip_gram_with_sparse_gradients():
    class SkipGram(torch.nn.Module):
        def __init__(self, n=30, d=8):
            super().__init__()
            self.u = torch.nn.Embedding(n, d, sparse=True)
            self.v = torch.nn.Embedding.from_pretrained(torch.zeros(n, d), freeze=False, sparse=True)

        def forward(self, word, near, far):
            u = self.u(word)
            score = torch.clamp((u * self.v(near)).sum(1), -10, 10)
            away = torch.bmm(self.v(far), u.unsqueeze(2)).squeeze(2).neg().clamp(-10, 10)
            logsigmoid = torch.nn.functional.logsigmoid
            return -(logsigmoid(score) + logsigmoid(away).sum(1)).mean()

    model = fill(SkipGram())
    optimizer = torch.optim.SparseAdam(list(model.parameters()), lr=0.05)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 5)
    log = []
    for k in range(3):
        loss = model(integers(30, 10, seed=k), integers(30, 10, seed=k + 1), integers(30, 10, 4, seed=k))
        optimizer.zero_grad()
        loss.backward()
        log += [model.u.weight.grad.is_sparse, loss.item()]
        optimizer.step()
        schedule.step()
    return [*log, *model.parameters()]


@script
def low_rank_adapters():
    class LowRank(torch.nn.Module):
        def __init__(self, rows, columns, rank=2):
            super().__init__()
            self.a = torch.nn.Parameter(torch.zeros(rank, columns))
            self.b = torch.nn.Parameter(torch.zeros(rows, rank))

        def forward(self, weight):
            return weight + (self.b @ self.a).view(weight.shape) / 2

    model = torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.GELU(), torch.nn.Linear(6, 3)).requires_grad_(False)
    for layer in model:
        if isinstance(layer, torch.nn.Linear):
            torch.nn.utils.parametrize.register_parametrization(layer, "weight", LowRank(*layer.weight.shape))
    fill(model)
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.1, momentum=0.9)
    log = [[n for n, p in model.named_parameters() if p.requires_grad]]
    for k in range(3):
        loss = torch.nn.functional.mse_loss(model(tensor(5, 4, seed=k)), tensor(5, 3, seed=k))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        log.append(loss.item())
    for layer in (model[0], model[2]):
        torch.nn.utils.parametrize.remove_parametrizations(layer, "weight", leave_parametrized=True)
    log += [list(model.state_dict()), *model.parameters()]
    weights = {k: v.detach() for k, v in model.named_parameters()}

    def loss_of(weights, x, y):
        out = torch.func.functional_call(model, weights, (x.unsqueeze(0),))
        return torch.nn.functional.mse_loss(out, y.unsqueeze(0))

    each = torch.func.vmap(torch.func.grad(loss_of), in_dims=(None, 0, 0))(weights, tensor(3, 4), tensor(3, 3))
    return log + [each[k] for k in sorted(each)]


@script
def loss_scaling_and_averaging():
    model = fill(torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 1)))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    scaler = torch.amp.GradScaler("cpu", init_scale=256.0, growth_interval=2)
    average = torch.optim.swa_utils.AveragedModel(model)
    rates = torch.optim.swa_utils.SWALR(optimizer, swa_lr=0.05, anneal_epochs=2)
    log = []
    for k in range(5):
        loss = model(tensor(6, 3, seed=k)).pow(2).mean() * (float("inf") if k == 2 else 1.0)
        optimizer.zero_grad()
        scaler.scale(loss).backward()
        if k % 2:
            scaler.unscale_(optimizer)
            torch.nn.utils.clip_grad_value_(model.parameters(), 0.1)
        scaler.step(optimizer)
        scaler.update()
        rates.step()
        average.update_parameters(model)
        log += [loss.item(), scaler.get_scale(), optimizer.param_groups[0]["lr"]]
    state = scaler.state_dict()
    again = torch.amp.GradScaler("cpu")
    again.load_state_dict(state)
    torch.optim.swa_utils.update_bn([tensor(6, 3, seed=k) for k in range(2)], average)
    return [
        *log,
        sorted(state.items()),
        again.get_scale(),
        *model.state_dict().values(),
        *average.state_dict().values(),
    ]


@script
def shared_steps_that_keep_nothing():
    """What views, sums and joins gave once is used in every iteration: they hold no tensor, so their tape stays."""
    table, start = torch.nn.Parameter(tensor(4, 3)), torch.nn.Parameter(torch.ones(1))
    tied = table.t().unsqueeze(0).expand(2, 3, 4)
    hidden = torch.cat([start.expand(2, 2), -start.view(1, 1).repeat(2, 1)], 1)
    optimizer = torch.optim.SGD([table, start], lr=0.1)
    log = []
    for k in range(3):
        loss = (tensor(2, 5, 3, seed=k) @ tied).tanh().mean() + (hidden * tensor(2, 3, seed=k)).sum()
        optimizer.zero_grad()
        loss.backward()
        for p in (table, start):
            p.grad.mul_(0.5)
        log += [loss.item(), table.grad.clone(), start.grad.clone()]
    return log


@script
def pruning():
    prune = torch.nn.utils.prune
    layer, conv = fill(torch.nn.Linear(4, 3)), fill(torch.nn.Conv2d(2, 4, 3))
    model = fill(torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Tanh(), torch.nn.Linear(3, 2)))
    prune.l1_unstructured(layer, "weight", amount=2)
    prune.ln_structured(layer, "weight", amount=0.34, n=1, dim=1)
    prune.l1_unstructured(layer, "weight", 3)
    log = [
        layer.weight_mask,
        prune.is_pruned(layer),
        [n for n, _ in layer.named_parameters()],
        list(layer.state_dict()),
    ]
    prune.ln_structured(conv, "weight", amount=2, n=2, dim=0)
    prune.global_unstructured([(model[0], "weight"), (model[2], "weight")], prune.L1Unstructured, amount=0.3)
    prune.custom_from_mask(model[0], "bias", torch.tensor([1.0, 0.0, 1.0]))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for k in range(3):
        loss = model(tensor(5, 4, seed=k)).pow(2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        log.append(loss.item())
    log += [conv.weight, *model.state_dict().values()]
    for part in (model[0], model[2]):
        prune.remove(part, "weight")
    for wrong in (
        lambda: prune.l1_unstructured(layer, "weight", amount=1.5),
        lambda: prune.l1_unstructured(torch.nn.Linear(4, 3), "weight", amount=100),
        lambda: prune.remove(conv, "bias"),
    ):
        try:
            wrong()
        except ValueError:
            log.append("ValueError")
    return [*log, model[2].weight, sorted(model.state_dict()), prune.is_pruned(model[2])]


@script
def hooks_on_the_tape_and_on_all_modules():
    log = []
    x, z = tensor(3).requires_grad_(), tensor(3, seed=2).requires_grad_()
    torch.autograd.graph.register_multi_grad_hook([x, z], lambda grads: log.append([g.sum().item() for g in grads]))
    y = (x * z).sum()
    y.grad_fn.register_hook(lambda inputs, outputs: log.append([len(inputs), outputs[0]]))
    y.grad_fn.register_hook(lambda inputs, outputs: (inputs[0] * 2,))
    y.grad_fn.register_prehook(lambda outputs: (outputs[0] * 3,))
    product, place = y.grad_fn.next_functions[0]
    log += [place, len(product.next_functions), [fn.next_functions for fn, _ in product.next_functions]]
    y.backward()
    log += [x.grad, z.grad]
    other = tensor(3).requires_grad_()
    log.append(torch.autograd.grad(other * other, other, torch.eye(3), is_grads_batched=True)[0])
    everywhere = torch.nn.modules.module
    handles = [
        everywhere.register_module_forward_pre_hook(lambda m, args: log.append("pre " + type(m).__name__)),
        everywhere.register_module_forward_hook(lambda m, args, out: log.append(out.detach().sum().item())),
    ]
    model = fill(torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.ReLU()))
    model(tensor(2, 3))
    for handle in handles:
        handle.remove()
    model(tensor(2, 3))
    order = []
    model[0].register_state_dict_post_hook(lambda m, state, prefix, meta: order.append("first " + prefix))
    model[0]._register_state_dict_hook(lambda m, state, prefix, meta: order.append(meta["version"]))
    model[0]._register_load_state_dict_pre_hook(lambda state, prefix, *rest: order.append(prefix + str(len(rest))))
    state = model.state_dict()
    model.load_state_dict(state)
    return [*log, *order, dict(state._metadata)]


@script
def an_optimizer_of_ones_own_is_resumed():
    class Lion(torch.optim.Optimizer):
        def __init__(self, params, lr=0.1):
            super().__init__(params, {"lr": lr})

        @torch.no_grad()
        def step(self, closure=None):
            for group in self.param_groups:
                for p in group["params"]:
                    state = self.state[p]
                    if not state:
                        state["step"], state["mean"] = 0, torch.zeros_like(p)
                    state["step"] += 1
                    p.add_(state["mean"].mul(0.9).add(p.grad, alpha=0.1).sign(), alpha=-group["lr"])
                    state["mean"].mul_(0.99).add_(p.grad, alpha=0.01)

    log = []
    model = fill(torch.nn.Linear(3, 2))
    optimizer = Lion(model.parameters())
    for k in range(4):
        if k == 2:
            state = optimizer.state_dict()
            optimizer = Lion(model.parameters(), lr=9.0)
            optimizer.register_load_state_dict_pre_hook(lambda o, s: log.append(sorted(s)))
            optimizer.register_load_state_dict_post_hook(lambda o: log.append("loaded"))
            optimizer.register_state_dict_post_hook(lambda o, s: {**s, "more": 1})
            optimizer.register_step_pre_hook(lambda o, args, kwargs: log.append("before"))
            optimizer.register_step_post_hook(lambda o, args, kwargs: log.append(o.state[model.bias]["step"]))
            optimizer.load_state_dict(state)
            log += [sorted(optimizer.state_dict()), optimizer.state[model.weight]["mean"]]
        optimizer.zero_grad()
        loss = model(tensor(5, 3, seed=k)).pow(2).mean()
        loss.backward()
        optimizer.step()
        log.append(loss.item())
    return [*log, optimizer.state[model.bias]["step"], model.weight]


@script
def schedules_by_epoch():
    schedules = torch.optim.lr_scheduler
    log = []
    for make in (
        lambda o: schedules.StepLR(o, 2),
        lambda o: schedules.MultiStepLR(o, [1, 3, 3], 0.5),
        lambda o: schedules.ConstantLR(o, 0.5, 3),
        lambda o: schedules.LinearLR(o, 0.5, total_iters=4),
        lambda o: schedules.ExponentialLR(o, 0.9),
        lambda o: schedules.CosineAnnealingLR(o, 5, 0.1),
        lambda o: schedules.PolynomialLR(o, 6, 2.0),
    ):
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1.0)
        schedule = make(optimizer)
        for epoch in (3, 1, 7):
            optimizer.step()
            schedule.step(epoch)
            log += schedule.get_last_lr()
        log.append(schedule._step_count)
    return log


@script
def rarer_names():
    x, h = tensor(2, 3).requires_grad_(), tensor(2, 4)
    weights = [tensor(16, 3), tensor(16, 4), tensor(16), tensor(16, seed=1)]
    out = torch.lstm_cell(x, (h, h), *weights)
    gru = torch.gru_cell(x, h, weights[0][:12], weights[1][:12])
    rnn = torch.rnn_tanh_cell(x, h, weights[0][:4], weights[1][:4]) + torch.rnn_relu_cell(
        x, h, weights[0][:4], weights[1][:4]
    )
    (out[0] + out[1] + gru + rnn).sum().backward()
    windows = [
        torch.hann_window,
        torch.hamming_window,
        torch.blackman_window,
        torch.bartlett_window,
        torch.kaiser_window,
    ]
    square, rows = tensor(3, 3), tensor(6, 2)
    return [
        *out, gru, rnn, x.grad,
        *[window(n, periodic) for window in windows for n in (0, 1, 2, 7) for periodic in (True, False)],
        torch.hamming_window(5, True, 0.5, 0.4), torch.kaiser_window(5, False, beta=3.0, dtype=torch.float64),
        torch.range(1, 3, 0.5), torch.nuclear_norm(square), torch.frobenius_norm(square, (0, 1)),
        torch.norm_except_dim(rows, 2, 1), torch.norm_except_dim(rows, 2, -1), torch.get_device(x),
        *[torch.segment_reduce(rows, how, lengths=torch.tensor([2, 0, 4]), initial=i)
          for how in ("sum", "mean", "max", "min", "prod") for i in (None, 2.0)],
        *torch.native_layer_norm(rows, (2,), None, None, 1e-5), *torch.max_pool1d_with_indices(tensor(1, 2, 6), 2),
        torch.fill_(torch.ones(2), 3), torch.zero_(torch.ones(2)), torch.from_dlpack(np.ones(2)),
        torch.binomial(torch.full((2,), 3.0), torch.ones(2)), torch.poisson(torch.zeros(2)),
        torch.ones(2).type(), torch.ones(2).long().type(), isinstance(torch.ones(2), torch.FloatTensor),
        isinstance(torch.ones(2), torch.LongTensor), torch.ones(2, dtype=float), torch.device("cpu", 0),
        torch.ones(1).is_cpu, torch.ones(2, 2).unbind()[1].output_nr, torch.is_autocast_enabled(),
    ]  # fmt: skip


@script
def what_is_refused():
    class Short(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g[:1]

    x = tensor(3).requires_grad_()
    log = []
    for wrong in (
        lambda: torch.nn.Parameter([1.0]),
        lambda: torch.nn.Parameter(np.ones(2)),
        lambda: torch.tensor([torch.ones(2), torch.ones(2)]),
        lambda: torch.Tensor(2.5),
        lambda: torch.full(2, 3),
        lambda: torch.nn.Sequential({"a": torch.nn.ReLU()}),
        lambda: torch.nn.Conv2d(4, 4, (3,))(torch.ones(1, 4, 5, 5)),
        lambda: Short.apply(x).sum().backward(),
        lambda: torch.ones(2).cuda(),
        lambda: torch.ones(2, device="cuda"),
        lambda: torch.nn.MultiheadAttention(4, 3),
        lambda: torch.nn.Hardtanh(2.0, 1.0),
        lambda: torch.utils.data.TensorDataset(torch.ones(2), torch.ones(3)),
    ):
        try:
            wrong()
        except (AttributeError, TypeError, ValueError, RuntimeError, AssertionError) as error:
            kinds = (AttributeError, AssertionError, ValueError, TypeError, RuntimeError)
            log.append(sorted(kind.__name__ for kind in kinds if isinstance(error, kind)))
        else:
            log.append("accepted")
    plane = torch.nn.functional.dropout2d(torch.ones(200, 3, 4), 0.5)
    return [
        len(log), [names for names in log if names == "accepted"], torch.nn.Conv2d(4, 4, (3,)).weight.shape,
        torch.nn.Dropout2d(0.0)(torch.ones(3, 4)), torch.nn.functional.batch_norm(torch.zeros(0), None, None, training=True),
        torch.nn.utils.rnn.pack_sequence([torch.ones(2)]).is_cuda, bool((plane[:, :, :1] == plane).all()), 150 < int((plane[:, :, 0] > 0).sum()) < 450,
        [("AssertionError" in names) for names in log[-5:]], torch.distributed.is_initialized(), torch.version.cuda,
        torch.__version__.split(".")[0], torch.nn.init.constant(torch.empty(2), 3.0), torch.multiprocessing.cpu_count() > 0,
        Short.apply(x).grad_fn.name(), torch.tensor([torch.ones(1, 1), torch.tensor(2.0)]),
    ]  # fmt: skip


@script
def ensembles_and_pieces():
    models = [fill(torch.nn.Linear(3, 1), k) for k in range(3)]
    parameters, buffers = torch.func.stack_module_state(models)
    call = lambda p, b, x: torch.func.functional_call(models[0], (p, b), (x,))
    x = tensor(2, 3).requires_grad_()
    model = fill(torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.Tanh(), torch.nn.Linear(3, 3)))
    torch.utils.checkpoint.checkpoint_sequential(model, 2, x, use_reentrant=False).pow(2).sum().backward()
    symmetric = torch.nn.utils.parametrizations.orthogonal(torch.nn.Linear(2, 2))
    wrapped = torch.nn.DataParallel(torch.nn.Sequential(torch.nn.BatchNorm1d(3)))
    synced = torch.nn.SyncBatchNorm.convert_sync_batchnorm(wrapped)
    average = torch.optim.swa_utils.AveragedModel(model)
    average.update_parameters(model)
    named = torch.nn.ParameterDict({"a": torch.ones(2)}) | {"b": torch.zeros(1)}
    return [
        parameters["weight"], torch.func.vmap(call, in_dims=(0, 0, None))(parameters, buffers, tensor(2, 3)),
        x.grad, model[0].weight.grad, list(wrapped.state_dict()), str(synced), str(average),
        [name for name, _ in average.named_parameters()], sorted(average.state_dict()),
        torch.nn.utils.parametrize.type_before_parametrizations(symmetric).__name__,
        torch.nn.utils.skip_init(torch.nn.Linear, 2, 3).weight.shape, str(named), named.popitem()[0], len(named),
        list(torch.utils.data.distributed.DistributedSampler(range(7), 3, 1, shuffle=False)),
        *torch.nn.utils.fuse_conv_bn_weights(tensor(2, 1, 3), None, tensor(2), torch.ones(2), 1e-5, tensor(2), None),
    ]  # fmt: skip


@script
def derivatives_of_structures():
    func, x, y = torch.func, tensor(2), tensor(2, seed=5)
    both = func.jacrev(lambda a, b: {"product": a * b, "sum": (a + b).sum()}, argnums=(0, 1))(x, y)
    of_dict = func.jacrev(lambda d: (d["x"] ** 2, d["y"].sin()))({"x": x, "y": y})
    with_aux = func.jacrev(lambda a: (a**3, a.sum()), has_aux=True)(x)
    second = func.jacrev(func.jacrev(lambda a, b: (a * b).sum() ** 2, argnums=(0, 1)), argnums=(0, 1))(x, y)
    out, pull, aux = func.vjp(lambda d: ({"y": d["x"] * 2}, d["x"]), {"x": x}, has_aux=True)
    leaf = tensor(2).requires_grad_()
    func.jacrev(lambda a: a**2)(leaf).sum().backward()
    return [
        *[part for block in both.values() for part in block], *[p for block in of_dict for p in block.values()],
        *with_aux, with_aux[1].requires_grad, *[p for row in second for p in row], out["y"], aux,
        pull({"y": torch.ones(2)})[0]["x"], leaf.grad,
    ]  # fmt: skip


@script
def results_with_names():
    x = tensor(2, 3)
    values = [x.max(1), torch.min(x, dim=1), x.sort(0), x.topk(2), torch.median(x, 0), torch.mode(x), x.kthvalue(1)]
    values += [torch.cummax(x, 0), torch.aminmax(x), torch.linalg.slogdet(x[:, :2]), torch.frexp(x), torch.linalg.qr(x)]
    names = [type(v).__name__ for v in values]
    joined = torch.cat((x, x), axis=1) + torch.stack((x, x), axis=0).reshape(2, 6)
    axes = [
        x.softmax(axis=1),
        x.unsqueeze(axis=1).squeeze(axis=1),
        torch.unbind(x, axis=1)[0],
        x.sum(axis=0, keepdims=True),
    ]
    return [*names, str(values[0]), str(values[3]), str(values[8]), joined, *axes]


@script
def a_loss_with_options():
    log = []
    for given in (
        {}, {"batch_chunk_size": 2}, {"chunking_method": "aspect_ratio:2"}, {"batch_chunk_size": 0},
        {"chunking_method": "x"}, {"acc_policy": "x"}, {"acc_dtype": torch.int64},
    ):  # fmt: skip
        try:
            options = torch.nn.LinearCrossEntropyOptions(**given)
        except ValueError:
            log.append("ValueError")
            continue
        x, weight = tensor(6, 4).requires_grad_(), tensor(3, 4)
        loss = torch.nn.functional.linear_cross_entropy(x, weight, integers(3, 6), options=options)
        loss.backward()
        log += [str(options), loss, x.grad]
    return log
