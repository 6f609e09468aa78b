"""The report of a run: whole in one file, safe whatever an article or a model says, readable."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import random
import shutil
from base64 import b64encode
from pathlib import Path
from typing import Any

import lxml.html
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.outcomes import VERDICTS, verdict
from eval.records import (
    Figure,
    Passage,
    Quote,
    Run,
    Statement,
)
from eval.report import render, write_report
from rag import FootnoteError
from tests.invented_run import ARTICLES, a_run, outcome, share

PAYLOAD = "</script><script>alert('x')</script><img src=x onerror=alert(1)>\"'&\u202e\ud800"


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


@settings(max_examples=25)
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
