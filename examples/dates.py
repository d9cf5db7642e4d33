"""Dates as people write them become ISO dates: an encoder-decoder that learns where to look.

    python examples/dates.py                                  about a minute; weights and a picture under runs/dates/
    python examples/dates.py "Tuesday, 3 May 2011" "9.7.81"   translate dates of your own with the weights kept
    python examples/dates.py --score multihead --beam 3

Bahdanau, Cho and Bengio, "Neural machine translation by jointly learning to align and translate", 2015, arXiv:1409.0473. The
days are drawn by faker and written by babel in fourteen ways (`pip install faker babel`), from 1970 to 2069, so that two
figures say which year is meant. 1,000 days are never trained on, in none of the ways of writing; the share of them that comes
out right in every character is the figure at the end.
"""

from __future__ import annotations

import argparse
import datetime
import re
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import autograd
import nn
import nn.functional as F
import optim
from autograd import Tensor
from nn.models import Seq2Seq
from nn.text import Characters, bleu, padded

# y, not the Y one meets in such lists: that is the year of the calendar week, another one around New Year
WAYS = (
    "short", "medium", "long", "full", "d MMM y", "d MMMM y", "dd MMM y", "d MMM, y", "d MMMM, y", "dd, MMM y", "d MM yy",
    "MMMM d y", "MMMM d, y", "dd.MM.yy",
)  # fmt: skip
FIRST, LAST = datetime.date(1970, 1, 1), datetime.date(2069, 12, 31)
UNSEEN = 1000
ISO_LENGTH = 10

Pair = tuple[str, str]


def plain(text: str) -> str:
    """Lower case, no commas, single spaces."""
    return " ".join(text.lower().replace(",", " ").split())


def draw_dates(count: int, seed: int) -> tuple[list[Pair], list[Pair]]:
    """`count` pairs (written, ISO) to train on, and UNSEEN of other days."""
    try:
        from babel.dates import format_date
        from faker import Faker
    except ImportError:
        sys.exit("the dates come from two packages: pip install faker babel")
    fake = Faker()
    fake.seed_instance(seed)
    rng = np.random.default_rng(seed)

    def write(day: datetime.date) -> Pair:
        return plain(format_date(day, WAYS[rng.integers(len(WAYS))], "en_US")), day.isoformat()

    unseen: set[datetime.date] = set()
    while len(unseen) < UNSEEN:
        unseen.add(fake.date_between(FIRST, LAST))
    pairs = []
    while len(pairs) < count:
        day = fake.date_between(FIRST, LAST)
        if day not in unseen:
            pairs.append(write(day))
    return pairs, [write(day) for day in sorted(unseen)]


def batches(
    pairs: list[tuple[np.ndarray, np.ndarray]], size: int, rng: np.random.Generator
) -> Iterator[tuple[Tensor, np.ndarray, Tensor, Tensor]]:
    """Sources with their lengths, what the decoder is given, and what it should say: all pairs once in a random order."""
    order = rng.permutation(len(pairs))
    for i in range(0, len(order), size):
        sources, targets = zip(*(pairs[k] for k in order[i : i + size]), strict=True)
        given, _ = padded([np.concatenate([[0], target]) for target in targets])
        wanted, _ = padded(
            [np.concatenate([target, [0]]) for target in targets], fill=-100
        )  # cross_entropy leaves -100 out
        yield *padded(sources), given, wanted


class Translator:
    """The network and the two alphabets."""

    def __init__(self, source: str, target: str, hidden: int, score: str) -> None:
        self.shape = {"source": source, "target": target, "hidden": hidden, "score": score}
        self.source, self.target = Characters(source), Characters(target)
        self.model = Seq2Seq(len(self.source), len(self.target), hidden=hidden, score=score)

    def __call__(self, texts: Sequence[str], beam: int = 1) -> list[tuple[str, np.ndarray]]:
        """The translation of each, and where it looked: (characters + end, characters of the text)."""
        found = []
        for i in range(0, len(texts), 250):
            ids = [self.source.encode(text) for text in texts[i : i + 250]]
            found += self.model.translate(ids, ISO_LENGTH + 5, beam)
        return [(self.target.decode(translation.ids), translation.weights) for translation in found]

    def save(self, path: Path) -> None:
        autograd.save({"shape": self.shape, "model": self.model.state_dict()}, path)

    @classmethod
    def load(cls, path: Path) -> Translator:
        content = autograd.load(path)
        translator = cls(**content["shape"])
        translator.model.load_state_dict(content["model"])
        return translator


def attention_picture(path: Path, found: Sequence[tuple[str, str, np.ndarray]]) -> None:
    """For each (text, translation, weights) how much every character written (row) looked at every one read (column)."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    columns = min(2, len(found))
    rows = -(-len(found) // columns)
    figure, cells = plt.subplots(
        rows, columns, figsize=(5.2 * columns, 3 * rows), layout="constrained", squeeze=False, dpi=90
    )
    for cell in cells.flat[len(found) :]:
        cell.axis("off")
    for cell, (text, translation, weights) in zip(cells.flat, found, strict=False):
        cell.imshow(weights[: len(translation)], cmap="Blues", vmin=0, vmax=1, aspect="auto")
        cell.set_xticks(range(len(text)), list(text), fontfamily="monospace")
        cell.set_yticks(range(len(translation)), list(translation), fontfamily="monospace")
        cell.tick_params(length=0)
    figure.savefig(path)
    plt.close(figure)


def share_right(translator: Translator, pairs: Sequence[Pair]) -> float:
    """The share of the pairs translated rightly in every character."""
    found = translator([text for text, _ in pairs])
    return float(np.mean([got == iso for (got, _), (_, iso) in zip(found, pairs, strict=True)]))


def train(options: argparse.Namespace) -> Translator:
    seen, unseen = draw_dates(options.pairs, options.seed)
    translator = Translator(
        "".join(sorted(set("".join(text for text, _ in seen)))), "-0123456789", options.hidden, options.score
    )
    model, rng = translator.model, np.random.default_rng(options.seed)
    print(
        f"{len(seen):,} dates to learn from, {len(unseen):,} of other days; for example "
        + "; ".join(" = ".join(p) for p in seen[:3])
    )
    pairs = [(translator.source.encode(text), translator.target.encode(iso)) for text, iso in seen]
    steps = options.epochs * -(-len(pairs) // options.batch)
    optimizer = optim.Adam(model.parameters(), lr=options.lr)
    schedule = optim.lr_scheduler.OneCycleLR(optimizer, options.lr, steps, pct_start=0.1, cycle_momentum=False)
    start, cpu = time.perf_counter(), time.process_time()
    with tqdm(total=steps, desc="dates", unit="step") as bar:
        for epoch in range(1, options.epochs + 1):
            total = 0.0
            for source, lengths, given, wanted in batches(pairs, options.batch, rng):
                logits, _ = model(source, lengths, given)
                loss = F.cross_entropy(logits.reshape(wanted.numel(), -1), wanted.reshape(-1))
                optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(model.parameters(), options.clip)
                optimizer.step()
                schedule.step()
                total += loss.item()
                bar.update()
            right = share_right(translator, unseen[::10])
            text, iso = unseen[epoch % len(unseen)]
            example = f"{text} = {translator([text])[0][0]} ({iso})"
            tqdm.write(f"epoch {epoch}: loss {total * options.epochs / steps:.4f}, {right:.0%} of 100 right; {example}")
    print(f"trained in {time.perf_counter() - start:.0f} s ({time.process_time() - cpu:.0f} s of processor time)")

    options.out.mkdir(parents=True, exist_ok=True)
    translator.save(options.out / "dates.safetensors")
    texts, wanted_texts = zip(*unseen, strict=True)
    for beam in sorted({1, options.beam}):
        found = [text for text, _ in translator(texts, beam)]
        right = sum(a == b for a, b in zip(found, wanted_texts, strict=True))
        score = bleu([list(text) for text in found], [[list(text)] for text in wanted_texts]).score
        name = "greedy" if beam == 1 else f"beam of {beam}"
        print(f"{name}: {right} of {len(texts)} unseen dates right, BLEU of their characters {score:.2f}")
        for text, got, iso in zip(texts, found, wanted_texts, strict=True):
            if got != iso:
                print(f"  {text} became {got}, not {iso}")
    ways = r"[a-z]+ [a-z]+ \d+ \d{4}", r"\d+/\d+/\d\d", r"\d+ [a-z]{6,} \d{4}", r"\d+\.\d+\.\d\d"
    picked = [next(text for text in texts if re.fullmatch(way, text)) for way in ways]
    shown = [(text, *result) for text, result in zip(picked, translator(picked), strict=True)]
    attention_picture(options.out / "attention.png", shown)
    print(f"weights and attention.png, where it looked, are in {options.out}/")
    return translator


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dates", nargs="*", help="dates to translate, with the weights kept, instead of training")
    parser.add_argument(
        "--score", choices=("additive", "dot", "multihead"), default="additive", help="what scores a place"
    )
    parser.add_argument(
        "--hidden", type=int, default=64, help="units of the decoder and of each direction (default 64)"
    )
    parser.add_argument("--pairs", type=int, default=10000, help="dates to learn from (default 10,000)")
    parser.add_argument("--epochs", type=int, default=8, help="passes over them (default 8)")
    parser.add_argument("--batch", type=int, default=64, help="dates a step (default 64)")
    parser.add_argument("--lr", type=float, default=5e-3, help="Adam's highest learning rate (default 0.005)")
    parser.add_argument("--clip", type=float, default=1.0, help="largest norm of the gradient (default 1)")
    parser.add_argument(
        "--beam", type=int, default=3, help="width of the beam search tried beside greedy search (default 3)"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of everything random (default 0)")
    parser.add_argument("--out", type=Path, default=Path("runs/dates"), help="folder for weights and picture")
    options = parser.parse_args()
    autograd.manual_seed(options.seed)
    weights = options.out / "dates.safetensors"
    if options.dates and not weights.is_file():
        sys.exit(f"there is no {weights}: train first, by running without dates")
    translator = Translator.load(weights) if options.dates else train(options)
    for text in options.dates:
        show(translator, text, options.beam)
    if not options.dates and sys.stdin.isatty():
        print("Type a date, or nothing to leave.")
        while text := input("> ").strip():
            show(translator, text, options.beam)


def show(translator: Translator, text: str, beam: int) -> None:
    """Print what a typed date becomes, or why it cannot."""
    years = [year for year in re.findall(r"\d{4}", text) if not FIRST.year <= int(year) <= LAST.year]
    doubt = f" (but it has learned the years {FIRST.year} to {LAST.year} only)" if years else ""
    try:
        print(f"{text} = {translator([plain(text)], beam)[0][0]}{doubt}")
    except ValueError as error:
        print(f"{text!r}: {error}")


if __name__ == "__main__":
    main()
