"""Models in the manner of public repositories. The tests run this very text with torch and with this library."""

# ruff: noqa: I001, E501, B905, B007, F841, UP008, UP031, UP032, E731, B023

import copy
import math
from collections import OrderedDict

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
from torch.utils.data import DataLoader, TensorDataset

SCRIPTS = {}


def script(function):
    SCRIPTS[function.__name__] = function
    return function


def array(*shape, seed=0):
    return np.random.default_rng(seed + sum(shape)).standard_normal(shape).astype(np.float32)


def tensor(*shape, seed=0):
    return torch.tensor(array(*shape, seed=seed))


def integers(high, *shape, seed=0):
    return torch.tensor(np.random.default_rng(seed).integers(0, high, shape))


def fill(model, seed=0, scale=0.3):
    """The same weights in both libraries, whose generators differ."""
    rng = np.random.default_rng(seed)
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(torch.tensor(scale * rng.standard_normal(tuple(p.shape))))
    return model


def steps(model, loss_of, optimizer=None, n=3):
    optimizer = optimizer or optim.Adam(model.parameters(), lr=1e-2)
    losses = []
    for _ in range(n):
        optimizer.zero_grad()
        loss = loss_of()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


@script
def neural_ode_with_adjoint():
    class Dynamics(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 2))

        def forward(self, t, y):
            return self.net(y**3) * torch.cos(t)

    def rk4(func, t0, t1, y):
        h = t1 - t0
        k1 = func(t0, y)
        k2 = func(t0 + h / 2, y + h * k1 / 2)
        k3 = func(t0 + h / 2, y + h * k2 / 2)
        k4 = func(t1, y + h * k3)
        return y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)

    class OdeintAdjoint(torch.autograd.Function):
        @staticmethod
        def forward(ctx, func, t, y0, *params):
            ctx.func = func
            with torch.no_grad():
                y = y0
                for i in range(len(t) - 1):
                    y = rk4(func, t[i], t[i + 1], y)
            ctx.save_for_backward(t, y, *params)
            return y

        @staticmethod
        def backward(ctx, grad_y):
            t, y, *params = ctx.saved_tensors
            func = ctx.func
            adj_y, adj_p = grad_y, [torch.zeros_like(p) for p in params]
            for i in range(len(t) - 1, 0, -1):
                h = t[i] - t[i - 1]
                with torch.enable_grad():
                    z = y.detach().requires_grad_(True)
                    f = func(t[i], z)
                    grads = torch.autograd.grad(f, (z, *params), adj_y, allow_unused=True)
                adj_y = adj_y + h * grads[0]
                adj_p = [a + h * (0 if g is None else g) for a, g in zip(adj_p, grads[1:])]
                with torch.no_grad():
                    y = y - h * f
            return (None, None, adj_y, *adj_p)

    func = fill(Dynamics())
    t = torch.linspace(0.0, 1.0, 6)
    y0 = tensor(4, 2).requires_grad_()
    params = tuple(func.parameters())
    out = OdeintAdjoint.apply(func, t, y0, *params)
    out.pow(2).sum().backward()
    adjoint = [p.grad.clone() for p in params] + [y0.grad.clone()]
    y = y0
    for i in range(len(t) - 1):
        y = rk4(func, t[i], t[i + 1], y)
    func.zero_grad()
    y.pow(2).sum().backward()
    return [out, *adjoint, *(p.grad for p in params)]


@script
def maml_inner_loop():
    model = fill(nn.Sequential(OrderedDict([("l1", nn.Linear(1, 8)), ("relu", nn.ReLU()), ("l2", nn.Linear(8, 1))])))
    meta = optim.Adam(model.parameters(), lr=1e-2)
    losses = []
    for task in range(3):
        xs, ys = tensor(5, 1, seed=task), tensor(5, 1, seed=task + 9)
        fast = OrderedDict(model.named_parameters())

        def forward(x, w):
            h = F.relu(F.linear(x, w["l1.weight"], w["l1.bias"]))
            return F.linear(h, w["l2.weight"], w["l2.bias"])

        for _ in range(2):
            loss = F.mse_loss(forward(xs, fast), ys)
            grads = torch.autograd.grad(loss, list(fast.values()), create_graph=True)
            fast = OrderedDict((name, w - 0.1 * g) for (name, w), g in zip(fast.items(), grads))
        outer = F.mse_loss(forward(xs + 0.5, fast), ys)
        meta.zero_grad()
        outer.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        meta.step()
        losses.append(outer.item())
    return losses


@script
def simclr():
    encoder = fill(
        nn.Sequential(
            nn.Conv2d(3, 8, 3, 2, 1),
            nn.BatchNorm2d(8),
            nn.ReLU(inplace=True),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(8, 16),
            nn.ReLU(),
            nn.Linear(16, 4),
        )
    )
    a, b = tensor(6, 3, 8, 8), tensor(6, 3, 8, 8, seed=1)

    def info_nce():
        features = F.normalize(encoder(torch.cat([a, b], dim=0)), dim=1)
        labels = torch.cat([torch.arange(6) for _ in range(2)], dim=0)
        labels = (labels.unsqueeze(0) == labels.unsqueeze(1)).float()
        similarity = torch.matmul(features, features.T)
        mask = torch.eye(labels.shape[0], dtype=torch.bool)
        labels = labels[~mask].view(labels.shape[0], -1)
        similarity = similarity[~mask].view(similarity.shape[0], -1)
        positives = similarity[labels.bool()].view(labels.shape[0], -1)
        negatives = similarity[~labels.bool()].view(similarity.shape[0], -1)
        logits = torch.cat([positives, negatives], dim=1) / 0.07
        return nn.CrossEntropyLoss()(logits, torch.zeros(logits.shape[0], dtype=torch.long))

    return steps(encoder, info_nce)


@script
def ddpm_unet():
    def timestep_embedding(t, dim, max_period=10000):
        half = dim // 2
        freqs = torch.exp(-math.log(max_period) * torch.arange(start=0, end=half, dtype=torch.float32) / half)
        args = t[:, None].float() * freqs[None]
        emb = torch.cat([torch.cos(args), torch.sin(args)], dim=-1)
        return torch.cat([emb, torch.zeros_like(emb[:, :1])], dim=-1) if dim % 2 else emb

    class ResBlock(nn.Module):
        def __init__(self, cin, cout, temb):
            super().__init__()
            self.block1 = nn.Sequential(nn.GroupNorm(4, cin), nn.SiLU(), nn.Conv2d(cin, cout, 3, padding=1))
            self.temb = nn.Sequential(nn.SiLU(), nn.Linear(temb, 2 * cout))
            self.norm = nn.GroupNorm(4, cout)
            self.block2 = nn.Sequential(nn.SiLU(), nn.Dropout(0.0), nn.Conv2d(cout, cout, 3, padding=1))
            self.skip = nn.Conv2d(cin, cout, 1) if cin != cout else nn.Identity()

        def forward(self, x, emb):
            h = self.block1(x)
            scale, shift = self.temb(emb)[..., None, None].chunk(2, dim=1)
            return self.skip(x) + self.block2(self.norm(h) * (1 + scale) + shift)

    class Attention(nn.Module):
        def __init__(self, channels, heads=2):
            super().__init__()
            self.heads, self.norm = heads, nn.GroupNorm(4, channels)
            self.qkv, self.proj = nn.Conv1d(channels, 3 * channels, 1), nn.Conv1d(channels, channels, 1)

        def forward(self, x):
            b, c, *spatial = x.shape
            h = x.reshape(b, c, -1)
            q, k, v = self.qkv(self.norm(h)).reshape(b * self.heads, -1, h.shape[-1]).chunk(3, dim=1)
            scale = 1 / math.sqrt(math.sqrt(q.shape[1]))
            w = torch.softmax(torch.einsum("bct,bcs->bts", q * scale, k * scale).float(), dim=-1).type(q.dtype)
            a = torch.einsum("bts,bcs->bct", w, v).reshape(b, -1, h.shape[-1])
            return x + self.proj(a).reshape(b, c, *spatial)

    class UNet(nn.Module):
        def __init__(self):
            super().__init__()
            self.time = nn.Sequential(nn.Linear(9, 16), nn.SiLU(), nn.Linear(16, 16))
            self.stem = nn.Conv2d(1, 8, 3, padding=1)
            self.down = nn.ModuleList(
                [ResBlock(8, 8, 16), nn.Conv2d(8, 8, 3, stride=2, padding=1), ResBlock(8, 16, 16)]
            )
            self.middle = Attention(16)
            self.up = nn.ModuleList([ResBlock(24, 8, 16), ResBlock(16, 8, 16)])
            self.out = nn.Sequential(nn.GroupNorm(4, 8), nn.SiLU(), nn.Conv2d(8, 1, 3, padding=1))

        def forward(self, x, t):
            emb = self.time(timestep_embedding(t, 9))
            h, hs = self.stem(x), []
            hs.append(h)
            for layer in self.down:
                h = layer(h, emb) if isinstance(layer, ResBlock) else layer(h)
                hs.append(h)
            h = self.middle(h)
            h = torch.cat([h, hs[2]], dim=1)
            h = self.up[0](h, emb)
            h = F.interpolate(h, scale_factor=2, mode="nearest")
            h = self.up[1](torch.cat([h, hs[0]], dim=1), emb)
            return self.out(h)

    model = fill(UNet(), scale=0.1)
    betas = torch.linspace(1e-4, 0.02, 50)
    alphas_cumprod = torch.cumprod(1.0 - betas, dim=0)
    x0, noise, t = tensor(3, 1, 8, 8), tensor(3, 1, 8, 8, seed=4), torch.tensor([3, 20, 49])

    def extract(a, t, shape):
        return a.gather(-1, t).reshape(t.shape[0], *((1,) * (len(shape) - 1)))

    def loss():
        xt = (
            extract(alphas_cumprod.sqrt(), t, x0.shape) * x0 + extract((1 - alphas_cumprod).sqrt(), t, x0.shape) * noise
        )
        return F.mse_loss(model(xt, t), noise)

    ema = copy.deepcopy(model)
    losses = steps(model, loss, optim.AdamW(model.parameters(), lr=1e-2, weight_decay=0.0))
    with torch.no_grad():
        for e, p in zip(ema.parameters(), model.parameters()):
            e.mul_(0.9).add_(p.data, alpha=1 - 0.9)
        x = noise
        for i in reversed(range(47, 50)):
            tt = torch.full((3,), i, dtype=torch.long)
            eps = ema(x, tt)
            alpha, abar = 1 - betas[i], alphas_cumprod[i]
            x = (x - (1 - alpha) / torch.sqrt(1 - abar) * eps) / torch.sqrt(alpha)
            x = x.clamp(-1.0, 1.0)
    return [losses, x]


@script
def real_nvp_and_glow():
    class Coupling(nn.Module):
        def __init__(self, mask):
            super().__init__()
            self.register_buffer("mask", mask)
            self.s = nn.Sequential(nn.Linear(4, 8), nn.LeakyReLU(), nn.Linear(8, 4), nn.Tanh())
            self.t = nn.Sequential(nn.Linear(4, 8), nn.LeakyReLU(), nn.Linear(8, 4))

        def forward(self, x):
            kept = x * self.mask
            s, t = self.s(kept) * (1 - self.mask), self.t(kept) * (1 - self.mask)
            return kept + (1 - self.mask) * (x * s.exp() + t), s.sum(dim=1)

    class InvConv(nn.Module):
        def __init__(self, n):
            super().__init__()
            w = torch.tensor(np.linalg.qr(np.random.default_rng(0).normal(size=(n, n)))[0].astype(np.float32))
            p, lower, upper = torch.lu_unpack(*torch.linalg.lu_factor(w))
            s = torch.diag(upper)
            self.register_buffer("p", p)
            self.register_buffer("sign_s", torch.sign(s))
            self.register_buffer("l_mask", torch.tril(torch.ones(n, n), -1))
            self.lower = nn.Parameter(lower)
            self.log_s = nn.Parameter(torch.log(torch.abs(s)))
            self.upper = nn.Parameter(torch.triu(upper, 1))

        def forward(self, x):
            lower = self.lower * self.l_mask + torch.eye(x.shape[1])
            upper = self.upper * self.l_mask.t().contiguous() + torch.diag(self.sign_s * torch.exp(self.log_s))
            weight = torch.matmul(self.p, torch.matmul(lower, upper))
            return x @ weight.t(), self.log_s.sum()

    mask = torch.tensor([1.0, 0.0, 1.0, 0.0])
    flow = nn.ModuleList([fill(Coupling(mask)), InvConv(4), fill(Coupling(1 - mask), 1)])
    x = tensor(16, 4)

    def nll():
        z, total = x, torch.zeros(x.size(0))
        for layer in flow:
            z, logdet = layer(z)
            total = total + logdet
        prior = -0.5 * (z**2 + math.log(2 * math.pi)).sum(dim=-1)
        return -(prior + total).mean()

    return [steps(flow, nll), [name for name, _ in flow.named_buffers()]]


@script
def graph_attention_and_message_passing():
    edges = torch.tensor([[0, 1, 2, 3, 4, 0, 2, 4], [1, 2, 3, 4, 0, 2, 4, 1]])

    class GAT(nn.Module):
        def __init__(self, cin, cout, heads):
            super().__init__()
            self.heads, self.cout = heads, cout
            self.w = nn.Linear(cin, heads * cout, bias=False)
            self.a_src, self.a_dst = (
                nn.Parameter(torch.empty(1, heads, cout)),
                nn.Parameter(torch.empty(1, heads, cout)),
            )
            nn.init.xavier_uniform_(self.a_src)
            nn.init.xavier_uniform_(self.a_dst)

        def forward(self, x, edges):
            src, dst = edges
            h = self.w(x).view(-1, self.heads, self.cout)
            alpha = F.leaky_relu((h * self.a_src).sum(-1)[src] + (h * self.a_dst).sum(-1)[dst], 0.2)
            top = torch.full((x.size(0), self.heads), float("-inf")).scatter_reduce(
                0, dst.unsqueeze(-1).expand_as(alpha), alpha.detach(), reduce="amax"
            )
            alpha = (alpha - top[dst]).exp()
            total = torch.zeros(x.size(0), self.heads).index_add_(0, dst, alpha)
            alpha = alpha / (total[dst] + 1e-16)
            out = torch.zeros_like(h).scatter_add_(
                0, dst.view(-1, 1, 1).expand(-1, self.heads, self.cout), h[src] * alpha.unsqueeze(-1)
            )
            return out.flatten(1)

    class GCN(nn.Module):
        def __init__(self, cin, cout):
            super().__init__()
            self.lin = nn.Linear(cin, cout)

        def forward(self, x, edges):
            loops = torch.arange(x.size(0)).repeat(2, 1)
            src, dst = torch.cat([edges, loops], dim=1)
            degree = torch.zeros(x.size(0)).scatter_add_(0, dst, torch.ones(dst.size(0)))
            norm = degree.pow(-0.5)
            norm = norm[src] * norm[dst]
            return torch.zeros(x.size(0), self.lin.out_features).index_add(0, dst, norm.unsqueeze(1) * self.lin(x)[src])

    gat, gcn = fill(GAT(3, 4, 2)), fill(GCN(8, 3), 1)
    model = nn.ModuleDict({"gat": gat, "gcn": gcn})
    x, y = tensor(5, 3), torch.tensor([0, 1, 2, 0, 1])
    train = torch.tensor([True, True, False, True, False])
    loss = lambda: F.nll_loss(F.log_softmax(gcn(F.elu(gat(x, edges)), edges), dim=1)[train], y[train])
    losses = steps(model, loss)
    pooled = torch.stack(
        [gat(x, edges)[g == 1].mean(0) for g in [torch.tensor([1, 1, 0, 0, 1]), torch.tensor([0, 0, 1, 1, 0])]]
    )
    return [losses, pooled, torch.bincount(edges[1], minlength=5), torch.unique(edges[0], return_counts=True)]


@script
def encoder_decoder_translation():
    class PositionalEncoding(nn.Module):
        def __init__(self, d_model, max_len=50):
            super().__init__()
            pe = torch.zeros(max_len, d_model)
            position = torch.arange(0, max_len, dtype=torch.float).unsqueeze(1)
            div = torch.exp(torch.arange(0, d_model, 2).float() * (-math.log(10000.0) / d_model))
            pe[:, 0::2] = torch.sin(position * div)
            pe[:, 1::2] = torch.cos(position * div)
            self.register_buffer("pe", pe.unsqueeze(0).transpose(0, 1), persistent=False)

        def forward(self, x):
            return x + self.pe[: x.size(0), :]

    class Translator(nn.Module):
        def __init__(self, vocab, d=8):
            super().__init__()
            self.embed = nn.Embedding(vocab, d, padding_idx=0)
            self.position = PositionalEncoding(d)
            self.transformer = nn.Transformer(d, 2, 1, 1, 16, dropout=0.0)
            self.generator = nn.Linear(d, vocab)
            self.generator.weight = self.embed.weight

        def forward(self, src, tgt):
            mask = nn.Transformer.generate_square_subsequent_mask(tgt.size(0))
            pad_s, pad_t = (src == 0).transpose(0, 1), (tgt == 0).transpose(0, 1)
            scale = math.sqrt(self.embed.embedding_dim)
            out = self.transformer(
                self.position(self.embed(src) * scale),
                self.position(self.embed(tgt) * scale),
                tgt_mask=mask,
                src_key_padding_mask=pad_s,
                tgt_key_padding_mask=pad_t.float().masked_fill(pad_t, float("-inf")),
                memory_key_padding_mask=pad_s,
            )
            return self.generator(out)

    model = fill(Translator(11))
    src = torch.tensor([[3, 5, 1, 0], [4, 2, 9, 8]]).t().contiguous()
    tgt = torch.tensor([[1, 6, 7, 2, 0], [1, 3, 10, 5, 2]]).t().contiguous()
    criterion = nn.CrossEntropyLoss(ignore_index=0, label_smoothing=0.1)

    def loss():
        out = model(src, tgt[:-1, :])
        return criterion(out.reshape(-1, out.shape[-1]), tgt[1:, :].reshape(-1))

    optimizer = optim.Adam(model.parameters(), lr=1e-2, betas=(0.9, 0.98), eps=1e-9)
    noam = optim.lr_scheduler.LambdaLR(optimizer, lambda s: min((s + 1) ** -0.5, (s + 1) * 4**-1.5))
    losses = steps(model, loss, optimizer)
    noam.step()
    model.eval()
    ys = torch.ones(1, 2).fill_(1).type(torch.long)
    with torch.no_grad():
        for _ in range(3):
            prob = model(src, ys)[-1]
            _, next_word = torch.max(prob, dim=1)
            ys = torch.cat([ys, next_word.unsqueeze(0)], dim=0)
    return [losses, ys, noam.get_last_lr()]


@script
def vq_vae():
    class VectorQuantizer(nn.Module):
        def __init__(self, k, d, cost=0.25):
            super().__init__()
            self.d, self.k, self.cost = d, k, cost
            self.embedding = nn.Embedding(k, d)
            self.embedding.weight.data.uniform_(-1 / k, 1 / k)

        def forward(self, inputs):
            inputs = inputs.permute(0, 2, 3, 1).contiguous()
            shape = inputs.shape
            flat = inputs.view(-1, self.d)
            distances = (
                torch.sum(flat**2, dim=1, keepdim=True)
                + torch.sum(self.embedding.weight**2, dim=1)
                - 2 * torch.matmul(flat, self.embedding.weight.t())
            )
            index = torch.argmin(distances, dim=1).unsqueeze(1)
            encodings = torch.zeros(index.shape[0], self.k)
            encodings.scatter_(1, index, 1)
            quantized = torch.matmul(encodings, self.embedding.weight).view(shape)
            loss = F.mse_loss(quantized, inputs.detach()) + self.cost * F.mse_loss(quantized.detach(), inputs)
            quantized = inputs + (quantized - inputs).detach()
            avg = torch.mean(encodings, dim=0)
            perplexity = torch.exp(-torch.sum(avg * torch.log(avg + 1e-10)))
            return loss, quantized.permute(0, 3, 1, 2).contiguous(), perplexity

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder = nn.Sequential(
                nn.Conv2d(1, 8, 4, stride=2, padding=1), nn.ReLU(True), nn.Conv2d(8, 4, 3, padding=1)
            )
            self.vq = VectorQuantizer(6, 4)
            self.decoder = nn.Sequential(
                nn.ConvTranspose2d(4, 8, 4, stride=2, padding=1), nn.ReLU(True), nn.Conv2d(8, 1, 3, padding=1)
            )

        def forward(self, x):
            loss, q, perplexity = self.vq(self.encoder(x))
            return loss, self.decoder(q), perplexity

    model, x = fill(Model()), tensor(4, 1, 8, 8)

    def loss():
        vq, recon, _ = model(x)
        return F.mse_loss(recon, x) / 0.5 + vq

    return [steps(model, loss), model(x)[2]]


@script
def physics_informed():
    net = fill(nn.Sequential(nn.Linear(2, 12), nn.Tanh(), nn.Linear(12, 12), nn.Tanh(), nn.Linear(12, 1)))
    x = torch.rand(1, 1).new_tensor(np.linspace(-1, 1, 10).reshape(-1, 1).astype("float32")).requires_grad_(True)
    t = torch.full_like(x, 0.3, requires_grad=True)

    def grad(y, x):
        return torch.autograd.grad(y, x, grad_outputs=torch.ones_like(y), create_graph=True, retain_graph=True)[0]

    def loss():
        u = net(torch.hstack((x, t)))
        u_t, u_x = grad(u, t), grad(u, x)
        u_xx = grad(u_x, x)
        residual = u_t + u * u_x - 0.01 / math.pi * u_xx
        return torch.mean(residual**2) + torch.mean((u + torch.sin(math.pi * x)) ** 2)

    optimizer = optim.LBFGS(net.parameters(), lr=0.5, max_iter=5, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        value = loss()
        value.backward()
        return value

    return [optimizer.step(closure).item(), loss().item()]


@script
def crf_tagger():
    class CRF(nn.Module):
        def __init__(self, n):
            super().__init__()
            self.start, self.end = nn.Parameter(torch.empty(n)), nn.Parameter(torch.empty(n))
            self.transitions = nn.Parameter(torch.empty(n, n))
            for p in self.parameters():
                nn.init.uniform_(p, -0.1, 0.1)

        def score(self, emissions, tags, mask):
            length, batch = tags.shape
            mask = mask.type_as(emissions)
            score = self.start[tags[0]] + emissions[0, torch.arange(batch), tags[0]]
            for i in range(1, length):
                score += self.transitions[tags[i - 1], tags[i]] * mask[i]
                score += emissions[i, torch.arange(batch), tags[i]] * mask[i]
            ends = mask.long().sum(dim=0) - 1
            return score + self.end[tags[ends, torch.arange(batch)]]

        def normalizer(self, emissions, mask):
            score = self.start + emissions[0]
            for i in range(1, emissions.size(0)):
                broadcast = score.unsqueeze(2) + self.transitions + emissions[i].unsqueeze(1)
                score = torch.where(mask[i].unsqueeze(1), torch.logsumexp(broadcast, dim=1), score)
            return torch.logsumexp(score + self.end, dim=1)

        def decode(self, emissions, mask):
            score, history = self.start + emissions[0], []
            for i in range(1, emissions.size(0)):
                best, index = (score.unsqueeze(2) + self.transitions + emissions[i].unsqueeze(1)).max(dim=1)
                score = torch.where(mask[i].unsqueeze(1), best, score)
                history.append(index)
            ends, paths = mask.long().sum(dim=0) - 1, []
            for b in range(mask.size(1)):
                tag = (score + self.end)[b].argmax()
                path = [tag.item()]
                for index in reversed(history[: ends[b]]):
                    tag = index[b][tag]
                    path.append(tag.item())
                paths.append(path[::-1])
            return paths

    class Tagger(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = nn.Embedding(20, 6)
            self.lstm = nn.LSTM(6, 5, bidirectional=True)
            self.out, self.crf = nn.Linear(10, 4), CRF(4)

        def emissions(self, words, lengths):
            packed = pack_padded_sequence(self.embed(words), lengths, enforce_sorted=False)
            return self.out(pad_packed_sequence(self.lstm(packed)[0])[0])

    model = fill(Tagger())
    words, tags = integers(20, 5, 3), integers(4, 5, 3, seed=1)
    lengths = torch.tensor([3, 5, 2])
    mask = torch.arange(5).unsqueeze(1) < lengths.unsqueeze(0)

    def loss():
        e = model.emissions(words, lengths)
        return -(model.crf.score(e, tags, mask) - model.crf.normalizer(e, mask)).sum()

    return [
        steps(model, loss, optim.SGD(model.parameters(), lr=0.05, momentum=0.9)),
        model.crf.decode(model.emissions(words, lengths), mask),
    ]


@script
def swin_block():
    def window_partition(x, size):
        b, h, w, c = x.shape
        x = x.view(b, h // size, size, w // size, size, c)
        return x.permute(0, 1, 3, 2, 4, 5).contiguous().view(-1, size, size, c)

    def window_reverse(windows, size, h, w):
        b = int(windows.shape[0] / (h * w / size / size))
        x = windows.view(b, h // size, w // size, size, size, -1)
        return x.permute(0, 1, 3, 2, 4, 5).contiguous().view(b, h, w, -1)

    class WindowAttention(nn.Module):
        def __init__(self, dim, size, heads):
            super().__init__()
            self.heads, self.scale = heads, (dim // heads) ** -0.5
            self.table = nn.Parameter(torch.zeros((2 * size - 1) * (2 * size - 1), heads))
            coords = torch.stack(torch.meshgrid([torch.arange(size), torch.arange(size)], indexing="ij"))
            flat = torch.flatten(coords, 1)
            relative = (flat[:, :, None] - flat[:, None, :]).permute(1, 2, 0).contiguous()
            relative[:, :, 0] += size - 1
            relative[:, :, 1] += size - 1
            relative[:, :, 0] *= 2 * size - 1
            self.register_buffer("index", relative.sum(-1))
            self.qkv, self.proj = nn.Linear(dim, dim * 3), nn.Linear(dim, dim)
            nn.init.trunc_normal_(self.table, std=0.02)

        def forward(self, x, mask=None):
            b, n, c = x.shape
            qkv = self.qkv(x).reshape(b, n, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
            q, k, v = qkv[0], qkv[1], qkv[2]
            attn = (q * self.scale) @ k.transpose(-2, -1)
            attn = attn + self.table[self.index.view(-1)].view(n, n, -1).permute(2, 0, 1).contiguous().unsqueeze(0)
            if mask is not None:
                m = mask.shape[0]
                attn = (attn.view(b // m, m, self.heads, n, n) + mask.unsqueeze(1).unsqueeze(0)).view(
                    -1, self.heads, n, n
                )
            return self.proj((attn.softmax(dim=-1) @ v).transpose(1, 2).reshape(b, n, c))

    class Block(nn.Module):
        def __init__(self, dim, resolution, size, shift):
            super().__init__()
            self.resolution, self.size, self.shift = resolution, size, shift
            self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
            self.attn = WindowAttention(dim, size, 2)
            self.mlp = nn.Sequential(nn.Linear(dim, 2 * dim), nn.GELU(), nn.Linear(2 * dim, dim))
            mask = None
            if shift:
                image, count = torch.zeros((1, *resolution, 1)), 0
                for h in (slice(0, -size), slice(-size, -shift), slice(-shift, None)):
                    for w in (slice(0, -size), slice(-size, -shift), slice(-shift, None)):
                        image[:, h, w, :] = count
                        count += 1
                windows = window_partition(image, size).view(-1, size * size)
                mask = windows.unsqueeze(1) - windows.unsqueeze(2)
                mask = mask.masked_fill(mask != 0, (-100.0)).masked_fill(mask == 0, 0.0)
            self.register_buffer("mask", mask)

        def forward(self, x):
            h, w = self.resolution
            b, _, c = x.shape
            y = self.norm1(x).view(b, h, w, c)
            if self.shift:
                y = torch.roll(y, shifts=(-self.shift, -self.shift), dims=(1, 2))
            y = self.attn(window_partition(y, self.size).view(-1, self.size**2, c), self.mask).view(
                -1, self.size, self.size, c
            )
            y = window_reverse(y, self.size, h, w)
            if self.shift:
                y = torch.roll(y, shifts=(self.shift, self.shift), dims=(1, 2))
            x = x + y.view(b, h * w, c)
            return x + self.mlp(self.norm2(x))

    model = fill(nn.Sequential(Block(8, (4, 4), 2, 0), Block(8, (4, 4), 2, 1)))
    x = tensor(2, 16, 8)
    return [steps(model, lambda: model(x).pow(2).mean()), model.state_dict()["1.mask"], list(model.state_dict())]


@script
def pointnet():
    class TNet(nn.Module):
        def __init__(self, k=3):
            super().__init__()
            self.k = k
            self.conv1, self.conv2 = nn.Conv1d(k, 8, 1), nn.Conv1d(8, 16, 1)
            self.fc1, self.fc2 = nn.Linear(16, 8), nn.Linear(8, k * k)
            self.bn1, self.bn2, self.bn3 = nn.BatchNorm1d(8), nn.BatchNorm1d(16), nn.BatchNorm1d(8)

        def forward(self, x):
            b = x.size()[0]
            x = F.relu(self.bn1(self.conv1(x)))
            x = F.relu(self.bn2(self.conv2(x)))
            x = torch.max(x, 2, keepdim=True)[0]
            x = x.view(-1, 16)
            x = self.fc2(F.relu(self.bn3(self.fc1(x))))
            iden = torch.from_numpy(np.eye(self.k).flatten().astype(np.float32)).view(1, self.k * self.k).repeat(b, 1)
            return (x + iden).view(-1, self.k, self.k)

    class PointNet(nn.Module):
        def __init__(self):
            super().__init__()
            self.tnet, self.conv, self.bn = TNet(), nn.Conv1d(3, 8, 1), nn.BatchNorm1d(8)
            self.head = nn.Linear(8, 4)

        def forward(self, x):
            trans = self.tnet(x)
            x = torch.bmm(x.transpose(2, 1), trans).transpose(2, 1)
            x = self.bn(self.conv(x)).max(dim=-1).values
            return F.log_softmax(self.head(x), dim=1), trans

    model, x, y = fill(PointNet()), tensor(6, 3, 12), integers(4, 6)

    def loss():
        logits, trans = model(x)
        eye = torch.eye(3)[None, :, :]
        reg = torch.mean(torch.norm(torch.bmm(trans, trans.transpose(2, 1)) - eye, dim=(1, 2)))
        return F.nll_loss(logits, y) + 0.001 * reg

    # not Adam: the gradient of a bias before a batch norm is nothing but rounding, which it would blow up
    return [
        steps(model, loss, optim.SGD(model.parameters(), lr=0.01)),
        model.bn.running_mean,
        model.bn.num_batches_tracked,
    ]


@script
def mobilenet_v2_and_drop_path():
    def make_divisible(v, divisor=8, min_value=None):
        new = max(min_value or divisor, int(v + divisor / 2) // divisor * divisor)
        return new + divisor if new < 0.9 * v else new

    class ConvBNReLU(nn.Sequential):
        def __init__(self, cin, cout, kernel_size=3, stride=1, groups=1):
            super(ConvBNReLU, self).__init__(
                nn.Conv2d(cin, cout, kernel_size, stride, (kernel_size - 1) // 2, groups=groups, bias=False),
                nn.BatchNorm2d(cout),
                nn.ReLU6(inplace=True),
            )

    class SqueezeExcite(nn.Module):
        def __init__(self, c, reduced):
            super().__init__()
            self.fc1, self.fc2 = nn.Conv2d(c, reduced, 1), nn.Conv2d(reduced, c, 1)

        def forward(self, x):
            s = F.adaptive_avg_pool2d(x, 1)
            return x * self.fc2(F.silu(self.fc1(s), inplace=True)).sigmoid()

    class DropPath(nn.Module):
        def __init__(self, p):
            super().__init__()
            self.p = p

        def forward(self, x):
            if self.p == 0.0 or not self.training:
                return x
            keep = 1 - self.p
            mask = x.new_empty((x.shape[0],) + (1,) * (x.ndim - 1)).bernoulli_(keep)
            return x.div(keep) * mask

    class InvertedResidual(nn.Module):
        def __init__(self, cin, cout, stride, expand):
            super().__init__()
            hidden = int(round(cin * expand))
            self.use_res = stride == 1 and cin == cout
            layers = [] if expand == 1 else [ConvBNReLU(cin, hidden, kernel_size=1)]
            layers.extend(
                [
                    ConvBNReLU(hidden, hidden, stride=stride, groups=hidden),
                    SqueezeExcite(hidden, 4),
                    nn.Conv2d(hidden, cout, 1, 1, 0, bias=False),
                    nn.BatchNorm2d(cout),
                ]
            )
            self.conv = nn.Sequential(*layers)
            self.drop = DropPath(0.0)

        def forward(self, x):
            return x + self.drop(self.conv(x)) if self.use_res else self.conv(x)

    class Net(nn.Module):
        def __init__(self, width=1.0):
            super().__init__()
            c = make_divisible(8 * width)
            features = [ConvBNReLU(3, c, stride=2)]
            for t, cout, n, s in [[1, 8, 1, 1], [3, 16, 2, 2]]:
                for i in range(n):
                    features.append(InvertedResidual(c, cout, s if i == 0 else 1, expand=t))
                    c = cout
            self.features = nn.Sequential(*features, ConvBNReLU(c, 24, kernel_size=1))
            self.classifier = nn.Sequential(nn.Dropout(0.0), nn.Linear(24, 5))
            for m in self.modules():
                if isinstance(m, nn.Conv2d):
                    nn.init.kaiming_normal_(m.weight, mode="fan_out")
                elif isinstance(m, (nn.BatchNorm2d, nn.GroupNorm)):
                    nn.init.ones_(m.weight)
                    nn.init.zeros_(m.bias)

        def forward(self, x):
            x = self.features(x)
            x = nn.functional.adaptive_avg_pool2d(x, (1, 1))
            return self.classifier(torch.flatten(x, 1))

    model = fill(Net())
    x, y = tensor(4, 3, 16, 16), integers(5, 4)
    decay = [p for n, p in model.named_parameters() if p.ndim > 1]
    rest = [p for n, p in model.named_parameters() if p.ndim <= 1]
    optimizer = optim.RMSprop(
        [{"params": decay, "weight_decay": 1e-4}, {"params": rest}], lr=1e-3, alpha=0.9, momentum=0.9, eps=1e-3
    )
    losses = steps(model, lambda: F.cross_entropy(model(x), y, label_smoothing=0.1), optimizer)
    return [losses, sum(p.numel() for p in model.parameters() if p.requires_grad), str(model.features[1])]


@script
def actor_critic_with_gae():
    class ActorCritic(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.Sequential(nn.Linear(4, 16), nn.Tanh())
            self.actor, self.critic = nn.Linear(16, 3), nn.Linear(16, 1)
            self.log_std = nn.Parameter(torch.zeros(3))

        def forward(self, x):
            h = self.body(x)
            return self.actor(h), self.critic(h).squeeze(-1)

    model = fill(ActorCritic())
    for layer in model.modules():
        if isinstance(layer, nn.Linear):
            nn.init.constant_(layer.bias, 0.0)
    states, actions, rewards = tensor(12, 4), integers(3, 12), tensor(12)
    dones = torch.tensor([0.0] * 5 + [1.0] + [0.0] * 6)
    with torch.no_grad():
        logits, values = model(states)
        old = F.log_softmax(logits, -1).gather(1, actions.unsqueeze(1)).squeeze(1)
        advantages, running = torch.zeros_like(rewards), 0
        for t in reversed(range(12)):
            next_value = values[t + 1] if t < 11 else 0.0
            delta = rewards[t] + 0.99 * next_value * (1.0 - dones[t]) - values[t]
            advantages[t] = running = delta + 0.99 * 0.95 * (1.0 - dones[t]) * running
        returns = advantages + values
        advantages = (advantages - advantages.mean()) / (advantages.std() + 1e-8)

    def ppo():
        logits, value = model(states)
        logp = F.log_softmax(logits, dim=-1)
        new = logp.gather(1, actions.unsqueeze(1)).squeeze(1)
        entropy = -(logp.exp() * logp).sum(-1).mean()
        ratio = (new - old).exp()
        clipped = torch.clamp(ratio, 0.8, 1.2)
        policy = -torch.min(ratio * advantages, clipped * advantages).mean()
        gaussian = (-0.5 * ((tensor(12, 3) - logits) / model.log_std.exp()) ** 2 - model.log_std).sum(-1).mean()
        return policy + 0.5 * F.smooth_l1_loss(value, returns) - 0.01 * entropy - 0.01 * gaussian

    return [steps(model, ppo), returns]


@script
def wavenet():
    class CausalConv1d(nn.Conv1d):
        def __init__(self, cin, cout, k, dilation=1):
            super().__init__(cin, cout, k, padding=(k - 1) * dilation, dilation=dilation)

        def forward(self, x):
            return super().forward(x)[:, :, : -self.padding[0]] if self.padding[0] else super().forward(x)

    class Residual(nn.Module):
        def __init__(self, c, dilation):
            super().__init__()
            self.filter = nn.utils.parametrizations.weight_norm(CausalConv1d(c, c, 2, dilation))
            self.gate = nn.utils.parametrizations.weight_norm(CausalConv1d(c, c, 2, dilation))
            self.res, self.skip = nn.Conv1d(c, c, 1), nn.Conv1d(c, c, 1)

        def forward(self, x):
            z = torch.tanh(self.filter(x)) * torch.sigmoid(self.gate(x))
            return x + self.res(z), self.skip(z)

    class WaveNet(nn.Module):
        def __init__(self):
            super().__init__()
            self.start = CausalConv1d(1, 8, 2)
            self.blocks = nn.ModuleList([Residual(8, 2**i) for i in range(3)])
            self.out = nn.Sequential(nn.ReLU(), nn.Conv1d(8, 8, 1), nn.ReLU(), nn.Conv1d(8, 16, 1))

        def forward(self, x):
            h, total = self.start(x), 0
            for block in self.blocks:
                h, s = block(h)
                total = total + s
            return self.out(total)

    model = fill(WaveNet())
    x = tensor(2, 1, 20).clamp(-1, 1)
    mu = 15
    encoded = (
        ((torch.sign(x) * torch.log1p(mu * torch.abs(x)) / math.log1p(mu) + 1) / 2 * mu + 0.5).floor().long().squeeze(1)
    )
    return [steps(model, lambda: F.cross_entropy(model(x)[:, :, :-1], encoded[:, 1:])), encoded]


@script
def seq2seq_with_attention():
    class Encoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding, self.rnn = nn.Embedding(12, 6), nn.GRU(6, 8, bidirectional=True)
            self.fc = nn.Linear(16, 8)

        def forward(self, src):
            outputs, hidden = self.rnn(self.embedding(src))
            return outputs, torch.tanh(self.fc(torch.cat((hidden[-2, :, :], hidden[-1, :, :]), dim=1)))

    class Attention(nn.Module):
        def __init__(self):
            super().__init__()
            self.attn, self.v = nn.Linear(24, 8), nn.Linear(8, 1, bias=False)

        def forward(self, hidden, outputs):
            hidden = hidden.unsqueeze(1).repeat(1, outputs.shape[0], 1)
            energy = torch.tanh(self.attn(torch.cat((hidden, outputs.permute(1, 0, 2)), dim=2)))
            return F.softmax(self.v(energy).squeeze(2), dim=1)

    class Decoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding, self.attention, self.cell = nn.Embedding(12, 6), Attention(), nn.GRU(22, 8)
            self.out = nn.Linear(30, 12)

        def forward(self, input, hidden, outputs):
            embedded = self.embedding(input.unsqueeze(0))
            a = self.attention(hidden, outputs).unsqueeze(1)
            weighted = torch.bmm(a, outputs.permute(1, 0, 2)).permute(1, 0, 2)
            output, hidden = self.cell(torch.cat((embedded, weighted), dim=2), hidden.unsqueeze(0))
            assert (output == hidden).all()
            return self.out(
                torch.cat((output.squeeze(0), weighted.squeeze(0), embedded.squeeze(0)), dim=1)
            ), hidden.squeeze(0)

    encoder, decoder = fill(Encoder()), fill(Decoder(), 1)
    src, trg = integers(12, 5, 3), integers(12, 4, 3, seed=1)

    def loss():
        outputs = torch.zeros(4, 3, 12)
        memory, hidden = encoder(src)
        input = trg[0, :]
        for t in range(1, 4):
            output, hidden = decoder(input, hidden, memory)
            outputs[t] = output
            input = trg[t] if t % 2 else output.argmax(1)
        return nn.CrossEntropyLoss(ignore_index=0)(outputs[1:].view(-1, 12), trg[1:].reshape(-1))

    both = nn.ModuleList([encoder, decoder])
    return steps(both, loss)


@script
def llama_like_with_cache():
    class RMSNorm(nn.Module):
        def __init__(self, dim, eps=1e-6):
            super().__init__()
            self.eps, self.weight = eps, nn.Parameter(torch.ones(dim))

        def forward(self, x):
            return (x.float() * torch.rsqrt(x.float().pow(2).mean(-1, keepdim=True) + self.eps)).type_as(
                x
            ) * self.weight

    def rotary(dim, end, theta=10000.0):
        freqs = 1.0 / (theta ** (torch.arange(0, dim, 2)[: (dim // 2)].float() / dim))
        angles = torch.outer(torch.arange(end).float(), freqs)
        return angles.cos(), angles.sin()

    def apply_rotary(x, cos, sin):
        a, b = x.float().reshape(*x.shape[:-1], -1, 2).unbind(-1)
        cos, sin = cos[None, :, None, :], sin[None, :, None, :]
        return torch.stack([a * cos - b * sin, a * sin + b * cos], dim=-1).flatten(3).type_as(x)

    class Attention(nn.Module):
        def __init__(self, dim, heads, kv_heads):
            super().__init__()
            self.heads, self.kv, self.d = heads, kv_heads, dim // heads
            self.wq, self.wk = nn.Linear(dim, heads * self.d, bias=False), nn.Linear(dim, kv_heads * self.d, bias=False)
            self.wv, self.wo = nn.Linear(dim, kv_heads * self.d, bias=False), nn.Linear(heads * self.d, dim, bias=False)
            self.cache = None

        def forward(self, x, cos, sin, start, use_cache):
            b, n, _ = x.shape
            q, k, v = (w(x).view(b, n, -1, self.d) for w in (self.wq, self.wk, self.wv))
            q, k = (
                apply_rotary(q, cos[start : start + n], sin[start : start + n]),
                apply_rotary(k, cos[start : start + n], sin[start : start + n]),
            )
            if use_cache:
                if self.cache is not None:
                    k, v = torch.cat([self.cache[0], k], 1), torch.cat([self.cache[1], v], 1)
                self.cache = (k, v)
            k, v = (torch.repeat_interleave(t, self.heads // self.kv, dim=2) for t in (k, v))
            q, k, v = (t.transpose(1, 2) for t in (q, k, v))
            out = F.scaled_dot_product_attention(q, k, v, is_causal=n > 1)
            return self.wo(out.transpose(1, 2).contiguous().view(b, n, -1))

    class Block(nn.Module):
        def __init__(self, dim):
            super().__init__()
            self.attn, self.norm1, self.norm2 = Attention(dim, 4, 2), RMSNorm(dim), RMSNorm(dim)
            self.w1, self.w2, self.w3 = (
                nn.Linear(dim, 16, bias=False),
                nn.Linear(16, dim, bias=False),
                nn.Linear(dim, 16, bias=False),
            )

        def forward(self, x, *args):
            h = x + self.attn(self.norm1(x), *args)
            y = self.norm2(h)
            return h + self.w2(F.silu(self.w1(y)) * self.w3(y))

    class Model(nn.Module):
        def __init__(self, vocab=13, dim=16):
            super().__init__()
            self.embed, self.blocks = nn.Embedding(vocab, dim), nn.ModuleList(Block(dim) for _ in range(2))
            self.norm, self.head = RMSNorm(dim), nn.Linear(dim, vocab, bias=False)
            cos, sin = rotary(4, 32)
            self.register_buffer("cos", cos, persistent=False)
            self.register_buffer("sin", sin, persistent=False)
            self.apply(self._init)

        def _init(self, module):
            if isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, mean=0.0, std=0.02)

        def forward(self, tokens, start=0, use_cache=False):
            h = self.embed(tokens)
            for block in self.blocks:
                h = block(h, self.cos, self.sin, start, use_cache)
            return self.head(self.norm(h))

    model, tokens = fill(Model()), integers(13, 2, 7)
    losses = steps(model, lambda: F.cross_entropy(model(tokens[:, :-1]).transpose(1, 2), tokens[:, 1:]))
    model.eval()
    with torch.inference_mode():
        whole = model(tokens)
        parts = [model(tokens[:, :3], 0, True)] + [model(tokens[:, i : i + 1], i, True) for i in range(3, 7)]
        logits = whole[:, -1] / 0.8
        v, _ = torch.topk(logits, 3)
        logits[logits < v[:, [-1]]] = -float("Inf")
        probs = F.softmax(logits, dim=-1)
        ordered, order = torch.sort(probs, descending=True)
        removed = ordered.cumsum(-1) - ordered > 0.9
        kept = probs.masked_fill(removed.scatter(1, order, removed), 0.0)
    return [losses, whole, torch.allclose(whole, torch.cat(parts, 1), atol=1e-5), kept.sum(-1)]


@script
def mixture_of_experts_and_lora():
    class LoRA(nn.Module):
        def __init__(self, linear, r=2, alpha=4):
            super().__init__()
            self.linear, self.scale = linear, alpha / r
            self.linear.requires_grad_(False)
            self.a = nn.Parameter(torch.randn(r, linear.in_features) * 0.01)
            self.b = nn.Parameter(torch.zeros(linear.out_features, r))

        def forward(self, x):
            return self.linear(x) + (x @ self.a.T @ self.b.T) * self.scale

        def merge(self):
            self.linear.weight.data += self.scale * self.b.data @ self.a.data

    class MoE(nn.Module):
        def __init__(self, dim, n, k):
            super().__init__()
            self.k, self.gate = k, nn.Linear(dim, n, bias=False)
            self.experts = nn.ModuleList(
                [nn.Sequential(nn.Linear(dim, 8), nn.GELU(approximate="tanh"), nn.Linear(8, dim)) for _ in range(n)]
            )

        def forward(self, x):
            logits = self.gate(x)
            weights, selected = torch.topk(F.softmax(logits, dim=1, dtype=torch.float), self.k, dim=-1)
            weights /= weights.sum(dim=-1, keepdim=True)
            out = torch.zeros_like(x)
            mask = F.one_hot(selected, num_classes=len(self.experts)).permute(2, 1, 0)
            for i, expert in enumerate(self.experts):
                idx, top = torch.where(mask[i])
                if top.shape[0] == 0:
                    continue
                out.index_add_(0, top, expert(x[None, top].reshape(-1, x.shape[1])) * weights[top, idx, None])
            balance = (F.softmax(logits, 1).mean(0) * mask.float().mean((1, 2))).sum() * len(self.experts)
            return out, balance

    model = nn.Sequential()
    model.add_module("lora", LoRA(nn.Linear(6, 6)))
    model.add_module("moe", MoE(6, 4, 2))
    fill(model)
    x, y = tensor(10, 6), tensor(10, 6, seed=3)

    def loss():
        h = model.lora(x)
        out, balance = model.moe(h)
        return F.mse_loss(h + out, y) + 0.01 * balance

    before = model.lora.linear.weight.clone()
    losses = steps(model, loss, optim.AdamW(filter(lambda p: p.requires_grad, model.parameters()), lr=1e-2))
    unchanged = torch.equal(before, model.lora.linear.weight)
    expected = model.lora(x)
    model.lora.merge()
    return [losses, unchanged, (model.lora.linear(x) - expected).abs().max().item() < 1e-5]


@script
def nerf_rendering():
    def encode(x, levels):
        out = [x]
        for i in range(levels):
            out += [torch.sin(2.0**i * math.pi * x), torch.cos(2.0**i * math.pi * x)]
        return torch.cat(out, -1)

    def sample_pdf(bins, weights, n):
        weights = weights + 1e-5
        pdf = weights / torch.sum(weights, -1, keepdim=True)
        cdf = torch.cumsum(pdf, -1)
        cdf = torch.cat([torch.zeros_like(cdf[..., :1]), cdf], -1)
        u = torch.linspace(0.0, 1.0, steps=n).expand(list(cdf.shape[:-1]) + [n]).contiguous()
        inds = torch.searchsorted(cdf.detach(), u, right=True)
        below = torch.max(torch.zeros_like(inds - 1), inds - 1)
        above = torch.min((cdf.shape[-1] - 1) * torch.ones_like(inds), inds)
        inds_g = torch.stack([below, above], -1)
        shape = [inds_g.shape[0], inds_g.shape[1], cdf.shape[-1]]
        cdf_g = torch.gather(cdf.unsqueeze(1).expand(shape), 2, inds_g)
        bins_g = torch.gather(bins.unsqueeze(1).expand(shape), 2, inds_g)
        denom = cdf_g[..., 1] - cdf_g[..., 0]
        denom = torch.where(denom < 1e-5, torch.ones_like(denom), denom)
        t = (u - cdf_g[..., 0]) / denom
        return bins_g[..., 0] + t * (bins_g[..., 1] - bins_g[..., 0])

    net = fill(nn.Sequential(nn.Linear(15, 16), nn.ReLU(), nn.Linear(16, 4)))
    origins, directions, target = (
        tensor(5, 3),
        F.normalize(tensor(5, 3, seed=1), dim=-1),
        tensor(5, 3, seed=2).sigmoid(),
    )

    def render(z):
        points = origins[..., None, :] + directions[..., None, :] * z[..., :, None]
        raw = net(encode(points.reshape(-1, 3), 2)).reshape(list(points.shape[:-1]) + [4])
        dists = z[..., 1:] - z[..., :-1]
        dists = torch.cat([dists, torch.Tensor([1e10]).expand(dists[..., :1].shape)], -1)
        rgb, alpha = torch.sigmoid(raw[..., :3]), 1.0 - torch.exp(-F.relu(raw[..., 3]) * dists)
        weights = (
            alpha * torch.cumprod(torch.cat([torch.ones((alpha.shape[0], 1)), 1.0 - alpha + 1e-10], -1), -1)[:, :-1]
        )
        return torch.sum(weights[..., None] * rgb, -2), weights, torch.sum(weights * z, -1)

    def loss():
        z = torch.linspace(2.0, 6.0, 8).expand(5, 8)
        rgb, weights, _ = render(z)
        mid = 0.5 * (z[..., 1:] + z[..., :-1])
        fine = sample_pdf(mid, weights[..., 1:-1], 6).detach()
        z, _ = torch.sort(torch.cat([z, fine], -1), -1)
        rgb_fine, _, depth = render(z)
        return F.mse_loss(rgb, target) + F.mse_loss(rgb_fine, target) + 1e-3 * depth.mean()

    return steps(net, loss)


@script
def detection_and_segmentation_losses():
    def focal(inputs, targets, alpha=0.25, gamma=2.0):
        p = torch.sigmoid(inputs)
        ce = F.binary_cross_entropy_with_logits(inputs, targets, reduction="none")
        p_t = p * targets + (1 - p) * (1 - targets)
        loss = ce * ((1 - p_t) ** gamma)
        return ((alpha * targets + (1 - alpha) * (1 - targets)) * loss).mean(1).sum() / len(targets)

    def dice(inputs, targets):
        inputs = inputs.sigmoid().flatten(1)
        numerator = 2 * (inputs * targets.flatten(1)).sum(1)
        return (1 - (numerator + 1) / (inputs.sum(-1) + targets.flatten(1).sum(-1) + 1)).mean()

    def giou(a, b):
        area = lambda t: (t[:, 2] - t[:, 0]).clamp(min=0) * (t[:, 3] - t[:, 1]).clamp(min=0)
        lt, rb = torch.max(a[:, None, :2], b[:, :2]), torch.min(a[:, None, 2:], b[:, 2:])
        inter = (rb - lt).clamp(min=0).prod(2)
        union = area(a)[:, None] + area(b) - inter
        lo, hi = torch.min(a[:, None, :2], b[:, :2]), torch.max(a[:, None, 2:], b[:, 2:])
        hull = (hi - lo).clamp(min=0)[..., 0] * (hi - lo).clamp(min=0)[..., 1]
        return inter / union - (hull - union) / hull

    logits = tensor(3, 1, 6, 6).requires_grad_()
    target = (tensor(3, 1, 6, 6, seed=1) > 0).float()
    corners = tensor(4, 2).requires_grad_()
    boxes = torch.cat([corners, corners + tensor(4, 2, seed=5).abs() + 0.5], dim=1)
    others = torch.cat([corners.detach() + 0.2, corners.detach() + 1.3], dim=-1)
    loss = (
        focal(logits.flatten(1), target.flatten(1)) + dice(logits, target) + (1 - torch.diag(giou(boxes, others))).sum()
    )
    teacher, student = tensor(3, 5), tensor(3, 5, seed=1).requires_grad_()
    distill = F.kl_div(F.log_softmax(student / 4, 1), F.softmax(teacher / 4, 1), reduction="batchmean") * 16
    anchor = F.normalize(tensor(6, 4).requires_grad_(), p=2, dim=1)
    d = torch.cdist(anchor, anchor)
    same = torch.tensor([0, 0, 1, 1, 2, 2])[:, None] == torch.tensor([0, 0, 1, 1, 2, 2])[None]
    hardest = F.relu((d * same.float()).max(1)[0] - (d + 10 * same.float()).min(1)[0] + 0.3).mean()
    total = loss + distill + hardest
    total.backward()
    return [total, logits.grad, corners.grad, student.grad]


@script
def gan_with_spectral_norm_and_r1():
    sn = nn.utils.spectral_norm
    d = nn.Sequential(
        sn(nn.Conv2d(1, 4, 4, 2, 1)),
        nn.LeakyReLU(0.2, inplace=True),
        sn(nn.Conv2d(4, 8, 4, 2, 1)),
        nn.LeakyReLU(0.2),
        nn.Flatten(),
        sn(nn.Linear(32, 1)),
    )
    g = nn.Sequential(
        nn.ConvTranspose2d(4, 8, 4, 1, 0, bias=False),
        nn.BatchNorm2d(8),
        nn.ReLU(True),
        nn.ConvTranspose2d(8, 1, 4, 2, 1, bias=False),
        nn.Tanh(),
    )
    fill(d), fill(g, 1)
    rng = np.random.default_rng(5)
    for m in d.modules():
        if hasattr(m, "weight_u"):
            m.weight_u.copy_(F.normalize(torch.tensor(rng.normal(size=m.weight_u.shape).astype("f")), dim=0))
            m.weight_v.copy_(F.normalize(torch.tensor(rng.normal(size=m.weight_v.shape).astype("f")), dim=0))
    opt_d, opt_g = (
        optim.Adam(d.parameters(), lr=2e-3, betas=(0.0, 0.9)),
        optim.Adam(g.parameters(), lr=1e-3, betas=(0.0, 0.9)),
    )
    real, z, log = tensor(4, 1, 8, 8), tensor(4, 4, 1, 1), []
    for step in range(3):
        fake = g(z)
        real.requires_grad_()
        score = d(real)
        (grad,) = torch.autograd.grad(outputs=score.sum(), inputs=real, create_graph=True)
        r1 = grad.pow(2).reshape(grad.shape[0], -1).sum(1).mean()
        d_loss = F.relu(1.0 - score).mean() + F.relu(1.0 + d(fake.detach())).mean() + 0.1 * r1
        opt_d.zero_grad(set_to_none=True)
        d_loss.backward()
        opt_d.step()
        g_loss = -d(fake).mean()
        opt_g.zero_grad()
        g_loss.backward()
        opt_g.step()
        log += [d_loss.item(), g_loss.item()]
    return log


@script
def recursive_and_custom():
    class GradientReversal(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, alpha):
            ctx.alpha = alpha
            return x.view_as(x)

        @staticmethod
        def backward(ctx, grad_output):
            return grad_output.neg() * ctx.alpha, None

    class BinaryStep(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return (x > 0).type(x.dtype)

        @staticmethod
        def backward(ctx, grad):
            (x,) = ctx.saved_tensors
            return grad * (x.abs() <= 1).float()

    class TreeLSTM(nn.Module):
        def __init__(self):
            super().__init__()
            self.leaf, self.iou, self.f = nn.Embedding(5, 4), nn.Linear(4, 12), nn.Linear(4, 4)

        def node(self, tree):
            if isinstance(tree, int):
                return self.leaf(torch.tensor(tree)), torch.zeros(4)
            children = [self.node(child) for child in tree]
            h_sum = sum(h for h, _ in children)
            i, o, u = self.iou(h_sum).chunk(3)
            c = torch.sigmoid(i) * torch.tanh(u) + sum(torch.sigmoid(self.f(h)) * c for h, c in children)
            return torch.sigmoid(o) * torch.tanh(c), c

    class SignSGD(optim.Optimizer):
        def __init__(self, params, lr=1e-3):
            super().__init__(params, dict(lr=lr))

        @torch.no_grad()
        def step(self, closure=None):
            loss = closure() if closure is not None else None
            for group in self.param_groups:
                for p in group["params"]:
                    if p.grad is None:
                        continue
                    state = self.state[p]
                    if len(state) == 0:
                        state["step"], state["avg"] = 0, torch.zeros_like(p)
                    state["step"] += 1
                    state["avg"].mul_(0.9).add_(p.grad, alpha=0.1)
                    p.add_(state["avg"].sign(), alpha=-group["lr"])
            return loss

    model = fill(TreeLSTM())
    optimizer = SignSGD(model.parameters(), lr=0.05)

    def loss():
        h, _ = model.node([[0, 1], [2, [3, 4]]])
        spikes = BinaryStep.apply(h * 3)
        return (h**2).sum() + spikes.sum() + GradientReversal.apply(h, 0.5).sum()

    losses = steps(model, loss, optimizer)
    return [losses, len(optimizer.state), optimizer.state_dict()["state"][0]["step"], model.leaf.weight]


@script
def siren_hyper_and_mdn():
    class Sine(nn.Module):
        def __init__(self, w0=1.0):
            super().__init__()
            self.w0 = w0

        def forward(self, x):
            return torch.sin(self.w0 * x)

    class Hyper(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = nn.Embedding(2, 3)
            self.w, self.b = nn.Linear(3, 8), nn.Linear(3, 4)

        def forward(self, x, task):
            e = self.embed(task)
            return F.conv1d(x.unsqueeze(0), self.w(e).view(4, 2, 1), self.b(e)).squeeze(0)

    class MDN(nn.Module):
        def __init__(self, k=3):
            super().__init__()
            self.pi, self.mu, self.sigma = nn.Linear(4, k), nn.Linear(4, k), nn.Linear(4, k)

        def forward(self, h, y):
            log_pi, sigma = F.log_softmax(self.pi(h), -1), F.softplus(self.sigma(h)) + 1e-3
            log_prob = -0.5 * ((y - self.mu(h)) / sigma).square() - sigma.log() - 0.5 * math.log(2 * math.pi)
            return -torch.logsumexp(log_pi + log_prob, dim=-1).mean()

    hyper, sine, mdn = fill(Hyper()), Sine(2.0), fill(MDN(), 1)
    x, y = tensor(2, 9), tensor(9, 1)
    model = nn.ModuleList([hyper, sine, mdn])
    task = torch.tensor(1)
    losses = steps(model, lambda: mdn(sine(hyper(x, task)).t(), y), optim.NAdam(model.parameters(), lr=1e-2))
    hard = F.one_hot(tensor(3, 4).argmax(-1), 4).float()
    soft = tensor(3, 4).softmax(-1)
    through = hard - soft.detach() + soft
    return [losses, through]


@script
def conv_lstm_and_optical_flow():
    class ConvLSTMCell(nn.Module):
        def __init__(self, cin, hidden, k):
            super().__init__()
            self.hidden = hidden
            self.conv = nn.Conv2d(cin + hidden, 4 * hidden, k, padding=k // 2)

        def forward(self, x, state):
            h, c = state
            i, f, o, g = torch.split(self.conv(torch.cat([x, h], dim=1)), self.hidden, dim=1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
            return h, (h, c)

    def warp(x, flow):
        b, c, h, w = x.size()
        xx = torch.arange(0, w).view(1, -1).repeat(h, 1)
        yy = torch.arange(0, h).view(-1, 1).repeat(1, w)
        grid = torch.cat((xx.view(1, 1, h, w).repeat(b, 1, 1, 1), yy.view(1, 1, h, w).repeat(b, 1, 1, 1)), 1).float()
        vgrid = grid + flow
        x_norm = 2.0 * vgrid[:, 0, :, :].clone() / max(w - 1, 1) - 1.0
        y_norm = 2.0 * vgrid[:, 1, :, :].clone() / max(h - 1, 1) - 1.0
        vgrid = torch.stack((x_norm, y_norm), dim=-1)
        out = F.grid_sample(x, vgrid, mode="bilinear", padding_mode="zeros", align_corners=True)
        mask = F.grid_sample(torch.ones_like(x), vgrid, align_corners=True)
        mask = mask.masked_fill(mask < 0.999, 0).masked_fill(mask > 0, 1)
        return out * mask

    cell, head = fill(ConvLSTMCell(1, 4, 3)), fill(nn.Conv2d(4, 2, 3, padding="same"), 1)
    model = nn.ModuleDict(dict(cell=cell, head=head))
    video = tensor(2, 3, 1, 6, 6)

    def loss():
        state = (torch.zeros(2, 4, 6, 6), torch.zeros(2, 4, 6, 6))
        for t in range(3):
            h, state = cell(video[:, t], state)
        flow = head(h)
        smooth = (flow[..., 1:] - flow[..., :-1]).abs().mean() + (flow[..., 1:, :] - flow[..., :-1, :]).abs().mean()
        return F.l1_loss(warp(video[:, 0], flow), video[:, 2]) + 0.1 * smooth

    return steps(model, loss)


@script
def capsules_and_sets():
    def squash(x, dim=-1):
        squared = (x**2).sum(dim=dim, keepdim=True)
        return squared / (1 + squared) * x / torch.sqrt(squared + 1e-8)

    class Capsules(nn.Module):
        def __init__(self):
            super().__init__()
            self.W = nn.Parameter(0.1 * torch.randn(1, 6, 3, 4, 2))

        def forward(self, u):
            u_hat = torch.matmul(self.W, u[:, :, None, :, None]).squeeze(-1)
            fixed, b = u_hat.detach(), torch.zeros(u.size(0), 6, 3, 1)
            for i in range(3):
                c = F.softmax(b, dim=2)
                v = squash((c * (fixed if i < 2 else u_hat)).sum(dim=1, keepdim=True))
                if i < 2:
                    b += (fixed * v).sum(-1, keepdim=True)
            return v.squeeze(1)

    class DeepSet(nn.Module):
        def __init__(self):
            super().__init__()
            self.phi, self.rho = nn.Sequential(nn.Linear(2, 8), nn.Softplus()), nn.Linear(24, 3)

        def forward(self, x, mask):
            h = self.phi(x) * mask[..., None]
            top = h.masked_fill(~mask[..., None].bool(), -1e9).amax(1)
            return self.rho(torch.cat([h.sum(1), h.sum(1) / mask.sum(1, keepdim=True), top], -1))

    capsules, sets = fill(Capsules()), fill(DeepSet(), 1)
    u, labels = tensor(5, 6, 2), torch.tensor([0, 1, 2, 0, 1])
    mask = torch.tensor([[1.0] * 6, [1.0] * 4 + [0.0] * 2, [1.0] * 2 + [0.0] * 4, [1.0] * 6, [1.0] * 5 + [0.0]])

    def loss():
        lengths = torch.sqrt((capsules(u) ** 2).sum(dim=2))
        onehot = torch.eye(3).index_select(dim=0, index=labels)
        left = F.relu(0.9 - lengths, inplace=True) ** 2
        right = F.relu(lengths - 0.1, inplace=True) ** 2
        return (onehot * left + 0.5 * (1.0 - onehot) * right).sum() / u.size(0) + F.cross_entropy(sets(u, mask), labels)

    return steps(
        nn.ModuleList([capsules, sets]), loss, optim.Adagrad([*capsules.parameters(), *sets.parameters()], lr=0.05)
    )


@script
def mixup_cutmix_and_sam():
    model = fill(
        nn.Sequential(
            nn.Conv2d(1, 4, 3, bias=False),
            nn.BatchNorm2d(4),
            nn.GELU(),
            nn.AvgPool2d(2),
            nn.Flatten(1),
            nn.Linear(36, 3),
        )
    )
    data = TensorDataset(tensor(8, 1, 8, 8), integers(3, 8))
    base = optim.SGD(model.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=5e-4)
    schedule = optim.lr_scheduler.OneCycleLR(base, max_lr=0.2, total_steps=6)
    log = []
    for x, y in DataLoader(data, batch_size=4, shuffle=False):
        index = torch.tensor([1, 0, 3, 2])
        mixed = 0.7 * x + 0.3 * x[index, :]
        mixed[:, :, 2:5, 1:4] = x[index, :, 2:5, 1:4]
        criterion = nn.CrossEntropyLoss()

        def loss():
            out = model(mixed)
            return 0.7 * criterion(out, y) + 0.3 * criterion(out, y[index])

        first = loss()
        first.backward()
        with torch.no_grad():
            norm = torch.norm(torch.stack([p.grad.norm(p=2) for p in model.parameters() if p.grad is not None]), p=2)
            old = []
            for p in model.parameters():
                e = p.grad * (0.05 / (norm + 1e-12))
                p.add_(e)
                old.append(e)
        base.zero_grad()
        loss().backward()
        with torch.no_grad():
            for p, e in zip(model.parameters(), old):
                p.sub_(e)
        total = nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)
        base.step()
        schedule.step()
        log += [first.item(), float(total), schedule.get_last_lr()[0]]
    with torch.no_grad():
        correct = sum(
            (model(x).argmax(dim=1, keepdim=True).eq(y.view_as(model(x).argmax(dim=1, keepdim=True)))).sum().item()
            for x, y in DataLoader(data, batch_size=8)
        )
    return [log, correct, base.state_dict()["param_groups"][0]["nesterov"]]
