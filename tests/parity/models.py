"""Models as one writes them for torch. The tests run this very text with torch and, its imports replaced, with this library."""

# ruff: noqa: I001, E501, B905

import math
from collections import OrderedDict

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim


class LeNet5(nn.Module):
    def __init__(self, classes=10):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 6, kernel_size=5, padding=2),
            nn.Tanh(),
            nn.AvgPool2d(2),
            nn.Conv2d(6, 16, 5),
            nn.Tanh(),
            nn.AvgPool2d(2),
        )
        self.classifier = nn.Sequential(
            nn.Linear(16 * 5 * 5, 120), nn.Tanh(), nn.Linear(120, 84), nn.Tanh(), nn.Linear(84, classes)
        )

    def forward(self, x):
        x = self.features(x)
        x = x.view(x.size(0), -1)
        return self.classifier(x)


class MLP(nn.Module):
    def __init__(self, sizes=(6, 16, 8, 4), p=0.0):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(a, b) for a, b in zip(sizes[:-1], sizes[1:])])
        self.drop = nn.Dropout(p)
        for layer in self.layers:
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)

    def forward(self, x):
        for layer in self.layers[:-1]:
            x = self.drop(F.relu(layer(x)))
        return F.log_softmax(self.layers[-1](x), dim=1)


class BasicBlock(nn.Module):
    def __init__(self, inplanes, planes, stride=1):
        super().__init__()
        self.conv1 = nn.Conv2d(inplanes, planes, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(planes, planes, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.downsample = None
        if stride != 1 or inplanes != planes:
            self.downsample = nn.Sequential(
                nn.Conv2d(inplanes, planes, 1, stride=stride, bias=False), nn.BatchNorm2d(planes)
            )

    def forward(self, x):
        identity = x if self.downsample is None else self.downsample(x)
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += identity
        return self.relu(out)


class ResNet(nn.Module):
    def __init__(self, classes=5):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(3, 2, 1))
        self.layer1 = self._make_layer(4, 4, 2)
        self.layer2 = self._make_layer(4, 8, 2, stride=2)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(8, classes)
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                nn.init.kaiming_normal_(m.weight, mode="fan_out", nonlinearity="relu")
            elif isinstance(m, (nn.BatchNorm2d, nn.GroupNorm)):
                nn.init.constant_(m.weight, 1)
                nn.init.constant_(m.bias, 0)

    def _make_layer(self, inplanes, planes, blocks, stride=1):
        layers = [BasicBlock(inplanes, planes, stride)]
        layers += [BasicBlock(planes, planes) for _ in range(1, blocks)]
        return nn.Sequential(*layers)

    def forward(self, x):
        x = self.layer2(self.layer1(self.stem(x)))
        return self.fc(torch.flatten(self.avgpool(x), 1))


class VGG(nn.Module):
    def __init__(self, config=(4, "M", 8, 8, "M"), classes=3):
        super().__init__()
        layers, channels = [], 3
        for entry in config:
            if entry == "M":
                layers.append(nn.MaxPool2d(kernel_size=2, stride=2))
            else:
                layers += [nn.Conv2d(channels, entry, kernel_size=3, padding=1), nn.ReLU(inplace=True)]
                channels = entry
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d((2, 2))
        self.classifier = nn.Sequential(
            nn.Linear(channels * 4, 10), nn.ReLU(True), nn.Dropout(p=0.0), nn.Linear(10, classes)
        )

    def forward(self, x):
        return self.classifier(torch.flatten(self.avgpool(self.features(x)), 1))


class Inception(nn.Module):
    def __init__(self, c=4):
        super().__init__()
        self.branches = nn.ModuleDict(
            OrderedDict(
                one=nn.Conv2d(c, 2, 1),
                three=nn.Sequential(nn.Conv2d(c, 3, 1), nn.ReLU(), nn.Conv2d(3, 4, 3, padding="same")),
                pool=nn.Sequential(nn.MaxPool2d(3, stride=1, padding=1), nn.Conv2d(c, 2, 1)),
            )
        )

    def forward(self, x):
        return torch.cat([branch(x) for branch in self.branches.values()], dim=1).mean(dim=(2, 3))


class SqueezeExcite(nn.Module):
    def __init__(self, channels, reduction=2):
        super().__init__()
        self.fc1 = nn.Conv2d(channels, channels // reduction, 1)
        self.fc2 = nn.Conv2d(channels // reduction, channels, 1)

    def forward(self, x):
        scale = F.adaptive_avg_pool2d(x, 1)
        return x * F.hardsigmoid(self.fc2(F.relu(self.fc1(scale))))


class MobileNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.expand = nn.Sequential(nn.Conv2d(3, 8, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU6())
        self.depthwise = nn.Sequential(
            nn.Conv2d(8, 8, 3, stride=2, padding=1, groups=8, bias=False), nn.BatchNorm2d(8), nn.Hardswish()
        )
        self.se = SqueezeExcite(8)
        self.project = nn.Conv2d(8, 4, 1)

    def forward(self, x):
        return self.project(self.se(self.depthwise(self.expand(x)))).flatten(1).sum(1)


class DenseNet(nn.Module):
    def __init__(self, growth=3, depth=3):
        super().__init__()
        self.convs = nn.ModuleList()
        channels = 2
        for _ in range(depth):
            self.convs.append(
                nn.Sequential(nn.GroupNorm(1, channels), nn.GELU(), nn.Conv2d(channels, growth, 3, padding=1))
            )
            channels += growth
        self.head = nn.Linear(channels, 3)

    def forward(self, x):
        features = [x]
        for conv in self.convs:
            features.append(conv(torch.cat(features, 1)))
        return self.head(torch.cat(features, 1).amax((2, 3)))


class UNet(nn.Module):
    def __init__(self):
        super().__init__()

        def block(a, b):
            return nn.Sequential(nn.Conv2d(a, b, 3, padding=1), nn.InstanceNorm2d(b, affine=True), nn.LeakyReLU(0.1))

        self.down1, self.down2 = block(1, 4), block(4, 8)
        self.pool = nn.MaxPool2d(2)
        self.up = nn.ConvTranspose2d(8, 4, 2, stride=2)
        self.merge = block(8, 4)
        self.out = nn.Conv2d(4, 2, 1)

    def forward(self, x):
        a = self.down1(x)
        b = self.up(self.down2(self.pool(a)))
        dy, dx = a.shape[2] - b.shape[2], a.shape[3] - b.shape[3]
        b = F.pad(b, [dx // 2, dx - dx // 2, dy // 2, dy - dy // 2])
        return self.out(self.merge(torch.cat([a, b], dim=1)))


class VAE(nn.Module):
    def __init__(self, d=8, z=2):
        super().__init__()
        self.fc1, self.fc21, self.fc22 = nn.Linear(d, 6), nn.Linear(6, z), nn.Linear(6, z)
        self.fc3, self.fc4 = nn.Linear(z, 6), nn.Linear(6, d)

    def forward(self, x, eps):
        h1 = F.relu(self.fc1(x))
        mu, logvar = self.fc21(h1), self.fc22(h1)
        z = mu + eps * torch.exp(0.5 * logvar)
        recon = torch.sigmoid(self.fc4(F.relu(self.fc3(z))))
        bce = F.binary_cross_entropy(recon, torch.sigmoid(x), reduction="sum")
        kld = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
        return bce + kld


class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv2d(1, 4, 4, 2, 1, bias=False), nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(4, 8, 4, 2, 1, bias=False), nn.BatchNorm2d(8), nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(8, 1, 2), nn.Sigmoid(),
        )  # fmt: skip
        self.apply(self.weights_init)

    @staticmethod
    def weights_init(m):
        name = m.__class__.__name__
        if name.find("Conv") != -1:
            nn.init.normal_(m.weight.data, 0.0, 0.02)
        elif name.find("BatchNorm") != -1:
            nn.init.normal_(m.weight.data, 1.0, 0.02)
            nn.init.constant_(m.bias.data, 0)

    def forward(self, x):
        return self.main(x).squeeze()


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.main = nn.Sequential(
            nn.ConvTranspose2d(3, 8, 4, 1, 0, bias=False), nn.BatchNorm2d(8), nn.ReLU(True),
            nn.ConvTranspose2d(8, 1, 4, 2, 1, bias=False), nn.Tanh(),
        )  # fmt: skip

    def forward(self, z):
        return self.main(z[:, :, None, None])


class Autoencoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Conv2d(1, 4, 3, 2, 1), nn.ELU(), nn.Conv2d(4, 2, 3, 2, 1), nn.SELU())
        self.decoder = nn.Sequential(
            nn.Upsample(scale_factor=2),
            nn.ReflectionPad2d(1),
            nn.Conv2d(2, 4, 3),
            nn.PReLU(4),
            nn.Conv2d(4, 4, 3, padding=1),
            nn.PixelShuffle(2),
        )

    def forward(self, x):
        return F.mse_loss(self.decoder(self.encoder(x)), x)


class CharLM(nn.Module):
    def __init__(self, vocab=11, dim=6, layers=2):
        super().__init__()
        self.encoder = nn.Embedding(vocab, dim)
        self.rnn = nn.LSTM(dim, dim, layers, batch_first=True)
        self.decoder = nn.Linear(dim, vocab, bias=False)
        self.decoder.weight = self.encoder.weight  # tied
        self.init_weights()

    def init_weights(self):
        nn.init.uniform_(self.encoder.weight, -0.1, 0.1)

    def forward(self, tokens):
        out, (h, c) = self.rnn(self.encoder(tokens))
        logits = self.decoder(out)
        return (
            F.cross_entropy(logits[:, :-1].reshape(-1, logits.size(-1)), tokens[:, 1:].reshape(-1))
            + 0.01 * (h**2).mean()
        )


class Seq2Seq(nn.Module):
    def __init__(self, vocab=9, dim=5):
        super().__init__()
        self.embed = nn.Embedding(vocab, dim, padding_idx=0)
        self.encoder = nn.GRU(dim, dim, bidirectional=True)
        self.bridge = nn.Linear(2 * dim, dim)
        self.decoder = nn.GRUCell(2 * dim, dim)
        self.attn = nn.Linear(2 * dim, dim)
        self.out = nn.Linear(dim, vocab)

    def forward(self, src, lengths, tgt):
        packed = nn.utils.rnn.pack_padded_sequence(self.embed(src), lengths, enforce_sorted=False)
        memory, hidden = self.encoder(packed)
        memory, _ = nn.utils.rnn.pad_packed_sequence(memory)
        h = torch.tanh(self.bridge(torch.cat([hidden[0], hidden[1]], dim=-1)))
        mask = (src == 0)[: memory.size(0)]
        keys = self.attn(memory)
        logits = []
        for t in range(tgt.size(0)):
            scores = (keys * h).sum(-1).masked_fill(mask, float("-inf"))
            context = torch.einsum("tb,tbd->bd", F.softmax(scores, dim=0), keys)
            h = self.decoder(torch.cat((self.embed(tgt[t]), context), 1), h)
            logits.append(self.out(h))
        return torch.stack(logits)


class PositionalEncoding(nn.Module):
    def __init__(self, d_model, max_len=20):
        super().__init__()
        position = torch.arange(max_len).unsqueeze(1)
        div_term = torch.exp(torch.arange(0, d_model, 2) * (-math.log(10000.0) / d_model))
        pe = torch.zeros(max_len, 1, d_model)
        pe[:, 0, 0::2] = torch.sin(position * div_term)
        pe[:, 0, 1::2] = torch.cos(position * div_term)
        self.register_buffer("pe", pe)

    def forward(self, x):
        return x + self.pe[: x.size(0)]


class TransformerClassifier(nn.Module):
    def __init__(self, vocab=10, d=8):
        super().__init__()
        self.embed = nn.Embedding(vocab, d)
        self.pos = PositionalEncoding(d)
        layer = nn.TransformerEncoderLayer(d, 2, 12, dropout=0.0, activation="gelu")
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(d, 3)

    def forward(self, tokens):
        x = self.pos(self.embed(tokens) * math.sqrt(8))
        x = self.encoder(x, src_key_padding_mask=(tokens == 0).t())
        return self.head(x.mean(dim=0))


class CausalSelfAttention(nn.Module):
    def __init__(self, d=8, heads=2, block=12):
        super().__init__()
        self.c_attn, self.c_proj = nn.Linear(d, 3 * d), nn.Linear(d, d)
        self.n_head, self.n_embd = heads, d
        self.register_buffer("bias", torch.tril(torch.ones(block, block)).view(1, 1, block, block), persistent=False)

    def forward(self, x, fused):
        B, T, C = x.size()
        q, k, v = self.c_attn(x).split(self.n_embd, dim=2)
        q, k, v = (t.view(B, T, self.n_head, C // self.n_head).transpose(1, 2) for t in (q, k, v))
        if fused:
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        else:
            att = (q @ k.transpose(-2, -1)) * (1.0 / math.sqrt(k.size(-1)))
            att = att.masked_fill(self.bias[:, :, :T, :T] == 0, float("-inf"))
            y = F.softmax(att, dim=-1) @ v
        return self.c_proj(y.transpose(1, 2).contiguous().view(B, T, C))


class GPT(nn.Module):
    def __init__(self, vocab=10, d=8, block=12):
        super().__init__()
        self.transformer = nn.ModuleDict(
            dict(
                wte=nn.Embedding(vocab, d),
                wpe=nn.Embedding(block, d),
                ln_f=nn.LayerNorm(d),
            )
        )
        self.attn = nn.ModuleList([CausalSelfAttention(d, 2, block) for _ in range(2)])
        self.ln = nn.ModuleList([nn.LayerNorm(d) for _ in range(2)])
        self.mlp = nn.Sequential(nn.Linear(d, 4 * d), nn.GELU(approximate="tanh"), nn.Linear(4 * d, d))
        self.lm_head = nn.Linear(d, vocab, bias=False)

    def forward(self, idx):
        pos = torch.arange(0, idx.size(1), dtype=torch.long)
        x = self.transformer.wte(idx) + self.transformer.wpe(pos)
        for i, (attn, ln) in enumerate(zip(self.attn, self.ln)):
            x = x + attn(ln(x), fused=i == 0)
        logits = self.lm_head(self.transformer.ln_f(x + self.mlp(x)))
        return F.cross_entropy(logits.view(-1, logits.size(-1)), idx.roll(-1, 1).view(-1), ignore_index=3)


class ViT(nn.Module):
    def __init__(self, d=8, patch=4, classes=3):
        super().__init__()
        self.to_patches = nn.Conv2d(3, d, patch, stride=patch)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, d))
        self.pos_embedding = nn.Parameter(torch.randn(1, 5, d) * 0.02)
        self.attn = nn.MultiheadAttention(d, 2, batch_first=True)
        self.norm = nn.LayerNorm(d)
        self.head = nn.Linear(d, classes)

    def forward(self, img):
        x = self.to_patches(img).flatten(2).transpose(1, 2)
        x = torch.cat((self.cls_token.expand(img.shape[0], -1, -1), x), dim=1) + self.pos_embedding
        y, weights = self.attn(self.norm(x), self.norm(x), self.norm(x))
        return self.head((x + y)[:, 0]), weights


class Mixer(nn.Module):
    def __init__(self, tokens=6, channels=4):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(channels), nn.RMSNorm(channels)
        self.token_mlp = nn.Sequential(nn.Linear(tokens, 8), nn.SiLU(), nn.Linear(8, tokens))
        self.channel_mlp = nn.Sequential(nn.Linear(channels, 8), nn.Mish(), nn.Linear(8, channels))

    def forward(self, x):
        x = x + self.token_mlp(self.norm1(x).permute(0, 2, 1)).permute(0, 2, 1)
        return x + self.channel_mlp(self.norm2(x))


class TCN(nn.Module):
    def __init__(self):
        super().__init__()
        self.convs = nn.ModuleList(
            nn.utils.parametrizations.weight_norm(nn.Conv1d(3, 3, 2, padding=2**i, dilation=2**i)) for i in range(3)
        )

    def forward(self, x):
        for i, conv in enumerate(self.convs):
            x = torch.relu(conv(x)[:, :, : -(2**i)]) + x
        return x


class Highway(nn.Module):
    def __init__(self, size=5, depth=2):
        super().__init__()
        self.nonlinear = nn.ModuleList([nn.Linear(size, size) for _ in range(depth)])
        self.gate = nn.ModuleList([nn.Linear(size, size) for _ in range(depth)])
        for g in self.gate:
            g.bias.data.fill_(-1.0)

    def forward(self, x):
        for layer, gate in zip(self.nonlinear, self.gate):
            t = torch.sigmoid(gate(x))
            x = t * F.relu(layer(x)) + (1 - t) * x
        return x


class WideAndDeep(nn.Module):
    def __init__(self):
        super().__init__()
        self.wide = nn.EmbeddingBag(20, 1, mode="sum")
        self.embeddings = nn.ModuleList([nn.Embedding(5, 3), nn.Embedding(4, 2)])
        self.deep = nn.Sequential(nn.Linear(5, 4), nn.BatchNorm1d(4), nn.Softplus(), nn.Linear(4, 1))

    def forward(self, bag, categories, target):
        parts = [emb(categories[:, i]) for i, emb in enumerate(self.embeddings)]
        logit = (self.wide(bag) + self.deep(torch.cat(parts, -1))).squeeze(-1)
        return nn.BCEWithLogitsLoss()(logit, target)


class Siamese(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 3))
        self.loss = nn.TripletMarginLoss(margin=1.0)

    def forward(self, a, p, n):
        a, p, n = (F.normalize(self.net(t), dim=1) for t in (a, p, n))
        return self.loss(a, p, n) + (1 - F.cosine_similarity(a, p)).mean()


class Polynomial(nn.Module):
    def __init__(self, degree=3):
        super().__init__()
        self.coefficients = nn.ParameterList([nn.Parameter(torch.randn(())) for _ in range(degree + 1)])
        self.scales = nn.ParameterDict({"x": torch.ones(1), "y": torch.ones(1)})

    def forward(self, x):
        return self.scales["y"] * sum(c * (self.scales["x"] * x) ** i for i, c in enumerate(self.coefficients))


class VideoNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv3d(2, 4, (2, 3, 3), padding=(0, 1, 1))
        self.bn = nn.BatchNorm3d(4)
        self.pool = nn.MaxPool3d((1, 2, 2))
        self.rnn = nn.RNN(4, 3, nonlinearity="relu")

    def forward(self, x):
        x = self.pool(F.relu(self.bn(self.conv(x)))).mean((3, 4)).permute(2, 0, 1)
        return self.rnn(x)[1][-1]


class PolicyValue(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Linear(4, 6)
        self.heads = nn.ModuleDict({"policy": nn.Linear(6, 3), "value": nn.Linear(6, 1)})
        self.log_std = nn.Parameter(torch.zeros(3))

    def forward(self, obs, actions, returns):
        h = torch.tanh(self.body(obs))
        mean, value = self.heads["policy"](h), self.heads["value"](h).squeeze(-1)
        std = self.log_std.exp()
        log_prob = (-((actions - mean) ** 2) / (2 * std**2) - self.log_std - 0.5 * math.log(2 * math.pi)).sum(-1)
        advantage = (returns - value).detach()
        ratio = torch.exp(log_prob - log_prob.detach())
        clipped = torch.min(ratio * advantage, torch.clamp(ratio, 0.8, 1.2) * advantage)
        return -clipped.mean() + F.smooth_l1_loss(value, returns) - 0.01 * self.log_std.sum()


class GraphConv(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(4, 3))
        self.bias = nn.Parameter(torch.empty(3))
        self.reset_parameters()

    def reset_parameters(self):
        stdv = 1.0 / math.sqrt(self.weight.size(1))
        self.weight.data.uniform_(-stdv, stdv)
        self.bias.data.uniform_(-stdv, stdv)

    def forward(self, x, edges):
        support = torch.mm(x, self.weight)
        out = torch.zeros_like(support)
        out = out.index_add(0, edges[1], support[edges[0]])
        degree = torch.bincount(edges[1], minlength=x.shape[0]).clamp(min=1).unsqueeze(1)
        return F.log_softmax(out / degree + self.bias, dim=1)


rng = np.random.default_rng(0)


def normal(*shape):
    return rng.standard_normal(shape)


def ints(high, *shape, low=0):
    return rng.integers(low, high, shape)


_padded = ints(9, 5, 3, low=1)
_padded[3:, 0] = 0
_padded[4:, 2] = 0

# the model and its inputs
MODELS = {
    "LeNet5": (LeNet5, [normal(2, 1, 28, 28)]),
    "MLP": (MLP, [normal(5, 6)]),
    "ResNet": (ResNet, [normal(2, 3, 12, 12)]),
    "VGG": (VGG, [normal(2, 3, 12, 10)]),
    "Inception": (Inception, [normal(2, 4, 5, 6)]),
    "MobileNet": (MobileNet, [normal(2, 3, 7, 7)]),
    "DenseNet": (DenseNet, [normal(2, 2, 5, 5)]),
    "UNet": (UNet, [normal(2, 1, 7, 9)]),
    "VAE": (VAE, [normal(4, 8), normal(4, 2)]),
    "Discriminator": (Discriminator, [normal(3, 1, 8, 8)]),
    "Generator": (Generator, [normal(3, 3)]),
    "Autoencoder": (Autoencoder, [normal(2, 1, 8, 12)]),
    "CharLM": (CharLM, [ints(11, 3, 7)]),
    "Seq2Seq": (Seq2Seq, [_padded, [3, 5, 4], ints(9, 4, 3)]),
    "TransformerClassifier": (TransformerClassifier, [_padded]),
    "GPT": (GPT, [ints(10, 2, 7)]),
    "ViT": (ViT, [normal(2, 3, 8, 8)]),
    "Mixer": (Mixer, [normal(2, 6, 4)]),
    "TCN": (TCN, [normal(2, 3, 9)]),
    "Highway": (Highway, [normal(3, 5)]),
    "WideAndDeep": (WideAndDeep, [ints(20, 6, 3), np.stack([ints(5, 6), ints(4, 6)], 1), ints(2, 6).astype(float)]),
    "Siamese": (Siamese, [normal(4, 6), normal(4, 6), normal(4, 6)]),
    "Polynomial": (Polynomial, [normal(7)]),
    "VideoNet": (VideoNet, [normal(2, 2, 3, 6, 4)]),
    "PolicyValue": (PolicyValue, [normal(5, 4), normal(5, 3), normal(5)]),
    "GraphConv": (GraphConv, [normal(5, 4), np.array([[0, 1, 2, 3, 0, 4], [1, 2, 3, 0, 2, 2]])]),
}


def train(model, inputs, optimizer, steps=3):
    """The losses of a few steps, as everyone's training loop has them."""
    model.train()
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        out = model(*inputs)
        out = out[0] if isinstance(out, tuple) else out
        loss = (out**2).mean() if out.dim() else out
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
    return losses


def optimizers(model):
    """One of each kind that the first models need."""
    return {
        "sgd": lambda: optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-3),
        "adam": lambda: optim.Adam(model.parameters(), lr=1e-2),
    }
