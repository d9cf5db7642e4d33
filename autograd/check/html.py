"""Reports as one self-contained HTML page: a table, the findings, and a picture a parameter, nothing fetched from
anywhere.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np

from .report import Report
from .verify import InputResult

STYLE = """
body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;color:#1b1f24;background:#fff}
table{border-collapse:collapse;margin:1rem 0}td,th{padding:.3rem .8rem;text-align:left;border-bottom:1px solid #d8dee4}
.right{color:#116329}.wrong{color:#a40e26;font-weight:600}code{background:#f3f4f6;padding:.1rem .25rem}
figure{margin:1.5rem 0}figcaption{margin-bottom:.4rem}img{max-width:100%}
"""
MOST_POINTS = 20_000  # in one scatter; of more, the first and those farthest off


def _figure(r: InputResult) -> str:
    """The picture of one parameter as an <img> with its data inside: scatter, error map, Taylor remainder."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 3.3), layout="constrained")
    FigureCanvasAgg(figure)
    scatter, heat, taylor = figure.subplots(1, 3)
    _scatter(scatter, r)
    _heat(figure, heat, r)
    _taylor(taylor, r)
    memory = io.BytesIO()
    figure.savefig(memory, format="png", dpi=90)
    data = base64.b64encode(memory.getvalue()).decode()
    return f'<img alt="gradient of {escape(r.name)}" src="data:image/png;base64,{data}">'


def _scatter(axes: Any, r: InputResult) -> None:
    analytic, numeric = r.analytic.reshape(-1), r.numeric.reshape(-1)
    if analytic.size > MOST_POINTS:
        chosen = np.argsort(-np.abs(analytic - numeric))[: MOST_POINTS // 2]
        chosen = np.union1d(chosen, np.arange(MOST_POINTS // 2))
        analytic, numeric = analytic[chosen], numeric[chosen]
    axes.set(title="analytic against numeric", xlabel="numeric", ylabel="analytic")
    if analytic.size:
        ends = [min(analytic.min(), numeric.min()), max(analytic.max(), numeric.max())]
        axes.plot(ends, ends, color="#8c959f", linewidth=1)
        axes.scatter(numeric, analytic, s=6, color="#0969da", rasterized=True)
    else:
        axes.text(0.5, 0.5, "directions only", ha="center", transform=axes.transAxes)


def _heat(figure: Any, axes: Any, r: InputResult) -> None:
    size = int(np.prod(r.shape))
    axes.set(title="log10 of the error")
    if not len(r.places):
        axes.text(0.5, 0.5, "directions only", ha="center", transform=axes.transAxes)
        return
    error = np.full(size, np.nan)
    error[r.places] = np.log10(np.abs(r.analytic - r.numeric).max(1) + 1e-18)
    rows = r.shape[0] if len(r.shape) > 1 else 1
    picture = axes.imshow(error.reshape(rows, -1), aspect="auto", cmap="viridis", interpolation="nearest")
    figure.colorbar(picture, ax=axes)
    axes.set(xlabel="elements of one row", ylabel="first dimension")


def _taylor(axes: Any, r: InputResult) -> None:
    axes.set(title="Taylor remainder", xlabel="step", ylabel="|f(x+hv) - f(x) - h g.v|")
    seen = np.isfinite(r.remainders) & (r.remainders > 0)
    if not seen.any():
        axes.text(0.5, 0.5, "exactly 0", ha="center", transform=axes.transAxes)
        return
    steps, remainders = r.steps[seen], r.remainders[seen]
    axes.loglog(steps, remainders, "o-", color="#0969da", label="measured")
    for power, style in ((2, "--"), (1, ":")):
        axes.loglog(steps, remainders[0] * (steps / steps[0]) ** power, style, color="#8c959f", label=f"order {power}")
    axes.legend()


def _table(report: Report) -> str:
    rows = []
    for r in report.inputs:
        size = int(np.prod(r.shape))
        compared = f"{len(r.places)} of {size}" if len(r.places) else f"{r.directions} directions"
        wrong = r.worst is not None
        order = "exact" if np.isinf(r.order) else f"{r.order:.2f}"
        cells = [f"<code>{escape(r.name)}</code>", "x".join(map(str, r.shape)) or "scalar", r.dtype, compared]
        cells += [f"{r.score:.1e}" if len(r.places) else f"(sees {r.resolution:.0e})", order]
        text = "".join(f"<td>{cell}</td>" for cell in cells)
        rows.append(f'<tr>{text}<td class="{"wrong" if wrong else "right"}">{escape(r.verdict)}</td></tr>')
    head = ("parameter", "shape", "dtype", "compared", "relative difference", "remainder's order", "verdict")
    return f"<table><tr>{''.join(f'<th>{h}</th>' for h in head)}</tr>{''.join(rows)}</table>"


def _section(report: Report) -> str:
    parts = [f"<h2>{escape(report.title)}</h2>"]
    verdict = "Every gradient that was compared is right." if report.ok else f"{len(report.findings)} findings."
    parts.append(f'<p class="{"right" if report.ok else "wrong"}">{verdict}</p>')
    parts.append(
        f"<p>Mode {report.mode}, order {report.order}, {report.dtype}, {report.coordinates} elements, "
        f"{report.evaluations} evaluations, {report.seconds:.1f} s.</p>"
    )
    for title, items in (("Findings", report.findings), ("Kinks", report.kinks), ("Notes", report.notes)):
        if items:
            lines = "".join(f"<li>{escape(str(item))}</li>" for item in items)
            parts.append(f"<h3>{title}</h3><ul>{lines}</ul>")
    parts.append(_table(report))
    try:
        for r in report.inputs:
            parts.append(f"<figure><figcaption><code>{escape(r.name)}</code></figcaption>{_figure(r)}</figure>")
    except ImportError:
        parts.append("<p>No pictures: matplotlib is not installed (pip install matplotlib).</p>")
    return "".join(parts)


def pages(reports: Sequence[Report]) -> str:
    """Several reports as one page."""
    ok = all(report.ok for report in reports)
    body = "".join(_section(report) for report in reports)
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Gradient check</title>'
        f"<style>{STYLE}</style></head><body><h1>Gradient check: "
        f'<span id="verdict" class="{"right" if ok else "wrong"}">{"right" if ok else "WRONG"}</span></h1>'
        "<p>Relative difference ‖g − ĝ‖/(‖g‖ + ‖ĝ‖): in float64 right below 1e-7, most likely wrong above 1e-3. "
        "The Taylor remainder of a right gradient falls with the square of the step, that of a wrong one with it.</p>"
        f"{body}</body></html>"
    )


def page(report: Report) -> str:
    """One report as a page."""
    return pages([report])
