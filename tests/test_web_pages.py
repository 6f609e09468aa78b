"""Web pages, each made by the test and read back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rag.errors import ArticleError
from rag.web_pages import read_html, whole_page

PROSE = "The model writes text, and it was trained on a great many books before that. " * 3


def html_page(body: str, head: str = "<title>A guide</title>") -> bytes:
    return f"<html><head>{head}</head><body>{body}</body></html>".encode()


def test_html_gives_its_main_text_as_light_markdown() -> None:
    reading = read_html(
        html_page(
            f"<nav>Menu</nav><article><h1>A guide</h1><p>{PROSE}</p><h2>Use</h2><ul><li>one<ul>"
            "<li>inner</li></ul></li><li>two</li></ul><table><tr><th>A</th><th>B</th></tr><tr>"
            f"<td>1</td><td>2</td></tr></table><p>{PROSE}</p></article><footer>Foot</footer>"
        ),
        Path("page.html"),
    )
    assert reading.title == "A guide"
    assert reading.text.split("\n\n") == [
        "# A guide",
        PROSE.strip(),
        "## Use",
        "- one\n  - inner\n- two",
        "| A | B |\n| 1 | 2 |",
        PROSE.strip(),
    ]


def test_html_faq_pairs_are_kept_wherever_the_page_has_them() -> None:
    faq = {
        "@type": "FAQPage",
        "mainEntity": [
            {
                "@type": "Question",
                "name": "Is it free?",
                "acceptedAnswer": {"@type": "Answer", "text": "<p>Yes &amp; always.</p>"},
            }
        ],
    }
    page = html_page(
        f"<article><h1>A guide</h1><p>{PROSE}</p><details><summary>Can I return it?</summary>"
        "<p>Within 30 days.</p></details><dl><dt>LLM</dt><dd>A language model.</dd>"
        "<dt>What is RAG?</dt><dd>Reading first.</dd></dl></article>",
        head=f'<script type="application/ld+json">{json.dumps(faq)}</script>'
        '<script type="application/ld+json">{broken</script>',
    )
    text = read_html(page, Path("page.html")).text
    assert text.endswith("## Frequently asked questions\n\n**Is it free?**\nYes & always.")
    assert "**Can I return it?**\nWithin 30 days." in text
    assert "- LLM: A language model." in text
    assert "**What is RAG?**\nReading first." in text


def test_a_pair_that_the_page_shows_is_not_told_twice() -> None:
    faq = {"@type": "Question", "name": "Is it free?", "acceptedAnswer": [{"text": "Yes, always."}]}
    page = html_page(
        f"<article><p>{PROSE}</p><h2>FAQ</h2><h3>Is it free?</h3><p>Yes, always.</p></article>",
        head=f'<script type="application/ld+json">{json.dumps(faq)}</script>',
    )
    assert read_html(page, Path("page.html")).text.count("Yes, always.") == 1


QUESTIONS = [
    {
        "@type": "Question",
        "name": "<b>Is it free?</b>",
        "acceptedAnswer": {"@type": "Answer", "text": "<p>Yes &amp; <b>always</b>.</p><p>Ok.</p>"},
    },
    {"@type": ["Question"], "name": "Speed", "acceptedAnswer": [{"text": "It is fast."}]},
]
FAQ_PAGE = {"@type": "FAQPage", "mainEntity": QUESTIONS}


@pytest.mark.parametrize(
    "script",
    [
        json.dumps(FAQ_PAGE),
        json.dumps({"@context": "https://schema.org", "@graph": [{"@type": "Article"}, FAQ_PAGE]}),
        f"<!--\n{json.dumps(FAQ_PAGE)}\n-->",
        f"//<![CDATA[\n{json.dumps(FAQ_PAGE)}\n//]]>",
        json.dumps(FAQ_PAGE).replace("It is fast", "It is\n fast"),
        json.dumps(FAQ_PAGE).replace('"Question"', '"https://schema.org/Question"'),
    ],
    ids=["plain", "graph", "comment", "cdata", "raw line break", "full names"],
)
def test_questions_that_only_the_code_of_a_page_names_are_read(script: str) -> None:
    head = f'<script type="application/ld+json; charset=utf-8">{script}</script>'
    page = html_page(f"<article><h1>A guide</h1><p>{PROSE}</p></article>", head=head)
    text = read_html(page, Path("page.html")).text
    pairs = "**Is it free?**\nYes & always. Ok.\n\n**Q: Speed**\nIt is fast."
    assert text.endswith(f"{PROSE.strip()}\n\n## Frequently asked questions\n\n{pairs}")


def test_a_question_lost_from_the_page_is_put_over_its_answer() -> None:
    head = f'<script type="application/ld+json">{json.dumps(FAQ_PAGE)}</script>'
    page = html_page(
        f"<article><h1>A guide</h1><p>{PROSE}</p><h2>FAQ</h2><button>Is it free?</button>"
        "<div><p>Yes &amp; <b>always</b>.</p><p>Ok.</p></div><button>Speed</button>"
        f"<p>It is fast.</p><h2>End</h2><p>{PROSE}</p></article>",
        head=head,
    )
    text = read_html(page, Path("page.html")).text
    faq = text.partition("## FAQ\n\n")[2].partition("\n\n## End")[0]
    assert faq == "**Is it free?**\nYes & always. Ok.\n\n**Q: Speed**\nIt is fast."
    assert text.count("Yes & always") == text.count("It is fast") == 1


def test_a_page_too_short_to_have_a_main_part_is_read_whole() -> None:
    assert read_html(b"<p>One line.</p>", Path("page.html")).text == "One line."


def test_html_without_anything_inside_is_an_error() -> None:
    with pytest.raises(ArticleError, match=r"page\.html is not an HTML page"):
        read_html(b"<!-- nothing -->", Path("page.html"))


def test_a_whole_page_keeps_menus_and_tells_layout_from_tables() -> None:
    page = html_page(
        "<nav><ul><li>Home<li>About</ul></nav><p>One<br>line,<br><br>and <b>an</b>other.</p>"
        "<table><tr><td>Left</td><td><p>Right.</p><ul><li>inside</li></ul></td></tr></table>"
        "<table><caption>Prices</caption><tr><th>Item</th><th>Price</th></tr>"
        "<tr><td>Pen</td><td>2</td></tr></table>in 1999<a><sup>2</sup></a>, 5 m<sup>2</sup>"
        "<p hidden>secret</p><p style='display: none'>preview</p><!-- a comment --><div><p>"
    )
    assert whole_page(page, Path("a.html")) == [
        "- Home\n- About",
        "One\nline,",
        "and another.",
        "Left",
        "Right.",
        "- inside",
        "Prices",
        "| Item | Price |\n| Pen | 2 |",
        "in 1999[2], 5 m²",
    ]
