"""The table, the picture, and the verdicts of a run."""

from __future__ import annotations

import math
import os
import platform
import statistics
import subprocess
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
TABLE, PICTURE = HERE / "RESULTS.md", HERE / "ratios.png"
HAND = "<!-- What follows is written by hand and kept. -->"
AIM, MEAN, WORST = 0.5, 0.55, 0.8  # of the networks' training steps: aimed at, highest geometric mean, highest of one
OF_PEAK = 0.85  # wanted of large products and direct convolutions
STRAIGHT = 0.1  # highest distance of a point from its line, relative


# ---- the machine


def machine(threads: int) -> dict[str, Any]:
    """What a figure depends on, beside the code."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    facts = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    flags = facts.get("flags", "").split()
    vectors = next((name for name in ("avx512f", "avx2", "avx", "sse2", "asimd") if name in flags), "unknown")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=HERE, capture_output=True, text=True).stdout
    return {
        "processor": f"{facts.get('model name', platform.processor())}, family {facts.get('cpu family', '?')} "
        f"model {facts.get('model', '?')}, {vectors}, {facts.get('cache size', '?')} cache a core",
        "cores": os.cpu_count(),
        "threads": threads,
        "memory": f"{memory:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        "commit": commit.strip(),
        "load before": os.getloadavg()[0],
    }


def peak(results: dict[str, Any]) -> float:
    """The highest rate of a large product, of any library and any time in the run, in operations a second."""
    return max(
        taken["flops"] / seconds for taken in results["peaks"] for key, seconds in taken.items() if key != "flops"
    )


# ---- the lines


def seconds(value: float) -> str:
    """Three figures, in the unit that suits."""
    unit, scale = next((pair for pair in (("s", 1.0), ("ms", 1e-3)) if value >= pair[1]), ("us", 1e-6))
    digits = max(0, 2 - math.floor(math.log10(max(value / scale, 0.01))))
    return f"{value / scale:.{digits}f} {unit}"


def header(results: dict[str, Any]) -> str:
    first = results["peaks"][0]
    rates = ", ".join(f"{key} {first['flops'] / value / 1e9:.0f}" for key, value in first.items() if key != "flops")
    columns = f"{'':68s}{'tapegrad':>10s}{'torch':>10s}{'ratio':>7s}{'control':>9s}{'of peak':>9s}"
    return f"matrix-product peak, GF/s: {rates}\n{columns}  torch's best"


def fraction(row: dict[str, Any], results: dict[str, Any], who: str = "ours") -> str:
    return f"{row['flops'] / row[who] / peak(results):.0%}" if row.get("flops", 0) > 1e6 else ""


def line(row: dict[str, Any], results: dict[str, Any]) -> str:
    """A row for the terminal."""
    name = f"{row['name']:68s}"
    if "ratio" not in row:
        if "error" in row:
            return f"{name} FAILED: {row['error'].strip().splitlines()[-1]}"
        if "ours" not in row:
            return f"{name}{row['difference']:10.1e}"
        return f"{name}{seconds(row['ours']):>10s}{seconds(row['torch']) if 'torch' in row else '':>10s}"
    if row["name"].startswith("memory/"):
        ours, torch = (f"{row[who]['peak'] / 2**20:.1f} MB" for who in ("ours", "torch"))
        return f"{name}{ours:>10s}{torch:>10s}{row['ratio']:7.2f}{'':18s}  {row['variant']}"
    text = f"{name}{seconds(row['ours']):>10s}{seconds(row['torch']):>10s}{row['ratio']:7.2f}{max(row['control']):9.1%}"
    text += f"{fraction(row, results):>9s}  {row['variant']}"
    if "numpy" in row:
        text += f" (numpy {seconds(row['numpy'])})"
    return text + (f"\n    WRONG: {row['error']}" if "error" in row else "")


# ---- the verdicts


def select(results: dict[str, Any], start: str, end: str = "") -> list[dict[str, Any]]:
    """The rows that were measured, by the start and the end of their names."""
    return [
        row for row in results["rows"] if row["name"].startswith(start) and row["name"].endswith(end) and "ours" in row
    ]


def mean(ratios: list[float]) -> float:
    """Geometric."""
    return math.exp(statistics.fmean(math.log(ratio) for ratio in ratios))


def control(results: dict[str, Any], start: str = "kernel/") -> float:
    """The spread below which nineteen of twenty rows stay when the same thing is timed twice."""
    spreads = sorted(max(row["control"]) for row in select(results, start))
    return spreads[int(0.95 * (len(spreads) - 1))] if spreads else 0.0


def lines_of_growth(results: dict[str, Any]) -> list[tuple[str, str, list[tuple[int, float]], float, float, float]]:
    """Each curve and library: points, intercept and slope of the line, and the largest relative distance from it."""
    curves: dict[tuple[str, str], list[tuple[int, float]]] = {}
    for row in select(results, "growth/"):
        _, curve, n = row["name"].split("/")
        for who in ("ours", "torch"):
            curves.setdefault((curve, who), []).append((int(n), row[who]))
    fitted = []
    for (curve, who), points in curves.items():
        if len(points) < 3:
            continue
        n, t = np.array(points).T
        matrix = np.stack([np.ones_like(n), n], 1) / t[:, None]  # relative distances: a short step counts as a long one
        a, b = np.linalg.lstsq(matrix, np.ones_like(t), rcond=None)[0]
        fitted.append((curve, who, points, float(a), float(b), float(np.abs((a + b * n) / t - 1).max())))
    return fitted


def verdicts(results: dict[str, Any]) -> list[tuple[str, str, bool]]:
    """What is wanted, what came, and whether that is enough."""
    found = []
    steps = select(results, "network/", "/step")
    if steps:
        average, worst = mean([row["ratio"] for row in steps]), max(steps, key=lambda row: row["ratio"])
        found.append(
            (f"networks: geometric mean of the training steps at most {MEAN}", f"{average:.2f}", average <= MEAN)
        )
        text = f"{worst['ratio']:.2f} ({worst['name'].split('/')[1]})"
        found.append((f"networks: no training step above {WORST}", text, worst["ratio"] <= WORST))
    for row in select(results, "network/vgg16", "/step"):
        direct = row["conv"] / peak(results)
        text = f"{seconds(row['ours'])} against {seconds(direct)}"
        found.append(
            ("VGG-16: a step in less than its direct convolutions take at the peak", text, row["ours"] < direct)
        )
    kernels = [row for row in select(results, "kernel/") if row["limit"]]
    for limit, name in ((0.7, "3x3 convolutions of stride 1"), (0.9, "every other shape")):
        rows = [row for row in kernels if row["limit"] == limit]
        over = [row for row in rows if row["ratio"] > limit]
        if rows:
            text = f"{len(rows) - len(over)} of {len(rows)}, geometric mean {mean([row['ratio'] for row in rows]):.2f}"
            found.append((f"kernels: {name} at most {limit}", text, not over))
    if kernels:
        over = [row for row in kernels if row["ratio"] > 1 + control(results)]
        text = f"{len(over)} above" + (f", worst {max(row['ratio'] for row in over):.2f}" if over else "")
        found.append((f"kernels: none above 1 plus the control's spread ({control(results):.1%})", text, not over))
    products = [
        row for row in select(results, "kernel/matmul/") if row["flops"] >= 2e9 and "float64" not in row["name"]
    ]
    if products:
        least = min(row["flops"] / row["ours"] / peak(results) for row in products)
        found.append((f"large products at {OF_PEAK:.0%} of the peak", f"least {least:.0%}", least >= OF_PEAK))
    direct = [
        row
        for row in select(results, "kernel/conv/")
        if row["flops"] >= 1e9 and not ("@3x3" in row["name"] and " by " not in row["name"])
    ]
    if direct:
        rates = [row["flops"] / row["ours"] / peak(results) for row in direct]
        text = f"{sum(rate >= OF_PEAK for rate in rates)} of {len(rates)}, least {min(rates):.0%}"
        found.append(
            (f"direct convolutions of 1 GF and more at {OF_PEAK:.0%} of the peak", text, min(rates) >= OF_PEAK)
        )
    weighed = select(results, "memory/")
    if weighed:
        over = [row for row in weighed if row["ratio"] > 1]
        text = f"{len(over)} above" + (f": {', '.join(row['name'].split('/')[1] for row in over)}" if over else "")
        found.append(("memory: the peak of a training step no higher than torch's", text, not over))
    for curve, who, _, _, _, distance in lines_of_growth(results):
        if who == "ours":
            text = f"{distance:.1%} from the line"
            found.append((f"growth with the {curve}: a straight line to {STRAIGHT:.0%}", text, distance <= STRAIGHT))
    for row in select(results, "start/"):
        kind = row["name"].split("/")[1]
        text = f"{row['ours']:.2f} s"
        found.append(
            (f"start, {kind} cache: first LeNet-5 step within {row['limit']:g} s", text, row["ours"] <= row["limit"])
        )
    wrong = [row["name"] for row in results["rows"] if "error" in row]
    found.append(("both libraries compute the same, and every row ran", ", ".join(wrong) or "all", not wrong))
    return found


def summary(results: dict[str, Any]) -> str:
    return "\n" + "\n".join(
        f"{'met    ' if met else 'NOT MET'}  {what}: {came}" for what, came, met in verdicts(results)
    )


# ---- the files


def table(rows: list[dict[str, Any]], results: dict[str, Any], prefix: str) -> list[str]:
    """Rows as Markdown. A ratio above what is wanted is bold."""
    extra = any("numpy" in row for row in rows)
    text = [
        "| | tapegrad | torch | ratio | wanted | control | of peak | torch's | torch's best |" + " numpy |" * extra,
        "|---|--:|--:|--:|--:|--:|--:|--:|---|" + "--:|" * extra,
    ]
    for row in rows:
        ratio = f"{row['ratio']:.2f}"
        if row.get("limit") and row["ratio"] > row["limit"]:
            ratio = f"**{ratio}**"
        cells = [
            row["name"].removeprefix(prefix),
            seconds(row["ours"]),
            seconds(row["torch"]),
            ratio,
            row.get("limit") or "",
            f"{max(row['control']):.1%}",
            fraction(row, results),
            fraction(row, results, "torch"),
            row["variant"] or "plain",
        ]
        if extra:
            cells.append(seconds(row["numpy"]) if "numpy" in row else "")
        text.append("| " + " | ".join(map(str, cells)) + " |")
    return text


def picture(results: dict[str, Any]) -> None:
    """Networks as bars, single operations as dots, a family a line; torch's time is 1."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt
    from matplotlib.ticker import NullLocator

    networks = select(results, "network/")[::-1]
    families: dict[str, list[dict[str, Any]]] = {}
    for row in select(results, "kernel/"):
        _, family, name, *what = row["name"].split("/")
        if family == "conv":
            shape = name.split()[-1] if " by " not in name else " ".join(name.split()[-3:])
            side = shape.split("@")[1]
            family = (
                "conv 3x3" if side == "3x3" and row["limit"] < 0.9 else "conv 1x1" if side == "1x1" else "conv, others"
            )
        families.setdefault(f"{family}, {'gradients' if what and what[0] != 'forward' else 'forward'}", []).append(row)
    height = 0.27 * max(len(networks), len(families), 6) + 1.4
    figure, (left, right) = plt.subplots(1, 2, figsize=(13, height), layout="constrained")

    left.barh(
        range(len(networks)), [row["ratio"] for row in networks],
        color=["#1f6f8b" if row["name"].endswith("step") else "#9bc4cf" for row in networks], height=0.7,
    )  # fmt: skip
    for i, row in enumerate(networks):
        left.text(row["ratio"] + 0.01, i, f"{row['ratio']:.2f}", va="center", fontsize=8)
    left.set_yticks(
        range(len(networks)), [row["name"].split("/", 1)[1].replace("/", ", ") for row in networks], fontsize=8
    )
    left.set_xlim(0, max(1.1, 1.12 * max((row["ratio"] for row in networks), default=1)))
    left.set_title("networks: tapegrad's time over torch's", fontsize=10)
    right.set_title("single operations: one dot a shape", fontsize=10)
    labels = list(families)[::-1]
    for i, label in enumerate(labels):
        ratios = [row["ratio"] for row in families[label]]
        met = [ratio <= row["limit"] for ratio, row in zip(ratios, families[label], strict=True)]
        offsets = np.linspace(-0.22, 0.22, len(ratios)) if len(ratios) > 1 else [0.0]
        right.scatter(
            ratios, i + np.asarray(offsets), s=16, c=["#1f6f8b" if ok else "#d1603d" for ok in met], alpha=0.8
        )
        right.plot([mean(ratios)] * 2, [i - 0.38, i + 0.38], color="black", lw=1.2)
    right.set_yticks(range(len(labels)), labels, fontsize=8)
    right.set_xscale("log")
    ticks = [0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 5, 10]
    ratios = [row["ratio"] for rows in families.values() for row in rows] or [1.0]
    ticks = [tick for tick in ticks if 0.7 * min(ratios) <= tick <= 1.4 * max([*ratios, 1.0])]
    right.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    right.xaxis.set_minor_locator(NullLocator())
    right.set_xlabel("blue: within what is wanted, red: above; line: geometric mean", fontsize=8)
    left.set_xlabel(f"dark: training step, light: inference; dotted: {AIM} (aim) and {WORST} (highest)", fontsize=8)
    for axis in (left, right):
        axis.axvline(1, color="black", lw=0.8)
        axis.spines[["top", "right"]].set_visible(False)
    for x in (AIM, WORST):
        left.axvline(x, color="grey", lw=0.8, ls=":")
    figure.savefig(PICTURE, dpi=120)
    plt.close(figure)


def write(results: dict[str, Any]) -> None:
    """RESULTS.md and the picture. What stands below the line of `HAND` in the file is kept."""
    kept = TABLE.read_text().split(HAND, 1)[1] if TABLE.exists() and HAND in TABLE.read_text() else "\n"
    facts, versions = results["machine"], results["versions"]
    rates = {
        key: max(taken["flops"] / taken[key] for taken in results["peaks"]) / 1e9
        for key in results["peaks"][0]
        if key != "flops"
    }
    spreads = [max(row["control"]) for row in results["rows"] if "control" in row]
    text = ["# Measured beside torch", "", "Made by `make bench`; how is said in [run.py](run.py).", ""]
    if results["quick"]:
        text += ["**A quick run: few and short turns, for trying the harness, not for the record.**", ""]
    if facts["load before"] > 0.7:
        text += [
            f"**The machine was not idle (load {facts['load before']:.1f} before the run): the figures are rough.**",
            "",
        ]
    text += ["| wanted | measured | |", "|---|---|---|"]
    text += [f"| {what} | {came} | {'met' if met else '**not met**'} |" for what, came, met in verdicts(results)]
    text += ["", "![ratios](ratios.png)", "", "## Machine", ""]
    text += [f"- {key}: {value}" for key, value in facts.items() if not key.startswith("load")]
    text += [
        f"- load average before and after: {facts['load before']:.2f}, {facts.get('load after', float('nan')):.2f}"
    ]
    text += ["- " + ", ".join(f"{name} {version}" for name, version in versions.items())]
    text += [f"- turns of each contestant in a row: {results.get('turns', 8)}"]
    text += [
        "- matrix-product peak (2048, float32), GF/s: " + ", ".join(f"{key} {rate:.0f}" for key, rate in rates.items())
    ]
    if spreads:
        text += [
            f"- control, the same timed twice: median {statistics.median(spreads):.1%}, highest {max(spreads):.1%}"
        ]
    text += [
        "",
        "A ratio is tapegrad's time over torch's; below 1 tapegrad is faster. *Of peak*: the operations of the row's "
        "products and convolutions (as torch counts them) a second, over the highest rate of a large product; more "
        "than 100 % is Winograd's doing.",
    ]
    for title, prefix in (
        ("Networks", "network/"),
        ("Single operations", "kernel/"),
        ("The tape's overhead", "overhead/"),
    ):
        rows = [row for row in select(results, prefix) if "ratio" in row]
        if rows:
            text += ["", f"## {title}", "", *table(rows, results, prefix)]
    if select(results, "memory/"):
        text += [
            "",
            "## Memory of a training step, MB",
            "",
            "Peak of the second step above the level before it, in a fresh process; and",
        ]
        text += ["that peak above the imported library, with weights, gradients and the optimizer's state.", ""]
        text += [
            "| | tapegrad | torch | ratio | tapegrad, all | torch, all | torch's layout |",
            "|---|--:|--:|--:|--:|--:|---|",
        ]
        for row in select(results, "memory/"):
            ratio = f"**{row['ratio']:.2f}**" if row["ratio"] > 1 else f"{row['ratio']:.2f}"
            sizes = [row[who][what] / 2**20 for what in ("peak", "total") for who in ("ours", "torch")]
            cells = [f"{size:.1f}" for size in sizes]
            name = row["name"].removeprefix("memory/")
            text += [f"| {name} | {cells[0]} | {cells[1]} | {ratio} | {cells[2]} | {cells[3]} | {row['variant']} |"]
    curves = lines_of_growth(results)
    if curves:
        text += [
            "",
            "## Growth of a training step",
            "",
            "| | | points | line | farthest point |",
            "|---|---|---|---|--:|",
        ]
        for curve, who, points, a, b, distance in curves:
            shown = ", ".join(f"{n}: {seconds(t)}" for n, t in points)
            library = "tapegrad" if who == "ours" else "torch"
            text += [f"| {curve} | {library} | {shown} | {1e3 * a:.3g} ms + {1e3 * b:.3g} ms n | {distance:.1%} |"]
    starts = select(results, "start/")
    if starts:
        text += ["", "## Start", "", "Seconds from process start to the end of LeNet-5's first training step.", ""]
        text += ["| kernel cache | tapegrad | torch |", "|---|--:|--:|"]
        for row in starts:
            text += [
                f"| {row['name'].split('/')[1]} | {row['ours']:.2f} | {row.get('torch', float('nan')):.2f} |".replace(
                    "nan", ""
                )
            ]
    text += ["", HAND]
    TABLE.write_text("\n".join(text) + kept)
    picture(results)
