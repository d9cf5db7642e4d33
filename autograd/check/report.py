"""What a check found: a dataclass, and as a table for the terminal."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from .verify import InputResult


@dataclass
class Finding:
    """Something wrong. kind: "wrong" (the gradient contradicts the values), "tie" (a legitimate subgradient, but not
    the declared one), "missing" (no gradient reaches something that the values depend on). parameter, index: the dotted
    name and the element; None where a direction showed it. op, site: the first operation whose own derivative is wrong,
    with module and line, empty where every operation is right by itself. order: of the derivative.
    """

    kind: str
    parameter: str
    index: tuple[int, ...] | None
    analytic: float
    numeric: float
    error: float
    op: str = ""
    site: str = ""
    detail: str = ""
    order: int = 1

    def __str__(self) -> str:
        place = self.parameter + (f"[{', '.join(map(str, self.index))}]" if self.index else "")
        where = "" if self.index is not None else " along a direction"
        text = f"{place}{where}: analytic {self.analytic:.10g}, numeric {self.numeric:.10g} +- {self.error:.1g}"
        if self.kind == "missing":
            text += "; no gradient reaches it, but the values depend on it"
        if self.op:
            verb = "breaks the tie otherwise than declared" if self.kind == "tie" else "first wrong operation"
            text += f"; {verb}: {self.op}"
            text += f" ({self.site})" if self.site else ""
        elif self.kind == "wrong":
            text += "; every operation on the tape is right by itself: look for detach(), .data or numpy on the way"
        return f"{text}; {self.detail}" if self.detail else text


@dataclass
class Kink:
    """A point where an operation has no derivative: the output's index, how it was met, and the rule that broke the
    tie.
    """

    op: str
    index: tuple[int, ...]
    count: int
    rule: str
    site: str = ""

    def __str__(self) -> str:
        index = f"[{', '.join(map(str, self.index))}]" if self.index else "scalar"
        more = f" and {self.count - 1} more" if self.count > 1 else ""
        return f"{self.op} at output {index}{more}{f' ({self.site})' if self.site else ''}: {self.rule}"


@dataclass
class Report:
    """The result of a check. ok: nothing wrong was found. inputs: one entry a parameter or input, in order."""

    title: str
    inputs: list[InputResult] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    kinks: list[Kink] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    mode: str = "exact"
    order: int = 1
    dtype: str = "float64"
    evaluations: int = 0
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        return not self.findings

    @property
    def coordinates(self) -> int:
        """How many single elements were compared."""
        return sum(len(r.places) for r in self.inputs)

    def __bool__(self) -> bool:
        return self.ok

    def __str__(self) -> str:
        return self.table()

    def table(self) -> str:
        """The report for a terminal."""
        head = ("parameter", "shape", "compared", "relative difference", "order", "verdict")
        rows = [head]
        for r in self.inputs:
            n = 1
            for length in r.shape:
                n *= length
            compared = f"{len(r.places)} of {n}" if len(r.places) else f"{r.directions} directions"
            score = f"{r.score:.1e}" if len(r.places) else f"(sees {r.resolution:.0e})" if r.directions else "-"
            order = "exact" if r.order == float("inf") else f"{r.order:.2f}"
            rows.append((r.name, "x".join(map(str, r.shape)) or "scalar", compared, score, order, r.verdict))
        widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
        lines = [self.title]
        for k, row in enumerate(rows):
            lines.append("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
            if k == 0:
                lines.append("  ".join("-" * width for width in widths))
        for finding in self.findings:
            lines.append(f"{'TIE' if finding.kind == 'tie' else 'WRONG'}: {finding}")
        lines += [f"kink: {kink}" for kink in self.kinks]
        lines += [f"note: {note}" for note in self.notes]
        verdict = "right" if self.ok else "WRONG"
        lines.append(
            f"{verdict}: {self.mode}, order {self.order}, {self.dtype}, {self.coordinates} coordinates, "
            f"{self.evaluations} evaluations, {self.seconds:.1f} s. Relative difference below 1e-7 is right in "
            "float64, above 1e-3 most likely wrong; a right gradient's Taylor remainder falls with order 2, a wrong "
            "one's with order 1."
        )
        return "\n".join(lines)

    def html(self) -> str:
        """The report as one self-contained page with a picture a parameter; needs matplotlib for the pictures."""
        from .html import page

        return page(self)

    def save(self, path: str | Path) -> Path:
        """Write the page to `path`, which is returned."""
        path = Path(path)
        path.write_text(self.html(), encoding="utf-8")
        return path
