"""The plots of a report, as SVG that takes its colours from the page.

They are five simple forms, so they are drawn here: a plotting library's SVG has fixed colours,
which fail in the dark, and letters as shapes, and is ten times the size. The classes that are
named here get their colours and fonts from `report.css`.

Shares are between 0 and 1; lengths are in the units of the drawing, which is `WIDTH` wide.
"""

from __future__ import annotations

import html
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from eval.metrics import wilson
from eval.records import Figure, Run

WIDTH = 480.0
ROW = 38.0  # the height of one bar with its label
LEFT, RIGHT, TOP, BOTTOM = 46.0, WIDTH - 12, 28.0, 262.0  # the frame of a plot with two axes
HEIGHT = 306.0
LABEL_LIMIT = 40  # characters of a label; all of it stands in the table
POINT_LIMIT = 200  # of a curve; more cannot be told apart

QUARTERS = (0.0, 0.25, 0.5, 0.75, 1.0)
CITATION_FIGURES = {
    "citation_recall": "Recall: sentences that their quotes back",
    "citation_precision": "Precision: citations that are needed",
    "quotes_exact": "Exact: quotes that are word for word",
}


@dataclass(frozen=True, slots=True)
class Plot:
    """A drawing and the same in words: how to read it, and its numbers as a table."""

    name: str
    title: str
    caption: str
    svg: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def plots(run: Run) -> tuple[Plot, ...]:
    """The plots of a run, without those that have nothing to show."""
    drawn = (
        accuracy_by_kind(run),
        citation_quality(run),
        latency(run),
        risk_coverage(run),
        calibration(run),
    )
    return tuple(plot for plot in drawn if plot)


def accuracy_by_kind(run: Run) -> Plot | None:
    """For each kind of question the share answered rightly, with its interval."""
    figures = {kind.replace("_", " "): figure for kind, figure in run.by_kind.items()}
    return _bars_plot(
        "accuracy-by-kind",
        "Accuracy by kind of question",
        "A bar is the share that was answered rightly, the thin line its 95% interval: "
        "where two lines overlap widely, the kinds may well be equal.",
        figures,
    )


def citation_quality(run: Run) -> Plot | None:
    """Recall and precision of the citations, and how many quotes are exact."""
    figures = {
        label: run.figures[name] for name, label in CITATION_FIGURES.items() if name in run.figures
    }
    return _bars_plot(
        "citation-quality",
        "Citation quality",
        "All three should be near 100%. Low recall: sentences lack evidence. Low precision: "
        "there are citations that prove nothing.",
        figures,
    )


def risk_coverage(run: Run) -> Plot | None:
    """How often answers are wrong when only the most confident are given."""
    points = sorted(
        (_clamp(coverage), _clamp(risk))
        for coverage, risk in run.risk_coverage
        if math.isfinite(coverage) and math.isfinite(risk)
    )
    if not points:
        return None
    points = _thinned(points)
    axes = _Axes(x_top=1.0, y_top=_nice_top(max(risk for _, risk in points)))
    all_coverage, all_risk = points[-1]
    start, end = axes.x(points[0][0]), axes.x(all_coverage)
    curve = axes.line(points)
    area = run.figures.get("aurc")
    named = f" Area under the curve: {formatted(area.value, area.unit)}." if area else ""
    drawing = (
        axes.grid(x_title="share of the questions that is answered", y_title="wrong answers")
        + f'<path class="area" d="{curve} L{end:.1f} {BOTTOM:.1f} L{start:.1f} {BOTTOM:.1f} Z"/>'
        + f'<path class="baseline" d="{axes.line([(points[0][0], all_risk), points[-1]])}"/>'
        + f'<path class="curve" d="{curve}"/>'
    )
    return Plot(
        name="risk-coverage",
        title="Risk and coverage",
        caption="Read from right to left: as only the more confident questions are answered, "
        "the curve should fall below the dotted line, where it would stay if confidence told "
        f"nothing.{named}",
        svg=_svg(
            drawing,
            HEIGHT,
            f"Line: with {formatted(all_coverage)} of the questions answered, "
            f"{formatted(all_risk)} are wrong; with {formatted(points[0][0])} answered, "
            f"{formatted(points[0][1])}.{named}",
        ),
        columns=("Answered", "Wrong"),
        rows=tuple((formatted(x), formatted(y)) for x, y in _thinned(points, limit=21)),
    )


def latency(run: Run) -> Plot | None:
    """The share of the questions that were done within so many seconds."""
    replies = [outcome.reply for outcome in run.outcomes]
    # A reply that was refused before the model ran has no first word.
    curves = {
        "first word": _quantiles([r.first_token_ms / 1000 for r in replies if r.first_token_ms]),
        "whole answer": _quantiles([r.total_ms / 1000 for r in replies]),
    }
    curves = {name: points for name, points in curves.items() if points}
    if not curves:
        return None
    axes = _Axes(x_top=_nice_top(max(points[-1][0] for points in curves.values())), y_top=1.0)
    drawing = axes.grid(x_title="seconds", y_title="questions done by then")
    summary = []
    for place, (name, points) in enumerate(curves.items()):
        style = "curve" if name == "first word" else "curve second"
        y = BOTTOM - 34 + 20 * place
        drawing += (
            f'<path class="{style}" d="{axes.line([(points[0][0], 0.0), *_thinned(points)])}"/>'
            f'<path class="{style}" d="M{RIGHT - 136:.1f} {y - 4:.1f} h28"/>'
            f'<text x="{RIGHT - 100:.1f}" y="{y:.1f}">{name}</text>'
        )
        half, most = (formatted(_at(points, share), "seconds") for share in (0.5, 0.95))
        summary.append(f"{name}: half within {half}, 95% within {most}")
    return Plot(
        name="latency",
        title="Seconds to wait",
        caption="The further left a curve, the sooner; at 50% the curve is over the median, and a "
        "long flat end means that a few questions take much longer.",
        svg=_svg(drawing, HEIGHT, f"Two curves. {'; '.join(summary)}."),
        columns=("Share of the questions", *(f"Seconds to the {name}" for name in curves)),
        rows=tuple(
            (
                formatted(share),
                *(formatted(_at(points, share), "seconds") for points in curves.values()),
            )
            for share in (0.05, 0.25, 0.5, 0.75, 0.9, 0.95, 1.0)
        ),
    )


def calibration(run: Run) -> Plot | None:
    """For groups of similar confidence, the share that was right."""
    points = [
        (_clamp(confidence), _clamp(share), n)
        for confidence, share, n in run.calibration
        if n > 0 and math.isfinite(confidence) and math.isfinite(share)
    ]
    if not points:
        return None
    axes = _Axes(x_top=1.0, y_top=1.0)
    drawing = axes.grid(x_title="confidence", y_title="right")
    drawing += f'<path class="baseline" d="{axes.line([(0.0, 0.0), (1.0, 1.0)])}"/>'
    most = max(n for _, _, n in points)
    rows = []
    for confidence, share, n in points:
        low, high = wilson(round(share * n), n)
        x, y = axes.x(confidence), axes.y(share)
        row = (f"{confidence:.2f}", formatted(share), _range(low, high, "share"), str(n))
        drawing += (
            f"<g><title>Confidence {row[0]}: {row[1]} right, {row[2]}, n {n}</title>"
            f'<path class="whisker" d="M{x:.1f} {axes.y(_clamp(low)):.1f} '
            f'V{axes.y(_clamp(high)):.1f}"/>'
            f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="{3 + 5 * (n / most) ** 0.5:.1f}"/>'
            "</g>"
        )
        rows.append(row)
    spoken = "; ".join(f"at {row[0]}, {row[1]} right" for row in rows)
    return Plot(
        name="calibration",
        title="Calibration",
        caption="A dot is a group of questions of similar confidence, larger for more of them. "
        "On the dotted line confidence is the share that is right; below it, it is too sure.",
        svg=_svg(drawing, HEIGHT, f"Dots of confidence against the share right: {spoken}."),
        columns=("Mean confidence", "Right", "95% interval", "n"),
        rows=tuple(rows),
    )


# Numbers and text.


def escape(text: str) -> str:
    """Text that is safe as content and in a quoted attribute, and encodable as UTF-8."""
    return html.escape(text.encode("utf-8", "replace").decode("utf-8"), quote=True)


def foreign(text: str) -> str:
    """Text of an article, a model or a reader as HTML that cannot turn around what is beside it.

    A right-to-left override in an article would otherwise write our own words backwards.
    """
    return f"<bdi>{escape(text)}</bdi>"


def formatted(value: float, unit: str = "share") -> str:
    """A number as it is read; a dash for what could not be measured.

    >>> formatted(0.5), formatted(1.0), formatted(0.214, "seconds"), formatted(0.7, "score")
    ('50.0%', '100%', '0.21 s', '0.700')
    """
    if not math.isfinite(value):
        return "–"
    if unit == "share":
        is_whole = round(value, 9) in {0.0, 1.0}
        return f"{abs(round(value)):.0%}" if is_whole else f"{value:.1%}"
    if unit == "seconds":
        return f"{value:.2f} s" if value < 1 else f"{value:.1f} s"
    return f"{value:.3f}" if unit == "score" else f"{value:,.0f}"


def interval(figure: Figure) -> str:
    """The 95% interval in words, or nothing where there is none."""
    if figure.method == "none" or not (math.isfinite(figure.low) and math.isfinite(figure.high)):
        return ""
    return _range(figure.low, figure.high, figure.unit)


def interval_strip(figure: Figure) -> str:
    """A share on a line from 0 to 1 with its interval, to see at a glance; not for the spoken."""
    if figure.unit != "share" or not math.isfinite(figure.value) or not interval(figure):
        return ""
    low, high, value = (_clamp(x) * 100 for x in (figure.low, figure.high, figure.value))
    return (
        '<svg class="strip" viewBox="-3 0 106 8" aria-hidden="true">'
        '<path class="rule" d="M0 4 H100"/>'
        f'<path class="whisker" d="M{low:.1f} 4 H{high:.1f}"/>'
        f'<circle class="dot" cx="{value:.1f}" cy="4" r="2.6"/></svg>'
    )


def _range(low: float, high: float, unit: str) -> str:
    return f"{formatted(low, unit)} to {formatted(high, unit)}"


def _clamp(value: float) -> float:
    return min(1.0, max(0.0, value))


def _nice_top(largest: float) -> float:
    """The end of an axis that takes in the largest value: just above it, with round quarters."""
    if largest < sys.float_info.min:  # below it, powers of ten are rounded to nothing
        return 1.0
    size = 10.0 ** math.floor(math.log10(largest))
    return next(m * size for m in (1, 1.2, 1.6, 2, 3, 4, 6, 8, 10, 12) if m * size >= largest)


def _thinned(
    points: Sequence[tuple[float, float]], *, limit: int = POINT_LIMIT
) -> list[tuple[float, float]]:
    """At most `limit` of the points, evenly taken, the first and the last among them."""
    if len(points) <= limit:
        return list(points)
    return [points[round(i * (len(points) - 1) / (limit - 1))] for i in range(limit)]


def _quantiles(values: Sequence[float]) -> list[tuple[float, float]]:
    """(value, share of the values up to it), rising."""
    ordered = sorted(value for value in values if math.isfinite(value))
    return [(value, (i + 1) / len(ordered)) for i, value in enumerate(ordered)]


def _at(points: Sequence[tuple[float, float]], share: float) -> float:
    """The value that a share of the values stays within, as `metrics.quantile` has it."""
    place = (len(points) - 1) * share
    below, above = points[math.floor(place)][0], points[math.ceil(place)][0]
    return below + (above - below) * (place % 1)


# The drawings.


def _svg(drawing: str, height: float, spoken: str) -> str:
    return (
        f'<svg class="plot" viewBox="0 0 {WIDTH:.0f} {height:.0f}" role="img" '
        f'aria-label="{escape(spoken)}">{drawing}</svg>'
    )


@dataclass(frozen=True, slots=True)
class _Axes:
    """Two axes that begin at 0: from values to places in the drawing."""

    x_top: float
    y_top: float

    def x(self, value: float) -> float:
        return LEFT + (RIGHT - LEFT) * value / self.x_top

    def y(self, value: float) -> float:
        return BOTTOM - (BOTTOM - TOP) * value / self.y_top

    def line(self, points: Sequence[tuple[float, float]]) -> str:
        """The path through points, as the `d` of a <path>."""
        return "M" + " L".join(f"{self.x(x):.1f} {self.y(y):.1f}" for x, y in points)

    def grid(self, *, x_title: str, y_title: str) -> str:
        """Both axes with their marks and titles; the horizontal one in seconds or in shares."""
        drawn = f'<text class="tick" x="0" y="12">{y_title}</text>'
        for quarter in QUARTERS:
            x, y = self.x(quarter * self.x_top), self.y(quarter * self.y_top)
            tick = f"{quarter * self.x_top:.3g}" if x_title == "seconds" else f"{quarter:.0%}"
            drawn += (
                f'<path class="rule" d="M{LEFT:.1f} {y:.1f} H{RIGHT:.1f}"/>'
                f'<text class="tick end" x="{LEFT - 6:.1f}" y="{y + 4:.1f}">'
                f"{quarter * self.y_top * 100:.3g}%</text>"
                f'<text class="tick {"end" if quarter == 1 else "middle"}" '
                f'x="{RIGHT if quarter == 1 else x:.1f}" y="{BOTTOM + 18:.1f}">{tick}</text>'
            )
        middle = (LEFT + RIGHT) / 2
        return drawn + (
            f'<text class="tick middle" x="{middle:.1f}" y="{BOTTOM + 38:.1f}">{x_title}</text>'
        )


def _bars_plot(name: str, title: str, caption: str, figures: Mapping[str, Figure]) -> Plot | None:
    """Shares as bars, one under the other, each with its label above it."""
    known = {label: figure for label, figure in figures.items() if math.isfinite(figure.value)}
    if not known:
        return None
    left, right = 6.0, WIDTH - 6

    def x(share: float) -> float:
        return left + (right - left) * _clamp(share)

    bottom = ROW * len(known)
    drawing = "".join(
        f'<path class="rule" d="M{x(quarter):.1f} 0 V{bottom + 4:.1f}"/>'
        f'<text class="tick {_side(quarter)}" x="{x(quarter):.1f}" y="{bottom + 20:.1f}">'
        f"{quarter:.0%}</text>"
        for quarter in QUARTERS
    )
    for place, (label, figure) in enumerate(known.items()):
        y = ROW * place
        short = label if len(label) <= LABEL_LIMIT else label[: LABEL_LIMIT - 1] + "…"
        value = formatted(figure.value, figure.unit)
        drawing += (
            f"<g><title>{escape(label)}: {value}, {interval(figure)}, n {figure.n}</title>"
            f'<text class="start" x="{left:.1f}" y="{y + 15:.1f}">{escape(short)}</text>'
            f'<text class="end" x="{right:.1f}" y="{y + 15:.1f}">{value}'
            f'<tspan class="tick"> · n {figure.n}</tspan></text>'
            f'<rect class="groove" x="{left:.1f}" y="{y + 21:.1f}" '
            f'width="{right - left:.1f}" height="9"/>'
            f'<rect class="bar" x="{left:.1f}" y="{y + 21:.1f}" '
            f'width="{x(figure.value) - left:.1f}" height="9"/>'
        )
        if interval(figure):
            low, high = x(figure.low), x(figure.high)
            drawing += (
                f'<path class="whisker" d="M{low:.1f} {y + 25.5:.1f} H{high:.1f} '
                f'M{low:.1f} {y + 22:.1f} v7 M{high:.1f} {y + 22:.1f} v7"/>'
            )
        drawing += "</g>"
    rows = tuple(
        (label, formatted(f.value, f.unit), interval(f) or "–", str(f.n))
        for label, f in known.items()
    )
    spoken = "; ".join(f"{row[0]} {row[1]}" for row in rows)
    return Plot(
        name=name,
        title=title,
        caption=caption,
        svg=_svg(drawing, bottom + 26, f"Bars. {spoken}."),
        columns=("", "Share", "95% interval", "n"),
        rows=rows,
    )


def _side(quarter: float) -> str:
    """How a mark's text stands to it, so that none leaves the drawing."""
    return {0.0: "start", 1.0: "end"}.get(quarter, "middle")
