"""The plots: within their frame whatever the numbers, in the page's colours, and told in words."""

from __future__ import annotations

import doctest
import math
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import eval.plots
from eval.metrics import quantile, wilson
from eval.plots import (
    accuracy_by_kind,
    calibration,
    citation_quality,
    formatted,
    interval,
    interval_strip,
    latency,
    plots,
    risk_coverage,
)
from eval.records import Case, Figure, Outcome, Reply, Run

CSS = (Path(eval.plots.__file__).parent / "report.css").read_text("utf-8")
EMPTY = Run("id", "name", {}, {}, {}, (), (), {}, ())
NAN = float("nan")

shares = st.floats(0, 1)
counted = st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
names = st.text(min_size=1, max_size=60).filter(lambda name: name.isprintable())
seconds = st.floats(1e-3, 1e4)


def share(name: str, successes: int, trials: int) -> Figure:
    return Figure(name, successes / trials, trials, *wilson(successes, trials))


def by_kind(**values: float) -> Run:
    figures = {kind: Figure(kind, value, 10, 0, 1) for kind, value in values.items()}
    return replace(EMPTY, by_kind=figures)


def replied(first_ms: float, total_ms: float) -> Outcome:
    case = Case("1", "?", True, "name", "written")
    reply = Reply("", False, None, (), (), (), 0.5, first_ms, total_ms, 0, 0)
    return Outcome(case, reply, True, "", False, None, 0, 0, False, (), 0, None, None)


def waited(*pairs: tuple[float, float]) -> Run:
    return replace(EMPTY, outcomes=tuple(replied(*pair) for pair in pairs))


def elements(svg: str, kind: str) -> list[ET.Element]:
    """The elements of a class, in the order of the drawing."""
    return [each for each in ET.fromstring(svg).iter() if kind in each.get("class", "").split()]


def places(drawing: ET.Element) -> list[tuple[float, float]]:
    """Every point that a drawing goes through, circles and boxes with their corners."""
    found = []
    for each in drawing.iter():
        x, y = float(each.get("x", 0)), float(each.get("y", 0))
        found.append((x, y))
        if each.tag == "rect":
            found.append((x + float(each.attrib["width"]), y + float(each.attrib["height"])))
        if each.tag == "circle":
            r, cx, cy = (float(each.attrib[name]) for name in ("r", "cx", "cy"))
            found += [(cx - r, cy - r), (cx + r, cy + r)]
        for command, numbers in re.findall(r"([A-Za-z])\s*([-\d. ]*)", each.get("d", "")):
            values = [float(number) for number in numbers.split()]
            assert command in "MLHVhvZ"
            if command in "ML":
                x, y = values
            elif command in "Hh":
                x = values[0] + (x if command == "h" else 0)
            elif command in "Vv":
                y = values[0] + (y if command == "v" else 0)
            found.append((x, y))
    return found


def check_drawing(svg: str) -> None:
    drawing = ET.fromstring(svg)
    left, top, width, height = (float(number) for number in drawing.attrib["viewBox"].split())
    for x, y in places(drawing):
        assert left - 0.1 <= x <= left + width + 0.1
        assert top - 0.1 <= y <= top + height + 0.1
    for each in drawing.iter():
        assert not {"fill", "stroke", "style", "font-family"} & set(each.attrib)
        for name in each.get("class", "").split():
            assert f".{name}" in CSS, name


@settings(max_examples=40)
@given(
    st.dictionaries(names, counted, max_size=14),
    st.lists(st.tuples(shares, shares), max_size=30),
    st.lists(st.tuples(shares, counted), max_size=10),
    st.lists(st.tuples(seconds, seconds), max_size=30),
)
@example({}, [(0.0, 5e-324)], [], [])  # too small for an axis of its own size
def test_every_drawing_stays_in_its_frame_and_takes_its_looks_from_the_page(
    kinds: dict[str, tuple[int, int]],
    risks: list[tuple[float, float]],
    bins: list[tuple[float, tuple[int, int]]],
    waits: list[tuple[float, float]],
) -> None:
    run = replace(
        waited(*((1000 * a, 1000 * b) for a, b in waits)),
        by_kind={kind: share(kind, *pair) for kind, pair in kinds.items()},
        risk_coverage=tuple(risks),
        calibration=tuple((mean, right / n, n) for mean, (right, n) in bins),
        figures={"citation_recall": share("citation_recall", 3, 7)},
    )
    drawn = plots(run)
    assert len(drawn) == 1 + sum(map(bool, (kinds, risks, bins, waits)))
    for plot in drawn:
        check_drawing(plot.svg)
        assert plot.caption and plot.rows
        assert all(len(row) == len(plot.columns) for row in plot.rows)


def test_what_was_not_measured_is_not_drawn() -> None:
    assert plots(EMPTY) == ()
    unknown = replace(
        by_kind(name=NAN),
        risk_coverage=((NAN, 0.1), (0.5, math.inf)),
        calibration=((0.5, NAN, 3), (0.5, 0.5, 0)),
    )
    assert plots(unknown) == ()
    plot = accuracy_by_kind(by_kind(name=0.5, date=NAN))
    assert plot and [row[0] for row in plot.rows] == ["name"]


@given(shares, shares)
def test_the_better_kind_has_the_longer_bar(one: float, other: float) -> None:
    plot = accuracy_by_kind(by_kind(one=one, other=other))
    assert plot
    widths = [float(bar.attrib["width"]) for bar in elements(plot.svg, "bar")]
    assert (widths[0] - widths[1]) * (one - other) >= 0
    assert widths[0] == pytest.approx(468 * one, abs=0.1)


def test_a_long_or_hostile_kind_is_cut_in_the_drawing_and_whole_in_the_table() -> None:
    kind = "<b>" + 60 * "x"
    plot = accuracy_by_kind(by_kind(**{kind: 0.5}))
    assert plot and plot.rows[0][0] == kind
    label = next(
        each.text or "" for each in elements(plot.svg, "start") if "x" in (each.text or "")
    )
    assert label.startswith("<b>xxx") and label.endswith("…")
    assert "<b>" not in plot.svg


def test_only_the_citation_figures_that_are_known_are_drawn() -> None:
    run = replace(EMPTY, figures={"quotes_exact": share("quotes_exact", 9, 9), "mrr": NAN})
    plot = citation_quality(run)
    assert plot and [row[1:] for row in plot.rows] == [("100%", "70.1% to 100%", "9")]


def test_the_risk_curve_goes_from_the_most_confident_to_all_and_names_its_area() -> None:
    area = Figure("aurc", 0.0612, 3, 0.05, 0.07, "score", "bootstrap")
    run = replace(EMPTY, figures={"aurc": area}, risk_coverage=((1.0, 0.2), (0.1, 0.0), (0.5, 0.1)))
    plot = risk_coverage(run)
    assert plot and plot.rows == (("10.0%", "0%"), ("50.0%", "10.0%"), ("100%", "20.0%"))
    assert "0.061" in plot.caption and "0.061" in plot.svg
    [curve] = elements(plot.svg, "curve")
    heights = [y for _, y in places(curve)[1:]]
    assert heights == sorted(heights, reverse=True), "upwards is a smaller y"


def test_a_curve_of_many_points_keeps_its_ends_and_stays_small() -> None:
    points = tuple((i / 5000, i / 10000) for i in range(1, 5001))
    plot = risk_coverage(replace(EMPTY, risk_coverage=points))
    assert plot and len(plot.svg) < 15_000
    assert plot.rows[-1] == ("100%", "50.0%") and len(plot.rows) == 21


@settings(max_examples=25)
@given(st.lists(seconds, min_size=1, max_size=60))
def test_the_waits_in_the_table_are_those_of_the_figures(waits: list[float]) -> None:
    plot = latency(waited(*((1000 * each, 1000 * each) for each in waits)))
    assert plot
    rows = {row[0]: row[1:] for row in plot.rows}
    for share_of_them, label in ((0.5, "50.0%"), (0.95, "95.0%"), (1.0, "100%")):
        expected = quantile("total", waits, share_of_them).value
        for told in rows[label]:
            assert float(told.removesuffix(" s")) == pytest.approx(expected, abs=0.051)


def test_a_question_refused_before_a_word_was_written_has_no_first_word() -> None:
    plot = latency(waited((0, 400), (4000, 6000)))
    assert plot
    assert plot.rows[0] == ("5.0%", "4.0 s", "0.68 s")
    only_refused = latency(waited((0, 400)))
    assert only_refused and only_refused.columns == (
        "Share of the questions",
        "Seconds to the whole answer",
    )


def test_a_group_of_more_answers_has_a_larger_dot_on_its_place() -> None:
    plot = calibration(replace(EMPTY, calibration=((0.2, 0.2, 4), (0.8, 0.6, 100))))
    assert plot and plot.rows[1] == ("0.80", "60.0%", "50.2% to 69.1%", "100")
    small, large = elements(plot.svg, "dot")
    assert float(small.attrib["r"]) < float(large.attrib["r"])
    assert float(small.attrib["cx"]) < float(large.attrib["cx"])
    assert float(small.attrib["cy"]) > float(large.attrib["cy"])


@given(shares, st.sampled_from(["share", "score", "seconds", "tokens", "count"]))
def test_a_number_is_written_as_it_is(value: float, unit: str) -> None:
    written = formatted(value, unit)
    number = float(written.rstrip("% s").replace(",", ""))
    assert number / (100 if unit == "share" else 1) == pytest.approx(value, abs=0.5001)
    assert not written.startswith("-")


def test_numbers_that_are_almost_whole_shares_and_unknown_ones() -> None:
    assert formatted(-1e-17) == "0%" and formatted(1 - 1e-16) == "100%"
    assert formatted(0.9999) == "100.0%", "not quite all of them"
    assert formatted(NAN, "seconds") == "–"
    assert formatted(12345.6, "tokens") == "12,346"


def test_there_is_an_interval_only_where_one_was_measured() -> None:
    figure = share("accuracy", 8, 10)
    assert interval(figure) == "49.0% to 94.3%"
    check_drawing(interval_strip(figure))
    bare = replace(figure, method="none")
    assert interval(bare) == "" and interval_strip(bare) == ""
    assert interval_strip(replace(figure, unit="seconds")) == ""


def test_the_examples_in_the_module_hold() -> None:
    assert doctest.testmod(eval.plots).failed == 0
