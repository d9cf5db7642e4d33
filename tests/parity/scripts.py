"""Training scripts in the manner of public tutorials. The tests run this very text with torch and with this library."""

# ruff: noqa: I001, E501, B905, B007, F841, UP008, UP031, UP032

import copy
import math
import os
import tempfile

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence
from torch.utils.data import (
    BatchSampler,
    ConcatDataset,
    DataLoader,
    Dataset,
    SequentialSampler,
    Subset,
    TensorDataset,
    WeightedRandomSampler,
    random_split,
)

SCRIPTS = {}


def script(function):
    SCRIPTS[function.__name__] = function
    return function


def array(*shape, seed=0):
    return np.random.default_rng(seed + sum(shape)).standard_normal(shape).astype(np.float32)


def fill(model, seed=0):
    """The same weights in both libraries, whose generators differ."""
    rng = np.random.default_rng(seed)
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(torch.tensor(0.3 * rng.standard_normal(tuple(p.shape))))
    return model


@script
def mnist_cnn():
    class Net(nn.Module):
        def __init__(self):
            super(Net, self).__init__()
            self.conv1 = nn.Conv2d(1, 4, 3, 1)
            self.conv2 = nn.Conv2d(4, 6, 3, 1)
            self.dropout1 = nn.Dropout(0.0)
            self.fc1 = nn.Linear(150, 16)
            self.fc2 = nn.Linear(16, 10)

        def forward(self, x):
            x = self.conv1(x)
            x = F.relu(x)
            x = self.conv2(x)
            x = F.relu(x)
            x = F.max_pool2d(x, 2)
            x = self.dropout1(x)
            x = torch.flatten(x, 1)
            x = self.fc1(x)
            x = F.relu(x)
            x = self.fc2(x)
            output = F.log_softmax(x, dim=1)
            return output

    class Digits(Dataset):
        def __init__(self, n, transform=None):
            self.images = array(n, 1, 14, 14)
            self.labels = np.arange(n) % 10
            self.transform = transform

        def __len__(self):
            return len(self.labels)

        def __getitem__(self, idx):
            if torch.is_tensor(idx):
                idx = idx.tolist()
            image, label = self.images[idx], self.labels[idx]
            if self.transform:
                image = self.transform(image)
            return image, label

    torch.manual_seed(1)
    use_cuda = torch.cuda.is_available()
    device = torch.device("cuda" if use_cuda else "cpu")
    kwargs = {"num_workers": 0, "pin_memory": False} if not use_cuda else {}
    train_loader = DataLoader(Digits(24, lambda a: torch.from_numpy(a) / 2), batch_size=8, shuffle=False, **kwargs)
    test_loader = DataLoader(Digits(10), batch_size=4)
    model = fill(Net()).to(device)
    optimizer = optim.Adadelta(model.parameters(), lr=1.0)
    scheduler = optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.7)
    log = []
    for epoch in range(1, 3):
        model.train()
        for batch_idx, (data, target) in enumerate(train_loader):
            data, target = data.to(device), target.to(device)
            optimizer.zero_grad()
            output = model(data)
            loss = F.nll_loss(output, target)
            loss.backward()
            optimizer.step()
            log.append(
                "Train Epoch: {} [{}/{} ({:.0f}%)]".format(
                    epoch, batch_idx * len(data), len(train_loader.dataset), 100.0 * batch_idx / len(train_loader)
                )
            )
            log.append(loss.item())
        model.eval()
        test_loss, correct = 0, 0
        with torch.no_grad():
            for data, target in test_loader:
                data, target = data.to(device), target.to(device)
                output = model(data)
                test_loss += F.nll_loss(output, target, reduction="sum").item()
                pred = output.argmax(dim=1, keepdim=True)
                correct += pred.eq(target.view_as(pred)).sum().item()
        test_loss /= len(test_loader.dataset)
        log += [test_loss, correct, scheduler.get_last_lr()[0]]
        scheduler.step()
    return log


@script
def fashion_quickstart():
    class NeuralNetwork(nn.Module):
        def __init__(self):
            super().__init__()
            self.flatten = nn.Flatten()
            self.linear_relu_stack = nn.Sequential(
                nn.Linear(4 * 4, 12), nn.ReLU(), nn.Linear(12, 12), nn.ReLU(), nn.Linear(12, 5)
            )

        def forward(self, x):
            x = self.flatten(x)
            logits = self.linear_relu_stack(x)
            return logits

    data = TensorDataset(torch.tensor(array(20, 1, 4, 4)), torch.arange(20) % 5)
    loader = DataLoader(data, batch_size=6)
    for X, y in loader:
        log = [f"Shape of X [N, C, H, W]: {X.shape}", f"Shape of y: {y.shape} {y.dtype}"]
        break
    model = fill(NeuralNetwork()).to("cpu")
    log.append(str(model))
    loss_fn = nn.CrossEntropyLoss()
    optimizer = optim.SGD(model.parameters(), lr=1e-1)
    size = len(loader.dataset)
    for _ in range(2):
        model.train()
        for batch, (X, y) in enumerate(loader):
            X, y = X.to("cpu"), y.to("cpu")
            pred = model(X)
            loss = loss_fn(pred, y)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            if batch % 2 == 0:
                loss, current = loss.item(), (batch + 1) * len(X)
                log.append(f"loss: {loss:>5.3f}  [{current:>5d}/{size:>5d}]")
        model.eval()
        correct = 0
        with torch.no_grad():
            for X, y in loader:
                pred = model(X)
                correct += (pred.argmax(1) == y).type(torch.float).sum().item()
        log.append(f"Accuracy: {(100 * correct / size):>0.1f}%")
    for name, param in model.named_parameters():
        log.append(f"Layer: {name} | Size: {param.size()}")
        log.append(param[:2])
    with torch.no_grad():
        log.append(int(model(data[0][0].unsqueeze(0))[0].argmax(0)))
    return log


@script
def cifar_classifier():
    net = fill(nn.Sequential(nn.Conv2d(3, 4, 5), nn.ReLU(), nn.MaxPool2d(2, 2), nn.Flatten(), nn.Linear(36, 4)))
    criterion = nn.CrossEntropyLoss()
    optimizer = optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
    inputs, labels = torch.from_numpy(array(6, 3, 10, 10)), torch.tensor([0, 1, 2, 3, 0, 1])
    classes = ("plane", "car", "bird", "cat")
    log, running_loss = [], 0.0
    for _ in range(4):
        optimizer.zero_grad()
        outputs = net(inputs)
        loss = criterion(outputs, labels)
        loss.backward()
        optimizer.step()
        running_loss += loss.item()
    _, predicted = torch.max(outputs, 1)
    log += [running_loss, " ".join(f"{classes[predicted[j]]:5s}" for j in range(4))]
    correct_pred = {classname: 0 for classname in classes}
    for label, prediction in zip(labels, predicted):
        if label == prediction:
            correct_pred[classes[label]] += 1
    log += [
        str(correct_pred),
        (predicted == labels).sum().item(),
        net(inputs).max(1)[1],
        outputs.data.max(1, keepdim=True)[1],
    ]
    return log


@script
def autoencoder():
    class AE(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder = nn.Sequential(nn.Linear(16, 8), nn.ReLU(True), nn.Linear(8, 2))
            self.decoder = nn.Sequential(nn.Linear(2, 8), nn.ReLU(True), nn.Linear(8, 16), nn.Sigmoid())

        def forward(self, x):
            return self.decoder(self.encoder(x))

    model = fill(AE())
    optimizer = optim.Adam(model.parameters(), lr=1e-2, weight_decay=1e-5)
    img = torch.from_numpy(array(10, 1, 4, 4)).sigmoid()
    log = []
    for epoch in range(4):
        x = img.view(img.size(0), -1)
        x = x.requires_grad_(False)
        output = model(x)
        loss = nn.MSELoss()(output, x)
        optimizer.zero_grad(set_to_none=False)
        loss.backward()
        optimizer.step()
        log.append(loss.data)
    pic = output.cpu().data.clamp(0, 1).view(-1, 1, 4, 4)
    log += [pic, pic.numpy().shape, output.detach().cpu().numpy().mean()]
    return log


@script
def vae():
    class VAE(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc1, self.fc21, self.fc22 = nn.Linear(12, 8), nn.Linear(8, 3), nn.Linear(8, 3)
            self.fc3, self.fc4 = nn.Linear(3, 8), nn.Linear(8, 12)

        def encode(self, x):
            h1 = F.relu(self.fc1(x))
            return self.fc21(h1), self.fc22(h1)

        def reparameterize(self, mu, logvar):
            std = torch.exp(0.5 * logvar)
            eps = torch.randn_like(std) * 0 + 0.5
            return mu + eps * std

        def decode(self, z):
            return torch.sigmoid(self.fc4(F.relu(self.fc3(z))))

        def forward(self, x):
            mu, logvar = self.encode(x.view(-1, 12))
            z = self.reparameterize(mu, logvar)
            return self.decode(z), mu, logvar

    model = fill(VAE())
    optimizer = optim.Adam(model.parameters(), lr=1e-3)
    x = torch.rand(5, 3, 4)
    x.copy_(torch.from_numpy(array(5, 3, 4))).sigmoid_()
    log = []
    for _ in range(4):
        recon, mu, logvar = model(x)
        BCE = F.binary_cross_entropy(recon, x.view(-1, 12), reduction="sum")
        KLD = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
        loss = BCE + KLD
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        log.append(loss.item() / len(x))
    with torch.no_grad():
        sample = model.decode(torch.zeros(2, 3)).cpu()
        log += [sample.view(2, 1, 3, 4), torch.cat([x[:2], recon.view(5, 3, 4)[:2]])]
    return log


@script
def gan():
    D = fill(nn.Sequential(nn.Linear(6, 8), nn.LeakyReLU(0.2, inplace=True), nn.Linear(8, 1), nn.Sigmoid()), 1)
    G = fill(
        nn.Sequential(
            nn.Linear(3, 8), nn.BatchNorm1d(8, 0.8), nn.LeakyReLU(0.2, inplace=True), nn.Linear(8, 6), nn.Tanh()
        ),
        2,
    )
    criterion = nn.BCELoss()
    optimizerD = optim.Adam(D.parameters(), lr=2e-3, betas=(0.5, 0.999))
    optimizerG = optim.Adam(G.parameters(), lr=2e-3, betas=(0.5, 0.999))
    real_label, fake_label = 1.0, 0.0
    log = []
    for i in range(4):
        real = torch.tensor(array(5, 6, seed=i))
        noise = torch.as_tensor(array(5, 3, seed=i))
        D.zero_grad()
        label = torch.full((5,), real_label, dtype=torch.float, device="cpu")
        output = D(real).view(-1)
        errD_real = criterion(output, label)
        errD_real.backward()
        D_x = output.mean().item()
        fake = G(noise)
        label.fill_(fake_label)
        output = D(fake.detach()).view(-1)
        errD_fake = criterion(output, label)
        errD_fake.backward()
        errD = errD_real + errD_fake
        optimizerD.step()
        G.zero_grad()
        label.fill_(real_label)
        output = D(fake).view(-1)
        errG = criterion(output, label)
        errG.backward()
        optimizerG.step()
        log += [D_x, errD.item(), errG.item()]
    return log


@script
def wgan_gp():
    critic = fill(nn.Sequential(nn.Conv2d(1, 3, 3), nn.LeakyReLU(0.2), nn.Flatten(), nn.Linear(12, 1)))
    optimizer = optim.RMSprop(critic.parameters(), lr=5e-3)
    log = []
    for step in range(3):
        real, fake = torch.tensor(array(4, 1, 4, 4, seed=step)), torch.tensor(array(4, 1, 4, 4, seed=step + 5))
        alpha = torch.linspace(0, 1, 4).reshape(4, 1, 1, 1)
        interpolates = (alpha * real + (1 - alpha) * fake).requires_grad_(True)
        d = critic(interpolates)
        gradients = torch.autograd.grad(
            outputs=d,
            inputs=interpolates,
            grad_outputs=torch.ones(d.size()),
            create_graph=True,
            retain_graph=True,
            only_inputs=True,
        )[0]
        gradients = gradients.view(gradients.size(0), -1)
        penalty = ((gradients.norm(2, dim=1) - 1) ** 2).mean()
        loss = -critic(real).mean() + critic(fake).mean() + 10 * penalty
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        for p in critic.parameters():
            p.data.clamp_(-0.5, 0.5)
        log += [penalty.item(), loss.item()]
    return log


@script
def char_lstm():
    text = "hello world, hello tape"
    chars = sorted(set(text))
    stoi = {ch: i for i, ch in enumerate(chars)}
    data = torch.tensor([stoi[c] for c in text], dtype=torch.long)

    class CharRNN(nn.Module):
        def __init__(self, vocab, hidden=8, layers=2):
            super().__init__()
            self.hidden_size, self.num_layers = hidden, layers
            self.embedding = nn.Embedding(vocab, hidden)
            self.lstm = nn.LSTM(hidden, hidden, layers, batch_first=True, dropout=0.0)
            self.fc = nn.Linear(hidden, vocab)

        def forward(self, x, hidden):
            out, hidden = self.lstm(self.embedding(x), hidden)
            return self.fc(out.contiguous().view(-1, self.hidden_size)), hidden

        def init_hidden(self, batch):
            weight = next(self.parameters()).data
            return (
                weight.new_empty(self.num_layers, batch, self.hidden_size).zero_(),
                weight.new_zeros(self.num_layers, batch, self.hidden_size),
            )

    model = fill(CharRNN(len(chars)))
    optimizer = optim.Adam(model.parameters(), lr=0.02)
    log = []
    h = model.init_hidden(2)
    for i in range(0, 16, 5):
        h = tuple([each.data for each in h])
        x = torch.stack([data[i : i + 4], data[i + 1 : i + 5]])
        y = torch.stack([data[i + 1 : i + 5], data[i + 2 : i + 6]])
        model.zero_grad()
        output, h = model(x, h)
        loss = nn.CrossEntropyLoss()(output, y.view(2 * 4).long())
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 0.25)
        optimizer.step()
        log.append(loss.item())
    model.eval()
    with torch.no_grad():
        hidden, idx, generated = model.init_hidden(1), torch.tensor([[0]]), ""
        for _ in range(6):
            out, hidden = model(idx, hidden)
            p = F.softmax(out[-1] / 0.8, dim=0).data
            p, top = p.topk(3)
            idx = top[p.argmax()].view(1, 1)
            generated += chars[idx.item()]
    return log + [generated, math.exp(loss)]


@script
def names_rnn_by_hand():
    class RNN(nn.Module):
        def __init__(self, input_size, hidden_size, output_size):
            super().__init__()
            self.hidden_size = hidden_size
            self.i2h = nn.Linear(input_size + hidden_size, hidden_size)
            self.h2o = nn.Linear(hidden_size, output_size)
            self.softmax = nn.LogSoftmax(dim=1)

        def forward(self, input, hidden):
            combined = torch.cat((input, hidden), 1)
            hidden = torch.tanh(self.i2h(combined))
            return self.softmax(self.h2o(hidden)), hidden

        def initHidden(self):
            return torch.zeros(1, self.hidden_size)

    def lineToTensor(line):
        tensor = torch.zeros(len(line), 1, 5)
        for li, letter in enumerate(line):
            tensor[li][0]["abcde".find(letter)] = 1
        return tensor

    rnn, criterion, learning_rate, log = fill(RNN(5, 6, 3)), nn.NLLLoss(), 0.05, []
    for category, line in [(0, "abc"), (2, "ed"), (1, "cab")]:
        category_tensor, line_tensor = torch.tensor([category], dtype=torch.long), lineToTensor(line)
        hidden = rnn.initHidden()
        rnn.zero_grad()
        for i in range(line_tensor.size()[0]):
            output, hidden = rnn(line_tensor[i], hidden)
        loss = criterion(output, category_tensor)
        loss.backward()
        for p in rnn.parameters():
            p.data.add_(p.grad.data, alpha=-learning_rate)
        top_n, top_i = output.topk(1)
        log += [line_tensor, output, loss.item(), top_i[0].item()]
    return log


@script
def manual_polynomial():
    dtype, device = torch.float, torch.device("cpu")
    x = torch.linspace(-math.pi, math.pi, 200, device=device, dtype=dtype)
    y = torch.sin(x)
    a = torch.full((), 0.1, device=device, dtype=dtype, requires_grad=True)
    b = torch.full((), -0.2, requires_grad=True)
    c = torch.tensor(0.3, requires_grad=True)
    d = torch.zeros((), requires_grad=True)
    log = []
    for t in range(5):
        y_pred = a + b * x + c * x**2 + d * x**3
        loss = (y_pred - y).pow(2).sum()
        log.append(loss.item())
        loss.backward()
        with torch.no_grad():
            a -= 1e-6 * a.grad
            b -= 1e-6 * b.grad
            c -= 1e-6 * c.grad
            d -= 1e-6 * d.grad
            a.grad = None
            b.grad = None
            c.grad.zero_()
            d.grad = None
    log.append(f"Result: y = {a.item():.3f} + {b.item():.3f} x + {c.item():.3f} x^2 + {d.item():.3f} x^3")
    p = torch.tensor([1, 2, 3])
    xx = x.unsqueeze(-1).pow(p)
    model = fill(nn.Sequential(nn.Linear(3, 1), nn.Flatten(0, 1)))
    for t in range(3):
        loss = nn.MSELoss(reduction="sum")(model(xx), y)
        model.zero_grad()
        loss.backward()
        with torch.no_grad():
            for param in model.parameters():
                param -= 1e-6 * param.grad
        log.append(loss.item())
    linear_layer = model[0]
    return log + [linear_layer.bias.item(), linear_layer.weight[:, 0].item()]


@script
def legendre_function():
    class LegendrePolynomial3(torch.autograd.Function):
        @staticmethod
        def forward(ctx, input):
            ctx.save_for_backward(input)
            return 0.5 * (5 * input**3 - 3 * input)

        @staticmethod
        def backward(ctx, grad_output):
            (input,) = ctx.saved_tensors
            return grad_output * 1.5 * (5 * input**2 - 1)

    class MyReLU(torch.autograd.Function):
        @staticmethod
        def forward(ctx, input, slope):
            ctx.save_for_backward(input)
            ctx.slope = slope
            return input.clamp(min=0)

        @staticmethod
        def backward(ctx, grad_output):
            (input,) = ctx.saved_tensors
            grad_input = grad_output.clone()
            grad_input[input < 0] *= ctx.slope
            return grad_input, None

    x = torch.tensor(array(7), requires_grad=True)
    loss = (LegendrePolynomial3.apply(x) + MyReLU.apply(x, 0.1)).sum()
    loss.backward()
    return [loss, x.grad]


@script
def language_model_transformer():
    class Model(nn.Module):
        def __init__(self, ntoken, d_model, nhead, d_hid, nlayers):
            super().__init__()
            pe = torch.zeros(16, d_model)
            position = torch.arange(0, 16, dtype=torch.float).unsqueeze(1)
            div_term = torch.exp(torch.arange(0, d_model, 2).float() * (-math.log(10000.0) / d_model))
            pe[:, 0::2] = torch.sin(position * div_term)
            pe[:, 1::2] = torch.cos(position * div_term)
            pe = pe.unsqueeze(0).transpose(0, 1)
            self.register_buffer("pe", pe)
            self.transformer_encoder = nn.TransformerEncoder(
                nn.TransformerEncoderLayer(d_model, nhead, d_hid, 0.0), nlayers
            )
            self.embedding = nn.Embedding(ntoken, d_model)
            self.d_model = d_model
            self.linear = nn.Linear(d_model, ntoken)
            self.init_weights()

        def init_weights(self):
            initrange = 0.1
            self.embedding.weight.data.uniform_(-initrange, initrange)
            self.linear.bias.data.zero_()
            self.linear.weight.data.uniform_(-initrange, initrange)

        def forward(self, src, src_mask=None):
            src = self.embedding(src) * math.sqrt(self.d_model)
            src = src + self.pe[: src.size(0), :]
            if src_mask is None:
                src_mask = nn.Transformer.generate_square_subsequent_mask(len(src))
            return self.linear(self.transformer_encoder(src, src_mask))

    model = fill(Model(11, 8, 2, 12, 2))
    data = torch.arange(40) % 11
    data = data[: 4 * 10].view(4, 10).t().contiguous()
    criterion = nn.CrossEntropyLoss()
    lr = 0.5
    optimizer = optim.SGD(model.parameters(), lr=lr)
    scheduler = optim.lr_scheduler.StepLR(optimizer, 1.0, gamma=0.95)
    log, total_loss = [], 0.0
    for i in range(0, data.size(0) - 1, 3):
        seq_len = min(3, len(data) - 1 - i)
        src, target = data[i : i + seq_len], data[i + 1 : i + 1 + seq_len].reshape(-1)
        output = model(src)
        loss = criterion(output.view(-1, 11), target)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        optimizer.step()
        total_loss += loss.item()
        scheduler.step()
        log += [total_loss, f"{scheduler.get_last_lr()[0]:02.4f}"]
    return log


@script
def einsum_attention():
    class Attention(nn.Module):
        def __init__(self, dim, heads=2):
            super().__init__()
            self.heads, self.scale = heads, (dim // heads) ** -0.5
            self.to_qkv = nn.Linear(dim, dim * 3, bias=False)
            self.to_out = nn.Sequential(nn.Linear(dim, dim), nn.Dropout(0.0))

        def forward(self, x, mask=None):
            b, n, _ = x.shape
            q, k, v = map(
                lambda t: t.reshape(b, n, self.heads, -1).permute(0, 2, 1, 3), self.to_qkv(x).chunk(3, dim=-1)
            )
            dots = torch.einsum("bhid,bhjd->bhij", q, k) * self.scale
            if mask is not None:
                dots.masked_fill_(~mask[:, None, None, :], -torch.finfo(dots.dtype).max)
            causal = torch.triu(torch.ones(n, n), diagonal=1).bool()
            dots = dots.masked_fill(causal, float("-inf"))
            attn = dots.softmax(dim=-1)
            out = torch.einsum("bhij,bhjd->bhid", attn, v)
            return self.to_out(out.transpose(1, 2).flatten(2)), attn

    attn = fill(Attention(8))
    x = torch.tensor(array(2, 5, 8), requires_grad=True)
    lengths = torch.tensor([5, 3])
    mask = torch.arange(5)[None, :] < lengths[:, None]
    out, weights = attn(x, mask)
    out.masked_select(mask.unsqueeze(-1)).square().sum().backward()
    return [out, weights, x.grad, mask]


@script
def buffers_and_state():
    class RunningMean(nn.Module):
        def __init__(self, features):
            super().__init__()
            self.register_buffer("mean", torch.zeros(features))
            self.register_buffer("count", torch.tensor(0, dtype=torch.long))
            self.register_buffer("scratch", None, persistent=False)
            self.register_parameter("bias", None)
            self.weight = nn.Parameter(torch.ones(features))

        def forward(self, x):
            if self.training:
                self.count += 1
                self.mean = self.mean + (x.detach().mean(0) - self.mean) / self.count
            return (x - self.mean) * self.weight

    m = RunningMean(3)
    log = [str(list(m.state_dict().keys())), repr(m)]
    for i in range(3):
        m(torch.tensor(array(4, 3, seed=i)))
    log += [m.mean, m.count, m.count.dtype]
    other = RunningMean(3)
    log.append(str(other.load_state_dict(copy.deepcopy(m.state_dict()))))
    other.eval()
    log.append(other(torch.ones(2, 3)))
    try:
        other.load_state_dict({"mean": torch.zeros(3)})
    except RuntimeError as e:
        log.append(all(word in str(e) for word in ("Missing key", "weight", "count")))
    log.append(str(other.load_state_dict({"weight": torch.ones(3), "extra": torch.ones(1)}, strict=False)))
    return log


@script
def transfer_learning_freeze():
    backbone = fill(
        nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    )
    for param in backbone.parameters():
        param.requires_grad = False
    model = nn.Sequential(backbone, fill(nn.Linear(4, 2)))
    log = [sum(p.numel() for p in model.parameters() if p.requires_grad), sum(p.numel() for p in model.parameters())]
    optimizer = optim.SGD(filter(lambda p: p.requires_grad, model.parameters()), lr=0.1, momentum=0.9, nesterov=True)
    scheduler = optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=5, eta_min=1e-3)
    x, y = torch.tensor(array(6, 1, 5, 5)), torch.tensor([0, 1] * 3)
    best_acc, best_model_wts = 0.0, copy.deepcopy(model.state_dict())
    for epoch in range(4):
        for phase in ["train", "val"]:
            model.train() if phase == "train" else model.eval()
            optimizer.zero_grad()
            with torch.set_grad_enabled(phase == "train"):
                outputs = model(x)
                _, preds = torch.max(outputs, 1)
                loss = F.cross_entropy(outputs, y, label_smoothing=0.1)
                if phase == "train":
                    loss.backward()
                    optimizer.step()
            epoch_acc = torch.sum(preds == y.data).double() / len(x)
            log += [loss.item() * x.size(0), f"{phase} Acc: {epoch_acc:.4f}"]
            if phase == "val" and epoch_acc > best_acc:
                best_acc, best_model_wts = epoch_acc, copy.deepcopy(model.state_dict())
        scheduler.step()
    model.load_state_dict(best_model_wts)
    log += [model(x), backbone[0].weight.grad is None, optimizer.param_groups[0]["lr"]]
    return log


@script
def accumulation_clip_ema():
    model = fill(nn.Sequential(nn.Linear(5, 7), nn.GELU(), nn.Linear(7, 1)))
    ema = copy.deepcopy(model)
    for p in ema.parameters():
        p.requires_grad_(False)
    decay, rest = [], []
    for name, p in model.named_parameters():
        (rest if name.endswith("bias") or p.ndim < 2 else decay).append(p)
    optimizer = optim.AdamW([{"params": decay, "weight_decay": 0.1}, {"params": rest, "weight_decay": 0.0}], lr=1e-2)
    warmup = optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, (step + 1) / 3))
    log = []
    for step in range(8):
        x, y = torch.tensor(array(4, 5, seed=step)), torch.tensor(array(4, 1, seed=step))
        loss = F.smooth_l1_loss(model(x), y) / 2
        loss.backward()
        if (step + 1) % 2 == 0:
            norm = nn.utils.clip_grad_norm_(model.parameters(), max_norm=0.1)
            nn.utils.clip_grad_value_(model.parameters(), 0.05)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            warmup.step()
            with torch.no_grad():
                for e, p in zip(ema.parameters(), model.parameters()):
                    e.mul_(0.9).add_(p, alpha=0.1)
                for e, p in zip(ema.parameters(), model.parameters()):
                    e.lerp_(p.data, 0.01)
            log += [norm, loss.item(), *warmup.get_last_lr()]
    total = torch.norm(torch.stack([torch.norm(p.detach(), 2) for p in model.parameters()]), 2)
    return log + [ema(torch.ones(1, 5)), total]


@script
def hooks():
    activation, grads = {}, []

    def get_activation(name):
        def hook(model, input, output):
            activation[name] = output.detach()

        return hook

    model = fill(nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2)))
    handle = model[0].register_forward_hook(get_activation("fc1"))
    model[2].register_forward_pre_hook(lambda module, args: (args[0] * 2,))
    model[2].register_full_backward_hook(lambda module, gin, gout: grads.append((gin[0].clone(), gout[0].clone())))
    model[0].weight.register_hook(lambda grad: grad * 0.5)
    x = torch.tensor(array(3, 4), requires_grad=True)
    y = model(x)
    y.retain_grad()
    y.pow(2).mean().backward()
    handle.remove()
    activation.clear()
    model(x)
    return [
        grads[0][0],
        grads[0][1],
        model[0].weight.grad,
        x.grad,
        y.grad,
        len(activation),
        y.grad_fn is None,
        x.is_leaf,
        y.is_leaf,
    ]


@script
def weight_tying_and_sharing():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.emb = nn.Embedding(6, 4, padding_idx=0)
            self.out = nn.Linear(4, 6, bias=False)
            self.out.weight = self.emb.weight

        def forward(self, x):
            return self.out(self.emb(x).sum(1))

    model = fill(Tied())
    x = torch.LongTensor([[1, 2, 0], [3, 3, 5]])
    loss = F.cross_entropy(model(x), torch.LongTensor([2, 4]))
    loss.backward()
    return [
        len(list(model.parameters())),
        str(list(model.state_dict())),
        loss,
        model.emb.weight.grad,
        model.out.weight is model.emb.weight,
    ]


@script
def in_place():
    x = torch.tensor(array(4, 3), requires_grad=True)
    y = x * 2
    y += 1
    y[y < 0] = 0
    y[0] = 5.0
    y[:, 1] *= 3
    y[1:3, 0] -= x[0:2, 2]
    y[[0, 2], [1, 1]] = torch.tensor([7.0, 8.0])
    y[-1, ...] /= 2
    z = F.relu_(y - 1) + x
    z = z.mul_(0.5)
    z.sub_(1).clamp_(min=-2).div_(2).neg_()
    z.masked_fill_(z > 0.9, 0.0)
    w = torch.zeros(2, 2).index_put_((torch.tensor([0, 0]), torch.tensor([1, 1])), z[0, :2], accumulate=True)
    (z.sum() + (w**2).sum()).backward()
    a = torch.zeros(3, 5)
    a.scatter_(1, torch.tensor([[0], [2], [4]]), 1)
    a.index_fill_(0, torch.tensor([1]), 9.0)
    b = torch.ones(2, 3)
    b.fill_diagonal_(4.0)
    return [y, z, w, x.grad, a, b, b.shape]


@script
def where_masks_topk():
    x = torch.tensor(array(3, 6), requires_grad=True)
    a = torch.where(x > 0, x, torch.zeros_like(x))
    b = torch.where(x > 0, x, 0.1 * x)
    c = torch.where(x > 0.5, 1.0, 0.0)
    v, i = x.topk(2, dim=1, largest=True, sorted=True)
    s, j = torch.sort(x, dim=-1, descending=True)
    k = x.kthvalue(2, dim=1)
    m = x.median(dim=1)
    cum = x.cumsum(dim=1)
    (
        a.sum() + b.mul(2).sum() + v.sum() + (s * torch.arange(6)).sum() + k.values.sum() + m.values.sum() + cum.mean()
    ).backward()
    nz = (x > 0).nonzero(as_tuple=True)
    u, counts = torch.unique(torch.tensor([3, 1, 3, 2]), return_counts=True)
    return [
        a,
        b,
        c,
        v,
        i,
        s,
        j,
        k.indices,
        m.values,
        cum,
        x.grad,
        nz[0],
        nz[1],
        (x > 0).nonzero(),
        u,
        counts,
        (x > 0).any().item(),
        (x > 9).all(),
        x.max().item(),
        x.min(0)[0],
        x.std(),
        x.var(dim=0, unbiased=False),
        torch.isnan(x).sum(),
        x.argsort(1),
        torch.allclose(x, x + 1e-9),
        torch.equal(x, x),
        x.unbind(0)[1],
    ]


@script
def one_hot_and_metrics():
    logits = torch.tensor(array(6, 4))
    target = torch.tensor([0, 1, 2, 3, 1, 1])
    one_hot = F.one_hot(target, num_classes=4).float()
    eye = torch.eye(4)[target]
    soft = -(one_hot * F.log_softmax(logits, dim=-1)).sum(dim=-1).mean()
    picked = logits.gather(1, target.view(-1, 1)).squeeze(1)
    confusion = torch.zeros(4, 4, dtype=torch.int64)
    for t, p in zip(target.view(-1), logits.argmax(1).view(-1)):
        confusion[t.long(), p.long()] += 1
    _, pred = logits.topk(3, 1, True, True)
    pred = pred.t()
    correct = pred.eq(target.view(1, -1).expand_as(pred))
    accuracy = [correct[:k].reshape(-1).float().sum(0, keepdim=True).mul_(100.0 / 6) for k in (1, 2)]
    return [
        one_hot,
        eye,
        soft,
        F.cross_entropy(logits, target),
        F.cross_entropy(logits, one_hot),
        picked,
        confusion,
        *accuracy,
        confusion.diag().float() / confusion.sum(1),
        torch.bincount(target),
        logits[range(6), target],
    ]


@script
def batchnorm_modes():
    bn = nn.BatchNorm2d(3, momentum=0.2)
    conv = fill(nn.Conv2d(2, 3, 3, padding="same", bias=False))
    model = nn.Sequential(conv, bn, nn.ReLU6())
    x = torch.tensor(array(4, 2, 5, 5))
    log = [model(x), bn.running_mean, bn.running_var, bn.num_batches_tracked]
    model.eval()
    log += [model(x), model.training, bn.training]
    model.train()
    bn.eval()
    log += [model(x).mean(), bn.num_batches_tracked.item()]
    for m in model.modules():
        if isinstance(m, nn.BatchNorm2d):
            m.reset_running_stats()
    log += [bn.running_var, str(model)]
    return log


@script
def mixed_dtypes():
    a = torch.arange(5)
    b = torch.ones(5, dtype=torch.float64)
    c = torch.tensor([1, 2, 3, 4, 5], dtype=torch.uint8)
    h = torch.tensor(array(5))
    out = [
        a + b,
        a * 1.5,
        a / 2,
        a // 2,
        a % 3,
        c + 1,
        c * h,
        h + b,
        h.double() + 1,
        h.to(torch.float64),
        h.type(torch.int64),
        (h > 0) & (a > 2),
        ~(h > 0),
        (h > 0).long().sum(),
        a.float().mean(),
        a.sum(),
        2**a,
        h.to(b),
        h.type_as(b),
        b.int(),
        torch.tensor(3) / 2,
        torch.tensor(True) + 1,
        a.bool(),
        h.round(),
        -a,
        abs(h),
        1 / b,
        5 - a,
        a @ a,
    ]
    out += [x.dtype for x in out if hasattr(x, "dtype")]
    out += [
        h.is_floating_point(),
        str(h.dtype),
        f"{h.dtype}",
        h.dtype == torch.float32,
        torch.tensor([1.0]).dtype is torch.get_default_dtype(),
    ]
    return out


@script
def printing():
    x = torch.tensor([[1.5, -2.0], [3.25, 4.0]])
    r = torch.tensor([1.0, 2.0], requires_grad=True)
    return [
        str(x),
        repr(r),
        f"{x[0, 0]:.2f} {x.mean().item():.4f}",
        f"{torch.tensor(3)}",
        str(torch.tensor([1, 2])),
        str(torch.tensor(True)),
        str(x.shape),
        str(x.size()),
        f"{x.sum()}",
        str(torch.zeros(0)),
        "{:.3f}".format(x[0, 1]),
        str(torch.arange(3) > 1),
        f"{torch.tensor(7):d}",
        str(torch.tensor([1e-8, 1.0])),
        str(torch.tensor([1e10, 1.0])),
        str(torch.tensor([float("nan"), float("inf")])),
        str(torch.ones(2, dtype=torch.float64)),
        str(nn.Parameter(torch.ones(2))),
        str(torch.zeros(2, 3, dtype=torch.int32)),
        str(torch.device("cpu")),
        str(torch.float32),
        "%.2f" % x.mean(),
        str(torch.tensor([])),
        str(torch.zeros(2, 0)),
        str(x.device),
        repr(x.shape),
        str(torch.zeros(1, 2, 2)),
        str(torch.arange(2000)),
        str(torch.linspace(0, 1, 5)),
        str(x.tolist()),
        str([t for t in torch.tensor([1.0, 2.0])]),
    ]


@script
def data_loading():
    class Pairs(Dataset):
        def __len__(self):
            return 7

        def __getitem__(self, i):
            return {"x": array(3, seed=i), "y": i, "name": f"n{i}", "w": float(i), "pair": (i, torch.tensor([i]))}

    log = []
    for batch in DataLoader(Pairs(), batch_size=3, drop_last=True):
        log += [batch["x"], batch["y"], batch["y"].dtype, str(batch["name"]), batch["w"], batch["pair"][1]]
    full = TensorDataset(torch.arange(10), torch.arange(10) * 2)
    generator = torch.Generator().manual_seed(42)
    a, b = random_split(full, [7, 3], generator=generator)
    both = ConcatDataset([a, b])
    seen = torch.cat([x for x, y in DataLoader(both, batch_size=4, shuffle=True)])
    sub = Subset(full, [1, 3])

    def collate(batch):
        xs, ys = zip(*batch)
        return torch.stack(xs), torch.stack(list(ys))

    loader = DataLoader(sub, batch_size=2, collate_fn=collate)
    x, y = next(iter(loader))
    log += [
        len(a),
        len(b),
        seen.sort()[0],
        x,
        y,
        len(loader),
        len(DataLoader(full, batch_size=3)),
        len(loader.dataset),
        str(sub[1]),
    ]
    sampler = WeightedRandomSampler(torch.tensor([0.0, 1.0, 0.0]), 4)
    log += [list(sampler), str(list(BatchSampler(SequentialSampler(range(5)), 2, False)))]
    for (x, y), t in zip(DataLoader(full, batch_size=5, num_workers=0), (1, 2)):
        log.append(x * t + y)
    return log


@script
def padded_sequences():
    seqs = [torch.tensor(array(n, 3)) for n in (4, 2, 3)]
    lengths = torch.tensor([len(s) for s in seqs])
    padded = pad_sequence(seqs, batch_first=True, padding_value=0.0)
    rnn = fill(nn.GRU(3, 4, batch_first=True, bidirectional=True))
    packed = pack_padded_sequence(padded, lengths, batch_first=True, enforce_sorted=False)
    out, h = rnn(packed)
    out, lens = pad_packed_sequence(out, batch_first=True)
    out.sum().backward()
    return [padded, out, h, lens, rnn.weight_ih_l0.grad, rnn.bias_hh_l0_reverse.grad]


@script
def bag_of_words():
    class TextClassificationModel(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.EmbeddingBag(12, 4, sparse=False)
            self.fc = nn.Linear(4, 3)
            self.init_weights()

        def init_weights(self):
            self.embedding.weight.data.uniform_(-0.5, 0.5)
            self.fc.bias.data.zero_()

        def forward(self, text, offsets):
            return self.fc(self.embedding(text, offsets))

    model = fill(TextClassificationModel())
    label, text, offsets = torch.tensor([0, 2, 1]), torch.tensor([1, 2, 3, 3, 4, 11, 0]), [0, 2, 3]
    offsets = torch.tensor([0] + offsets[:-1]).cumsum(dim=0)
    optimizer = optim.SGD(model.parameters(), lr=5.0)
    scheduler = optim.lr_scheduler.StepLR(optimizer, 1.0, gamma=0.1)
    log = []
    for _ in range(3):
        optimizer.zero_grad()
        predicted = model(text, offsets)
        loss = nn.CrossEntropyLoss()(predicted, label)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 0.1)
        optimizer.step()
        log += [loss.item(), (predicted.argmax(1) == label).sum().item()]
        scheduler.step()
    return log


@script
def reinforce():
    policy = fill(nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 2), nn.Softmax(dim=-1)))
    optimizer = optim.Adam(policy.parameters(), lr=1e-2)
    eps = np.finfo(np.float32).eps.item()
    log_probs, rewards = [], []
    for t in range(5):
        state = torch.from_numpy(array(4, seed=t)).float().unsqueeze(0)
        probs = policy(state)
        action = probs.argmax(1)
        log_probs.append(torch.log(probs.squeeze(0)[action]))
        rewards.append(1.0 + t)
    R, returns = 0, []
    for r in rewards[::-1]:
        R = r + 0.99 * R
        returns.insert(0, R)
    returns = torch.tensor(returns)
    returns = (returns - returns.mean()) / (returns.std() + eps)
    loss = torch.cat([-lp * R for lp, R in zip(log_probs, returns)]).sum()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return [loss.item(), returns, policy[0].weight]


@script
def dqn():
    policy_net, target_net = fill(nn.Linear(3, 2)), fill(nn.Linear(3, 2), 1)
    target_net.load_state_dict(policy_net.state_dict())
    target_net.eval()
    optimizer = optim.AdamW(policy_net.parameters(), lr=1e-2, amsgrad=True)
    states = torch.cat([torch.tensor(array(1, 3, seed=i)) for i in range(6)])
    next_states = [torch.tensor(array(1, 3, seed=9 + i)) if i % 3 else None for i in range(6)]
    actions, rewards = torch.tensor([[0], [1], [1], [0], [1], [0]]), torch.arange(6.0)
    mask = torch.tensor(tuple(map(lambda s: s is not None, next_states)), device="cpu", dtype=torch.bool)
    log = []
    for _ in range(3):
        values = policy_net(states).gather(1, actions)
        next_values = torch.zeros(6)
        with torch.no_grad():
            next_values[mask] = target_net(torch.cat([s for s in next_states if s is not None])).max(1).values
        expected = (next_values * 0.9) + rewards
        loss = nn.SmoothL1Loss()(values, expected.unsqueeze(1))
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_value_(policy_net.parameters(), 100)
        optimizer.step()
        target, source = target_net.state_dict(), policy_net.state_dict()
        for key in source:
            target[key] = source[key] * 0.1 + target[key] * 0.9
        target_net.load_state_dict(target)
        log += [loss.item(), target_net.weight]
    return log


@script
def style_and_input_optimisation():
    def gram_matrix(input):
        a, b, c, d = input.size()
        features = input.view(a * b, c * d)
        G = torch.mm(features, features.t())
        return G.div(a * b * c * d)

    net = fill(nn.Sequential(nn.Conv2d(1, 3, 3, padding=1), nn.ReLU(inplace=False), nn.AvgPool2d(2))).eval()
    net.requires_grad_(False)
    content, style = torch.tensor(array(1, 1, 6, 6)), torch.tensor(array(1, 1, 6, 6, seed=3))
    target = gram_matrix(net(style)).detach()
    image = content.clone()
    image.requires_grad_(True)
    optimizer = optim.LBFGS([image], lr=0.5, max_iter=4)
    log = []

    def closure():
        with torch.no_grad():
            image.clamp_(-3, 3)
        optimizer.zero_grad()
        loss = F.mse_loss(gram_matrix(net(image)), target) * 100 + F.mse_loss(net(image), net(content).detach())
        tv = (image[:, :, 1:] - image[:, :, :-1]).abs().mean()
        loss = loss + 0.01 * tv
        loss.backward()
        log.append(loss.item())
        return loss

    for _ in range(2):
        optimizer.step(closure)
    return log + [image.data]


@script
def adversarial_fgsm():
    model = fill(nn.Sequential(nn.Flatten(), nn.Linear(9, 3))).eval()
    data, target = torch.tensor(array(2, 1, 3, 3)).sigmoid(), torch.tensor([0, 2])
    data.requires_grad = True
    loss = F.nll_loss(F.log_softmax(model(data), 1), target)
    model.zero_grad()
    loss.backward()
    data_grad = data.grad.data
    perturbed = torch.clamp(data + 0.1 * data_grad.sign(), 0, 1)
    delta = torch.zeros_like(data, requires_grad=True)
    for _ in range(3):
        loss = F.cross_entropy(model(data.detach() + delta), target)
        loss.backward()
        delta.data = (delta + 0.01 * delta.grad.detach().sign()).clamp(-0.1, 0.1)
        delta.grad.zero_()
    return [perturbed, delta, model(perturbed).max(1, keepdim=True)[1]]


@script
def second_order():
    x = torch.tensor([0.3, -0.7], requires_grad=True, dtype=torch.double)

    def f(x):
        return (x.sin() * x.prod()).sum()

    (g,) = torch.autograd.grad(f(x), x, create_graph=True)
    rows = [torch.autograd.grad(g[i], x, retain_graph=True)[0] for i in range(2)]
    H = torch.autograd.functional.hessian(f, x)
    J = torch.autograd.functional.jacobian(lambda x: x.exp() * x.sum(), x)
    # MAML's inner step
    w = torch.tensor(array(3, 2), requires_grad=True)
    a = torch.tensor(array(4, 3))
    inner = ((a @ w) ** 2).mean()
    (gw,) = torch.autograd.grad(inner, w, create_graph=True)
    fast = w - 0.1 * gw
    ((a @ fast) ** 2).mean().backward()
    y = f(x)
    y.backward(create_graph=False)
    return [g, torch.stack(rows), H, J, w.grad, x.grad]


@script
def save_and_load():
    model = fill(nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 1)))
    optimizer = optim.Adam(model.parameters(), lr=1e-2)
    x = torch.tensor(array(5, 3))
    for _ in range(2):
        optimizer.zero_grad()
        model(x).pow(2).sum().backward()
        optimizer.step()
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model.pt")
        torch.save(model.state_dict(), path)
        fresh = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))
        result = fresh.load_state_dict(torch.load(path))
    fresh.eval(), model.eval()
    state = copy.deepcopy(optimizer.state_dict())
    again = optim.Adam(fresh.parameters(), lr=1.0)
    again.load_state_dict(state)
    for m, o in ((model, optimizer), (fresh, again)):
        m.train()
        o.zero_grad()
        m(x).pow(2).sum().backward()
        o.step()
    return [
        str(result),
        all(torch.equal(a, b) for a, b in zip(model.parameters(), fresh.parameters())),
        again.param_groups[0]["lr"],
        str(sorted(state)),
        model[0].weight,
    ]


@script
def checkpoint_dict():
    model = fill(nn.Linear(3, 2))
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    model(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "checkpoint.tar")
        torch.save(
            {
                "epoch": 3,
                "model_state_dict": model.state_dict(),
                "optimizer_state_dict": optimizer.state_dict(),
                "loss": 0.25,
            },
            path,
        )
        checkpoint = torch.load(path, weights_only=True)
    model.load_state_dict(checkpoint["model_state_dict"])
    optimizer.load_state_dict(checkpoint["optimizer_state_dict"])
    return [
        checkpoint["epoch"],
        checkpoint["loss"],
        model.weight,
        optimizer.state_dict()["state"][0]["momentum_buffer"],
    ]


@script
def schedulers():
    def run(make, steps=8):
        p = nn.Parameter(torch.zeros(1))
        opt = optim.SGD([p], lr=0.1, momentum=0.9)
        sched = make(opt)
        rates = []
        for i in range(steps):
            opt.step()
            sched.step(1.0) if isinstance(sched, optim.lr_scheduler.ReduceLROnPlateau) else sched.step()
            rates.append(opt.param_groups[0]["lr"])
        return rates

    s = optim.lr_scheduler
    return [
        *run(lambda o: s.StepLR(o, 3, 0.5)),
        *run(lambda o: s.MultiStepLR(o, milestones=[2, 5], gamma=0.1)),
        *run(lambda o: s.ExponentialLR(o, 0.9)),
        *run(lambda o: s.CosineAnnealingLR(o, 8)),
        *run(lambda o: s.ReduceLROnPlateau(o, "min", patience=2, factor=0.5)),
        *run(lambda o: s.OneCycleLR(o, 0.5, total_steps=10)),
        *run(lambda o: s.CyclicLR(o, 0.01, 0.1, step_size_up=3)),
        *run(lambda o: s.CosineAnnealingWarmRestarts(o, 3)),
        *run(lambda o: s.LinearLR(o, 0.1, total_iters=4)),
        *run(lambda o: s.PolynomialLR(o, 6, 2.0)),
        *run(lambda o: s.SequentialLR(o, [s.ConstantLR(o, 0.1, 2), s.ExponentialLR(o, 0.9)], [3])),
    ]


@script
def devices_and_idioms():
    device = torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
    x = torch.ones(2, 3, device=device)
    log = [
        str(device),
        device.type,
        x.is_cuda,
        x.device == device,
        x.to("cpu").shape,
        x.to(device, torch.float64).dtype,
        x.to(dtype=torch.long).dtype,
        x.cpu().numpy(),
        x.size(0),
        x.dim(),
        x.ndim,
        x.numel(),
        x.nelement(),
        x.element_size(),
        x.is_contiguous(),
        x.t().is_contiguous(),
        x.stride(),
        len(x),
        x.shape[-1],
        x.new_zeros(2).dtype,
        x.T.shape,
        x.mT.shape,
    ]
    for bad in (
        lambda: x.cuda(),
        lambda: x.to("cuda"),
        lambda: nn.Linear(2, 2).cuda(),
        lambda: torch.zeros(2, device="cuda"),
    ):
        try:
            bad()
            log.append("no error")
        except (RuntimeError, AssertionError) as e:
            log.append("error")
    a, b = x.shape
    n, *rest = x.size()
    log += [a * b, n, rest, torch.Size([2, 3]) == x.shape, x.shape == (2, 3), list(x.shape), x.shape.numel()]
    log += [
        isinstance(x, torch.Tensor),
        isinstance(nn.Parameter(x), torch.Tensor),
        torch.is_tensor(x),
        bool(torch.tensor([1])),
        float(torch.tensor(2.5)),
        int(torch.tensor(3)),
        list(range(5))[torch.tensor(2)],
        hash(x) == hash(x),
        x is x,
        2 in torch.tensor([1, 2]),
        [1, 2, 3][: torch.tensor(2)],
    ]
    torch.set_printoptions(precision=4)
    torch.cuda.manual_seed_all(0)
    torch.set_num_threads(torch.get_num_threads())
    return log


@script
def numpy_interplay():
    a = np.ones((2, 3), np.float32)
    t = torch.from_numpy(a)
    a += 1
    n = torch.ones(3).numpy()
    x = torch.tensor(array(4), requires_grad=True)
    log = [
        t,
        n,
        np.asarray(t).dtype,
        np.mean(t.numpy()),
        torch.tensor(np.float64(1.5)).dtype,
        torch.tensor(np.arange(3)).dtype,
        torch.tensor([np.float32(1.0), 2.0]).dtype,
        np.sqrt(t.numpy()),
        torch.as_tensor([1, 2.0]),
        x.detach().numpy() * 2,
        (t * np.float32(2)).dtype,
        t + torch.from_numpy(a),
        np.array([1.0, 2.0, 3.0]).tolist(),
        torch.stack([torch.tensor(v) for v in a]),
        np.argmax(t.numpy(), axis=1),
    ]
    try:
        x.numpy()
    except RuntimeError as e:
        log.append("detach" in str(e))
    fig_ax = [v.item() for v in x]
    return log + [
        fig_ax,
        torch.tensor(a.tolist()),
        torch.Tensor([1, 2]),
        torch.Tensor(2, 3).shape,
        torch.FloatTensor([1.0]),
        torch.tensor(range(3)),
        torch.tensor([[1, 2], [3, 4]]).float(),
    ]


@script
def unet_step():
    def double_conv(a, b):
        return nn.Sequential(
            nn.Conv2d(a, b, kernel_size=3, padding=1, bias=False),
            nn.BatchNorm2d(b),
            nn.ReLU(inplace=True),
            nn.Conv2d(b, b, kernel_size=3, padding=1),
            nn.ReLU(inplace=True),
        )

    class UNet(nn.Module):
        def __init__(self):
            super().__init__()
            self.inc, self.down = double_conv(1, 3), nn.Sequential(nn.MaxPool2d(2), double_conv(3, 6))
            self.up = nn.ConvTranspose2d(6, 3, kernel_size=2, stride=2)
            self.upsample = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)
            self.conv, self.outc = double_conv(6, 3), nn.Conv2d(9, 1, kernel_size=1)

        def forward(self, x):
            x1 = self.inc(x)
            x2 = self.down(x1)
            u = self.up(x2)
            u = F.pad(u, [0, x1.size()[3] - u.size()[3], 0, x1.size()[2] - u.size()[2]])
            v = F.interpolate(self.upsample(x2), size=x1.shape[2:], mode="nearest")
            return self.outc(torch.cat([self.conv(torch.cat([x1, u], dim=1)), v], dim=1))

    def dice_loss(pred, target, smooth=1.0):
        pred, target = pred.contiguous(), target.contiguous()
        intersection = (pred * target).sum(dim=2).sum(dim=2)
        return (
            1 - ((2.0 * intersection + smooth) / (pred.sum(dim=2).sum(dim=2) + target.sum(dim=2).sum(dim=2) + smooth))
        ).mean()

    model = fill(UNet())
    optimizer = optim.RMSprop(model.parameters(), lr=1e-3, weight_decay=1e-8, momentum=0.9)
    x = torch.tensor(array(2, 1, 7, 8))
    mask = (x > 0).float()
    log = []
    for _ in range(3):
        pred = model(x)
        loss = F.binary_cross_entropy_with_logits(pred, mask, pos_weight=torch.tensor([2.0])) + dice_loss(
            torch.sigmoid(pred), mask
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        log += [loss.item()]
    return log + [(pred > 0).sum().item()]


@script
def lightweight_lists():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.ModuleList()
            for i in range(3):
                self.layers.append(nn.Linear(4, 4))
            self.acts = nn.ModuleDict({"relu": nn.ReLU(), "tanh": nn.Tanh()})
            self.scale = nn.Parameter(torch.tensor(1.0))
            self.alpha = nn.ParameterList([nn.Parameter(torch.zeros(1)) for _ in range(2)])

        def forward(self, x, act="relu"):
            for i, layer in enumerate(self.layers):
                x = self.acts[act](layer(x)) + self.alpha[i % 2]
            return x * self.scale

    net = fill(Net())
    log = [
        str(net),
        [n for n, _ in net.named_parameters()],
        [n for n, _ in net.named_modules()],
        [n for n, _ in net.named_children()],
    ]
    y = net(torch.tensor(array(2, 4)), act="tanh")
    y.mean().backward()
    log += [y, net.scale.grad.clone(), net.layers[-1].weight.grad.abs().sum()]
    net.apply(lambda m: nn.init.xavier_uniform_(m.weight) if isinstance(m, nn.Linear) else None)
    net.double()
    log += [
        net.scale.dtype,
        net.layers[0].weight.dtype,
        sum(p.numel() for p in net.parameters()),
        net.layers[0].in_features,
        len(net.layers),
        isinstance(net.layers[1:], nn.ModuleList),
        net.get_parameter("layers.0.weight").shape,
        "relu" in net.acts,
        net.get_submodule("acts.tanh"),
    ]
    return [x if not isinstance(x, nn.Module) else repr(x) for x in log]


@script
def losses_by_class():
    x, y = torch.tensor(array(4, 3), requires_grad=True), torch.tensor(array(4, 3, seed=7))
    t = torch.tensor([0, 2, 1, 2])
    p = torch.tensor([1.0, -1.0, 1.0, 1.0])
    total = 0
    log = []
    for loss in (
        nn.L1Loss()(x, y),
        nn.SmoothL1Loss(beta=0.5)(x, y),
        nn.HuberLoss()(x, y),
        nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0, 0.5]))(x, t),
        nn.CrossEntropyLoss(ignore_index=2)(x, t),
        nn.NLLLoss()(F.log_softmax(x, 1), t),
        nn.KLDivLoss(reduction="batchmean")(F.log_softmax(x, 1), F.softmax(y, 1)),
        nn.BCEWithLogitsLoss()(x, (y > 0).float()),
        nn.MultiMarginLoss()(x, t),
        nn.CosineEmbeddingLoss()(x, y, p),
        nn.MarginRankingLoss(margin=0.1)(x[:, 0], y[:, 0], p),
        nn.HingeEmbeddingLoss()(x[:, 0], p),
        nn.SoftMarginLoss()(x[:, 1], p),
        nn.TripletMarginLoss()(x, y, y.flip(0)),
        nn.PoissonNLLLoss()(x, y.abs()),
        nn.GaussianNLLLoss()(x, y, torch.ones_like(y)),
        nn.MSELoss(reduction="none")(x, y).mean(),
        nn.MultiLabelSoftMarginLoss()(x, (y > 0).float()),
    ):
        log.append(loss)
        total = total + loss
    total.backward()
    return log + [x.grad]


@script
def siamese_contrastive():
    embed = fill(nn.Sequential(nn.Linear(5, 6), nn.LayerNorm(6), nn.SiLU(), nn.Linear(6, 3)))
    a, b = torch.tensor(array(4, 5)), torch.tensor(array(4, 5, seed=1))
    za, zb = F.normalize(embed(a), dim=-1), F.normalize(embed(b), p=2, dim=-1)
    logits = za @ zb.T / 0.07
    labels = torch.arange(len(logits))
    clip = (F.cross_entropy(logits, labels) + F.cross_entropy(logits.t(), labels)) / 2
    z = torch.cat([za, zb])
    sim = torch.mm(z, z.t()).masked_fill(torch.eye(8, dtype=torch.bool), -9e15)
    nt_xent = F.cross_entropy(sim, (torch.arange(8) + 4) % 8)
    dist = torch.cdist(za, zb)
    (
        clip
        + nt_xent
        + F.pairwise_distance(za, zb).mean()
        + dist.mean()
        + F.cosine_similarity(za[:, None], zb[None], dim=-1).sum()
    ).backward()
    return [clip, nt_xent, dist, [p.grad for p in embed.parameters()][0]]


@script
def functional_weights():
    w1 = torch.tensor(array(4, 3) * 0.3, requires_grad=True)
    b1 = torch.zeros(4, requires_grad=True)
    k = torch.tensor(array(2, 1, 3, 3), requires_grad=True)
    x, img = torch.tensor(array(5, 3)), torch.tensor(array(2, 1, 6, 6))
    log = []
    for _ in range(3):
        h = F.linear(x, w1, b1)
        m = F.max_pool2d(F.relu(F.conv2d(img, k, stride=1, padding=1)), 2).mean()
        loss = (
            h.log_softmax(-1)[:, 0].neg().mean()
            + m
            + F.elu(h).mean()
            + F.softplus(h).mean()
            + F.leaky_relu(h, 0.2).mean()
        )
        grads = torch.autograd.grad(loss, [w1, b1, k])
        with torch.no_grad():
            for p, g in zip([w1, b1, k], grads):
                p -= 0.1 * g
        log.append(loss.item())
    w1.grad = torch.ones_like(w1)
    optim.SGD([w1], 0.1).step()
    u = F.unfold(img, 3, padding=1)
    return log + [
        w1,
        k,
        u.shape,
        F.fold(u, (6, 6), 3, padding=1),
        F.dropout(x, 0.5, training=False),
        F.softmax(x, -1),
        torch.addmm(b1, x, w1.t()),
        torch.baddbmm(torch.zeros(1), x[None], w1.t()[None]),
        torch.outer(b1, b1),
        torch.logsumexp(x, 1),
        x.norm(),
        x.norm(dim=1, p=1),
        torch.dist(x, x * 2),
    ]


@script
def shape_gymnastics():
    x = torch.arange(24.0).reshape(2, 3, 4)
    a, b = x.split([1, 2], dim=1)
    return [
        x.view(-1),
        x.view(2, -1),
        x.permute(2, 0, 1),
        x.transpose(1, 2).contiguous().view(2, 12),
        x[:, None].shape,
        x[..., None].shape,
        x[:, 1],
        x[:, -1, ::2],
        x[0][1][2],
        x[x > 20],
        x[[0, 1], :, [1, 2]],
        x.unsqueeze(0).expand(3, -1, -1, -1).shape,
        x.repeat(1, 2, 1),
        torch.stack((x, x), dim=-1).shape,
        torch.cat([a, b], 1),
        x.chunk(2, dim=2)[1],
        x.flatten(1),
        x.squeeze().shape,
        x.reshape(6, 4).t(),
        x.sum((1, 2)),
        x.mean(-1, keepdim=True),
        x.flip(0),
        torch.roll(x, 1, 2),
        x.narrow(1, 0, 2),
        torch.tril(x[0]),
        x.unfold(2, 2, 2),
        x.index_select(1, torch.tensor([2, 0])),
        torch.meshgrid(torch.arange(2), torch.arange(3), indexing="ij")[1],
        x.swapaxes(0, 2).shape,
        torch.movedim(x, 0, -1).shape,
        x.repeat_interleave(2, dim=0).shape,
        torch.broadcast_to(x[0, 0], (2, 4)),
        x.tile(2).shape,
        torch.hstack([x, x]).shape,
        torch.vstack([x[0], x[1]]),
        torch.block_diag(x[0], x[1]).shape,
        torch.arange(0, 1, 0.25),
        torch.linspace(0, 1, 3),
        torch.logspace(0, 2, 3),
        torch.full((2,), 7),
        torch.ones(2, 3).size(),
        torch.zeros((2, 3)).shape,
        torch.rot90(x[0]),
        x.diff(),
        torch.cartesian_prod(torch.arange(2), torch.arange(2)),
        x.view_as(x.clone()).shape,
        x.argmax(),
        torch.argmax(x, dim=1),
        F.pad(x, (1, 1), value=9.0),
        x.take(torch.tensor([3, 5])),
        torch.tensordot(x, x, dims=([1, 2], [1, 2])),
        torch.bmm(x, x.transpose(1, 2)),
    ]


@script
def parameter_surgery():
    model = fill(nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2)))
    model[0].weight.data *= 0.5
    model[0].bias.data = torch.zeros(4)
    model[1].weight = nn.Parameter(torch.ones(2, 4))
    model.add_module("extra", nn.ReLU())
    model.append(nn.Linear(2, 2, bias=False))
    model[3].weight.data.copy_(torch.eye(2))
    nn.init.constant_(model[1].bias, 0.25)
    with torch.no_grad():
        model[0].weight[0] = 1.0
        model[0].weight[:, 1].fill_(2.0)
    model[0].weight.requires_grad_(False)
    vec = nn.utils.parameters_to_vector(model.parameters())
    nn.utils.vector_to_parameters(vec * 2, model.parameters())
    y = model(torch.ones(1, 3))
    del model[3]
    grads = torch.autograd.grad(y.sum(), [p for p in model.parameters() if p.requires_grad])
    return [vec, y, str(model), *grads, model[0].weight.grad is None, len(model), model.state_dict()["0.bias"]]
