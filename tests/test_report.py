"""The report of a run: whole in one file, safe whatever an article or a model says, readable."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import random
import re
import shutil
from base64 import b64encode
from collections import Counter
from pathlib import Path
from typing import Any

import lxml.html
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.metrics import wilson
from eval.outcomes import VERDICTS, verdict
from eval.records import (
    Case,
    Figure,
    Outcome,
    Passage,
    Quote,
    Reply,
    Run,
    SentenceJudgement,
    Statement,
)
from eval.report import FIGURES, render, write_report
from rag import FootnoteError

# Invented articles.
ARTICLES = {
    "harbour-bridge": "The harbour bridge of Lindmouth was opened in 1931. It is 310 metres long "
    "and carries two tram lines. The bridge was painted green until 1968, when the town council "
    "chose white. Repairs cost 2.4 million crowns in 1997, and the towers were then fitted with "
    "lamps.",
    "tide-mill": "The tide mill at Orrin Creek ground barley from 1788 to 1904. Its wheel, 5.2 "
    "metres across, turned for six hours of each tide. A museum of flour opened in the mill in "
    "1972; it is closed on Mondays. Some 14,000 people visit it in a year.",
    "glass-moth": "The glass moth lives on the north slopes of the Verrin hills. It lays 40 to 60 "
    "eggs on heather in June. Its wings have hardly any scales, so that light passes through "
    "them. Numbers have fallen by 35% since the heaths were drained.",
}
TITLES = {
    "harbour-bridge": "The harbour bridge",
    "tide-mill": "The tide mill at Orrin Creek",
    "glass-moth": "The glass moth & its heath",
}
ASKED = [
    ("How long is the harbour bridge?", "harbour-bridge", "310 metres", "number"),
    ("When was the harbour bridge opened?", "harbour-bridge", "1931", "date"),
    ("Which colour did the council choose in 1968?", "harbour-bridge", "white", "name"),
    ("What did the repairs of 1997 cost?", "harbour-bridge", "2.4 million crowns", "number"),
    ("Is the museum of flour open on Mondays?", "tide-mill", "closed on Mondays", "yes_no"),
    ("How many people visit the mill in a year?", "tide-mill", "14,000", "number"),
    ("Why does light pass through the moth's wings?", "glass-moth", "scales", "reason"),
    ("How many eggs does the glass moth lay?", "glass-moth", "40 to 60", "number"),
]
NOT_SAID = [
    ("How long is the railway bridge of Lindmouth?", "near_miss_entity"),
    ("What did the repairs of 1957 cost?", "near_miss_year"),
    ("Who is the world champion of chess?", "off_topic"),
    ("Why was the tide mill burnt down?", "false_premise"),
]
PAYLOAD = "</script><script>alert('x')</script><img src=x onerror=alert(1)>\"'&\u202e\ud800"


def share(name: str, successes: int, trials: int) -> Figure:
    low, high = wilson(successes, trials)
    return Figure(name, successes / trials if trials else float("nan"), trials, low, high)


def measured(name: str, value: float, unit: Any, n: int = 96) -> Figure:
    return Figure(name, value, n, value * 0.9, value * 1.12, unit, "bootstrap")


def passages(first: str) -> tuple[Passage, ...]:
    """All sentences of the articles in pairs, those of the article `first` before the others."""
    found = []
    for article in sorted(ARTICLES, key=lambda each: each != first):
        text, starts = ARTICLES[article], [0]
        starts += [match.end() for match in re.finditer(r"[.;] ", ARTICLES[article])]
        for start, end in zip(starts[::2], [*starts[2::2], len(text)], strict=True):
            found.append((article, start, end))
    return tuple(
        Passage(article, TITLES[article], start, end, ARTICLES[article][start:end], rank)
        for rank, (article, start, end) in enumerate(found, start=1)
    )


def outcome(place: int, rng: random.Random) -> Outcome:
    """One of many different outcomes, all of them consistent."""
    answerable = rng.random() < 0.65
    if answerable:
        question, article, fact, kind = rng.choice(ASKED)
    else:
        (question, kind), article, fact = rng.choice(NOT_SAID), rng.choice([*ARTICLES]), ""
    abstained = rng.random() < (0.1 if answerable else 0.75)
    case = Case(
        id=f"{kind}-{place:03d}",
        question=question,
        answerable=answerable,
        kind=kind,
        origin="near_miss" if kind.startswith("near") else "written",
        references=(f"It is {fact}, as the article says.",) if fact and place % 3 else (),
        key_facts=((fact, fact.upper()),) if fact else (),
        source_articles=(article,) if answerable else (),
        near="How long is the harbour bridge?" if kind == "near_miss_entity" else None,
    )
    found = passages(article)
    seconds = rng.lognormvariate(1.5, 0.35)
    reply = Reply(
        text="The articles do not answer this question." if abstained else "",
        abstained=abstained,
        reason="The nearest passage names another bridge." if abstained else None,
        statements=(),
        quotes=(),
        passages=found,
        confidence=rng.random() ** (2 if abstained else 0.4),
        first_token_ms=0 if abstained else 1000 * seconds,
        total_ms=400 if abstained else 1000 * (seconds + rng.lognormvariate(0.8, 0.6)),
        prompt_tokens=rng.randrange(380, 830),
        answer_tokens=0 if abstained else rng.randrange(12, 90),
    )
    judged: tuple[SentenceJudgement, ...] = ()
    hallucinated = not abstained and rng.random() < (0.06 if answerable else 0.6)
    if not abstained:
        text = ARTICLES[article]
        first, second = found[0], found[1]
        quotes = tuple(
            Quote(number, article, TITLES[article], p.start, end, text[p.start : end])
            for number, p in enumerate((first, second), start=1)
            for end in [p.end if number == 2 else p.start + p.text.index(" ", 24)]
        )
        said = f"As far as the article says, it is {fact or 'some 310 metres'}."
        extra = "It was the longest of its kind in the north." if hallucinated else second.text
        reply = dataclasses.replace(
            reply,
            text=f"{said} [1][2] {extra} [2]",
            statements=(Statement(said, (1, 2), 0.91), Statement(extra.strip(), (2,), 0.64)),
            quotes=quotes,
        )
        judged = (
            SentenceJudgement(said, 0.94, False, "All numbers stand in it.", True, (True, False)),
            SentenceJudgement(
                extra.strip(),
                0.12 if hallucinated else 0.97,
                hallucinated,
                "“longest” is in no article." if hallucinated else "Word for word.",
                not hallucinated,
                (not hallucinated,),
            ),
        )
    right = abstained != answerable and (abstained or rng.random() < 0.85)
    return Outcome(
        case=case,
        reply=reply,
        right=right,
        why="states 310 metres" if right else "the key fact is missing",
        hallucinated=hallucinated,
        agreement=round(rng.random(), 2) if case.references else None,
        exact_match=0.0,
        token_f1=0.4,
        string_recall=right,
        sentences=judged,
        quotes_exact=len(reply.quotes),
        found_rank=1 if answerable else None,
        all_sources_rank=1 if answerable else None,
    )


def a_run(size: int) -> Run:
    """A run of `size` questions with every figure, plot and judge."""
    rng = random.Random(7)
    outcomes = tuple(outcome(place, rng) for place in range(size))
    figures = {
        name: share(name, round(0.8 * max(size, 5)), max(size, 5))
        for group in FIGURES.values()
        for name in group
    }
    figures |= {
        "accuracy": share("accuracy", 169, 194),
        "answered": share("answered", 187, 300),
        "over_refusal": share("over_refusal", 11, 194),
        "abstention_recall": share("abstention_recall", 79, 106),
        "hallucination_answer": share("hallucination_answer", 14, 187),
        "hallucination_sentence": share("hallucination_sentence", 15, 402),
        "hallucination_unanswerable": share("hallucination_unanswerable", 12, 106),
        "hallucination_answerable": share("hallucination_answerable", 2, 194),
        "citation_recall": share("citation_recall", 371, 402),
        "citation_precision": share("citation_precision", 480, 611),
        "quotes_exact": share("quotes_exact", 611, 611),
        "first_token_p50": measured("first_token_p50", 4.31, "seconds"),
        "first_token_p95": measured("first_token_p95", 8.02, "seconds"),
        "total_p50": measured("total_p50", 6.9, "seconds"),
        "total_p95": measured("total_p95", 13.4, "seconds"),
        "prompt_tokens": measured("prompt_tokens", 604, "tokens"),
        "answer_tokens": measured("answer_tokens", 41, "tokens"),
        "mrr": measured("mrr", 0.81, "score"),
        "token_f1": measured("token_f1", 0.47, "score"),
        "agreement": measured("agreement", 0.79, "score"),
        "aurc": measured("aurc", 0.061, "score"),
    }
    kinds = Counter(each.case.kind for each in outcomes)
    right = Counter(each.case.kind for each in outcomes if each.right)
    ranked = sorted(outcomes, key=lambda each: -each.reply.confidence)
    wrong = [sum(not each.right for each in ranked[: i + 1]) for i in range(size)]
    return Run(
        id="2031-04-02T10-15-00-closed-5f3a",
        name="Lindmouth articles, closed",
        made_by={
            "date": "2031-04-02 10:15",
            "model": "a-small-model-1.5b (Q4_K_M)",
            "articles": "3 articles, 41 chunks",
            "mode": "closed",
            "seed": 7,
            "settings": {"temperature": 0.0, "top_k": 15, "reader": {"budget_tokens": 350}},
            "sha256": {"model": "c" * 64, "index": "1" * 64, "code": "73f4374"},
            "versions": {"python": "3.11.7", "footnote": "0.1.0"},
        },
        figures=figures,
        by_kind={kind: share(kind, right[kind], n) for kind, n in kinds.items()},
        risk_coverage=tuple(((i + 1) / size, wrong[i] / (i + 1)) for i in range(size)),
        calibration=tuple((0.1 + 0.2 * i, 0.15 + 0.19 * i, 12 + 30 * i) for i in range(5)),
        judges={
            "BEGIN (backed or not)": {
                "balanced_accuracy": share("balanced_accuracy", 163, 200),
                "precision": share("precision", 71, 88),
                "recall": share("recall", 71, 92),
                "auroc": measured("auroc", 0.86, "score", 200),
            },
            "own answers, read by people": {
                "balanced_accuracy": share("balanced_accuracy", 77, 84),
                "spearman": measured("spearman", 0.71, "score", 84),
            },
        },
        outcomes=outcomes,
        notes=("2 answers without a question are reported apart: drafted questions are not here.",)
        if size
        else (),
    )


def parsed(page: str) -> Any:
    return lxml.html.document_fromstring(page.encode("utf-8"))


def poisoned(value: Any) -> Any:
    """The same records with every text replaced by one that tries to break out."""
    if isinstance(value, str):
        return PAYLOAD
    if isinstance(value, tuple):
        return tuple(poisoned(each) for each in value)
    if isinstance(value, dict):
        return {f"{PAYLOAD}{i}": poisoned(each) for i, each in enumerate(value.values())}
    if dataclasses.is_dataclass(value) and not isinstance(value, type | Figure):
        changed = {f.name: poisoned(getattr(value, f.name)) for f in dataclasses.fields(value)}
        return type(value)(**changed)
    return value


# One file, and nothing but it.


def test_the_page_names_nothing_that_could_be_fetched() -> None:
    page = parsed(render(a_run(30)))
    named = page.xpath("//@src | //@href | //@data | //@action | //@poster | //@srcset")
    assert named and {link for link in named if not link.startswith("#")} == {"data:,"}
    style = page.xpath("string(//style)")
    assert "url(" not in style and "@import" not in style


def test_the_policy_of_the_page_allows_its_own_style_and_script_and_nothing_else() -> None:
    page = parsed(render(a_run(3)))
    policy = page.xpath("string(//meta[@http-equiv='Content-Security-Policy']/@content)")
    for tag in ("style", "script"):
        digest = hashlib.sha256(page.xpath(f"string(//{tag})").encode()).digest()
        assert f"{tag}-src 'sha256-{b64encode(digest).decode()}'" in policy
    assert policy.startswith("default-src 'none'")
    assert not page.xpath("//@style"), "the policy would drop a style that is not in the sheet"


def test_no_text_of_a_run_becomes_markup() -> None:
    run = poisoned(a_run(12))
    page = parsed(render(run))
    assert len(page.xpath("//script")) == 1
    assert not page.xpath("//img | //*[@onerror]")
    known = {element.tag for element in parsed(render(a_run(12))).iter()}
    assert {element.tag for element in page.iter()} <= known
    shown = page.xpath("string(//*[@id='question-1'])")
    assert shown.count("<script>alert('x')</script>") > 3


def test_no_text_of_a_run_turns_around_the_words_beside_it() -> None:
    page = parsed(render(poisoned(a_run(12))))
    page.xpath("//title")[0].drop_tree()
    turning = page.xpath("//text()[contains(., '\u202e')]/..")
    assert len(turning) > 100
    apart = {"bdi", "title", "text"}  # in a drawing each text stands by itself
    assert {element.tag for element in turning} <= apart


def test_every_id_is_there_once_and_every_link_has_its_end() -> None:
    page = parsed(render(a_run(30)))
    ids = page.xpath("//@id")
    assert len(ids) == len(set(ids))
    assert {link[1:] for link in page.xpath("//a/@href")} <= set(ids)


def test_the_same_run_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one.html", "two.html"):
        write_report(a_run(10), tmp_path / name)
    assert (tmp_path / "one.html").read_bytes() == (tmp_path / "two.html").read_bytes()
    assert (tmp_path / "one.html").read_text("utf-8") == render(a_run(10))


def test_a_report_that_cannot_be_written_says_where_and_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(FootnoteError, match="missing") as raised:
        write_report(a_run(0), tmp_path / "missing" / "report.html")
    assert "--report" in raised.value.hint


# What it says.


def test_a_run_without_questions_is_a_report_too() -> None:
    empty = Run("r", "Nothing asked", {}, {}, {}, (), (), {}, ())
    text = parsed(render(empty)).text_content()
    assert "Nothing asked" in text and "No question was asked." in text
    assert "no score" in text, "what is not known of the judges is said"
    assert "None" not in text and "nan" not in text


def test_a_long_run_stays_small_enough_to_send() -> None:
    page = render(a_run(400))
    assert len(parsed(page).xpath("//table[@id='cases']/tbody")) == 400
    assert len(page.encode()) < 6_000_000


def test_a_figure_that_is_missing_is_left_out_and_one_without_data_is_a_dash() -> None:
    run = a_run(5)
    unknown = Figure("mrr", float("nan"), 0, float("nan"), float("nan"), "score", "bootstrap")
    figures = {"accuracy": run.figures["accuracy"], "mrr": unknown, "of_my_own": share("x", 1, 2)}
    page = parsed(render(dataclasses.replace(run, figures=figures)))
    assert page.xpath("//*[@class='card']/*[@class='name']/text()") == ["Answered rightly"]
    rows = [row.text_content() for row in page.xpath("//details[@class='fold'][1]//tbody/tr")]
    assert [row for row in rows if row.startswith("Mean reciprocal rank––0")]
    assert [row for row in rows if row.startswith("of my own50.0%")]


def test_headline_figures_have_their_interval_and_their_n() -> None:
    cards = parsed(render(a_run(5))).xpath("//*[@class='card']")
    texts = {card.xpath("string(*[@class='name'])"): card.text_content() for card in cards}
    assert "87.1%" in texts["Answered rightly"]
    assert "n 194" in texts["Answered rightly"]
    assert "81.7% to 91.1%" in texts["Answered rightly"]
    assert "4.3 s" in texts["First word, median"]
    assert len(texts) == 11


def test_answer_rate_stands_beside_hallucination() -> None:
    groups = parsed(render(a_run(5))).xpath("//*[@class='group']")
    names = {g.xpath("string(h3)"): g.xpath(".//*[@class='name']/text()") for g in groups}
    assert "Answered at all" in names["Hallucination"]


def test_what_made_the_run_is_listed_with_inner_settings() -> None:
    table = parsed(render(a_run(2))).xpath("//*[@id='made-by']//tr")
    listed = {row[0].text_content(): row[1].text_content() for row in table[1:]}
    assert listed["settings.reader.budget_tokens"] == "350"
    assert listed["sha256.model"] == "c" * 64


def test_judges_are_shown_with_their_scores_and_gaps() -> None:
    rows = parsed(render(a_run(2))).xpath("//*[@id='judges']//tbody/tr")
    begin, own = (row.text_content() for row in rows)
    assert begin.startswith("BEGIN (backed or not)81.5% (75.5% to 86.3%), n\u00a0200")
    assert "–" in own and "0.710" in own


@pytest.mark.parametrize(
    ("answerable", "abstained", "right", "hallucinated", "expected"),
    [
        (True, False, True, False, "right"),
        (True, False, False, False, "wrong"),
        (True, False, True, True, "hallucinated"),
        (True, True, False, False, "refused"),
        (False, True, True, False, "abstained rightly"),
        (False, False, False, True, "hallucinated"),
        (False, False, False, False, "wrong"),
    ],
)
def test_a_verdict_follows_from_the_judgements(
    answerable: bool, abstained: bool, right: bool, hallucinated: bool, expected: str
) -> None:
    some = outcome(1, random.Random(1))
    some = dataclasses.replace(
        some,
        case=dataclasses.replace(some.case, answerable=answerable),
        reply=dataclasses.replace(some.reply, abstained=abstained),
        right=right,
        hallucinated=hallucinated,
    )
    assert verdict(some) == expected


def test_every_question_has_its_row_with_answer_reference_verdict_and_why() -> None:
    run = a_run(60)
    bodies = parsed(render(run)).xpath("//table[@id='cases']/tbody")
    assert {body.get("data-verdict") for body in bodies} == set(VERDICTS)
    for body, each in zip(bodies, run.outcomes, strict=True):
        text = body[0].text_content()
        assert each.case.question in text and each.why in text
        assert body.get("data-verdict") == verdict(each)
        said = each.reply.text if each.reply.abstained else each.reply.statements[0].text
        assert said in text
        wanted = (*each.case.references, *(fact for facts in each.case.key_facts for fact in facts))
        assert wanted[:1] == () or wanted[0] in text


def cited(quote: Quote, passage: Passage) -> Any:
    """The quote as the report shows it in the one passage of the reply."""
    run = a_run(20)
    some = next(each for each in run.outcomes if each.reply.quotes)
    reply = dataclasses.replace(
        some.reply,
        quotes=(quote,),
        passages=(passage,),
        statements=(Statement("It is.", (1,), 1.0),),
    )
    changed = dataclasses.replace(run, outcomes=(dataclasses.replace(some, reply=reply),))
    return parsed(render(changed)).xpath("//*[@class='quote']/blockquote")[0]


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_a_quote_is_marked_where_it_stands_in_its_passage(data: st.DataObject) -> None:
    text = ARTICLES["glass-moth"]
    start, end = sorted(data.draw(st.lists(st.integers(0, len(text)), min_size=2, max_size=2)))
    left, right = data.draw(st.integers(0, start)), data.draw(st.integers(end, len(text)))
    passage = Passage("a", "A", left, right, text[left:right], 1)
    shown = cited(Quote(1, "a", "A", start, end, text[start:end]), passage)
    assert shown.text_content() == passage.text
    assert shown.xpath("string(mark)") == text[start:end]
    assert shown.xpath("string(mark/preceding-sibling::*)") == text[left:start]


@pytest.mark.parametrize(
    "passage",
    [
        Passage("another", "A", 0, 12, "It is white.", 1),
        Passage("a", "A", 7, 12, "hite.", 1),
        Passage("a", "A", 0, 8, "It is wh", 1),
    ],
    ids=["another article", "begins too late", "ends too early"],
)
def test_a_quote_that_no_passage_covers_stands_alone(passage: Passage) -> None:
    assert cited(Quote(1, "a", "A", 6, 11, "white"), passage).text_content() == "white"


def test_a_quote_that_is_not_in_its_place_is_not_shown_as_if_it_were() -> None:
    shown = cited(Quote(1, "a", "A", 6, 11, "black"), Passage("a", "A", 0, 12, "It is white.", 1))
    assert shown.xpath("string(mark)") == "black"
    assert "But at this place stands: white" in shown.text_content()


def test_a_drawing_says_what_it_shows_and_has_its_numbers_as_a_table() -> None:
    figures = parsed(render(a_run(40))).xpath("//figure[@id]")
    assert len(figures) == 5
    for figure in figures:
        drawing = figure.xpath("*[local-name()='svg']")[0]
        assert drawing.get("role") == "img" and len(drawing.get("aria-label")) > 20
        assert figure.xpath("string(figcaption)")
        assert len(figure.xpath("details//tbody/tr")) > 1


# In a browser.

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
CHROMEDRIVER = shutil.which("chromedriver")


@pytest.mark.browser
@pytest.mark.skipif(
    CHROMIUM is None or CHROMEDRIVER is None,
    reason="chromium and chromedriver are not both installed",
)
def test_the_report_filters_complains_of_nothing_and_asks_nobody(tmp_path: Path) -> None:
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    by = pytest.importorskip("selenium.webdriver.common.by").By.CSS_SELECTOR
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for flag in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--window-size=1100,900",
        f"--user-data-dir={tmp_path / 'profile'}",
    ):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    run = a_run(60)
    write_report(run, tmp_path / "report.html")
    driver = webdriver.Chrome(
        options=options, service=webdriver.ChromeService(executable_path=str(CHROMEDRIVER))
    )
    try:
        driver.get("about:blank")
        driver.get_log("performance"), driver.get_log("browser")  # of the browser's own first page
        driver.get((tmp_path / "report.html").as_uri())

        def shown() -> list[str]:
            bodies = driver.find_elements(by, "#cases tbody")
            return [body.get_attribute("data-verdict") for body in bodies if body.is_displayed()]

        def press(selector: str) -> None:
            driver.find_element(by, selector).click()

        everything = [verdict(each) for each in run.outcomes]
        assert shown() == everything
        press("button[value='wrong']")
        press("button[value='refused']")
        wanted = [each for each in everything if each in {"wrong", "refused"}]
        assert shown() == wanted and 0 < len(wanted) < 60
        assert driver.find_element(by, "output").text == f"{len(wanted)} of 60 shown"
        press("#all")
        driver.find_element(by, "#filters input").send_keys("eggs MOTH")
        matching = [
            verdict(each)
            for each in run.outcomes
            if "eggs" in each.case.question and "moth" in each.case.question
        ]
        assert shown() == matching and matching
        press("button[name='kind'][value='off_topic']")
        assert shown() == []
        press("#all")
        assert shown() == everything
        press("#question-1 summary")
        assert driver.find_element(by, "#question-1 h4").is_displayed()

        assert driver.get_log("browser") == []
        messages = [json.loads(e["message"])["message"] for e in driver.get_log("performance")]
        asked = {
            message["params"]["request"]["url"]
            for message in messages
            if message["method"] == "Network.requestWillBeSent"
        }
        assert {url for url in asked if not url.startswith("data:")} == {
            (tmp_path / "report.html").as_uri()
        }
    finally:
        driver.quit()
