"""Files become articles with a title, a source and the file's own words."""

from __future__ import annotations

import itertools
import os
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.articles import find_files, read_article, without_faqs
from rag.blocks import parse_sections
from rag.chunking import split_article
from rag.errors import ArticleError, UsageError
from rag.normalisation import normalised
from rag.records import Article, Block
from tests.test_books import chapter, epub
from tests.test_messages import safari_archive, web_archive
from tests.test_tables import workbook

SHARED_ARTICLES = Path(__file__).parents[1].parent / "shared" / "articles"
needs_shared_articles = pytest.mark.skipif(
    not SHARED_ARTICLES.is_dir(), reason="the two scraped articles are not on this machine"
)
PROSE = "The model writes text. It was trained on a great many books, and it answers questions."


@pytest.fixture
def read(tmp_path: Path):
    def read_content(name: str, content: str | bytes) -> Article:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_article(path, article_id="one")

    return read_content


def blocks(article: Article, kind: str) -> list[Block]:
    return [block for part in article.sections for block in part.blocks if block.kind == kind]


def test_front_matter_names_title_and_source_and_is_left_out(read) -> None:
    article = read(
        "a.md",
        "---\nid: x\ntitle: 'Costs: a guide'\nsource: https://example.org/a\ndate: 2025-01-01\n"
        f"---\n\n# Heading\n\n{PROSE}\n",
    )
    assert (article.id, article.title) == ("one", "Costs: a guide")
    assert article.source == "https://example.org/a"
    assert article.text == f"\n# Heading\n\n{PROSE}\n"


def test_a_rule_at_the_top_is_no_front_matter(read) -> None:
    text = f"---\n{PROSE}\n---\nMore."
    assert read("a.md", text).text == text


@pytest.mark.parametrize(
    ("name", "content", "title"),
    [
        ("a.md", f"Intro.\n\n# The title\n\n{PROSE}", "The title"),
        ("a.txt", f"A guide to models\n{PROSE}", "A guide to models"),
        ("llm-and-ai_costs.txt", f"{PROSE}\nAn LLM is AI. AI costs.", "LLM and AI costs"),
    ],
)
def test_title_without_front_matter(read, name: str, content: str, title: str) -> None:
    assert read(name, content).title == title


def test_source_is_the_path_as_given(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_text(PROSE)
    assert read_article(path, article_id="one").source == str(path)


def test_text_keeps_every_character_but_line_ends_and_marks_of_encoding(read) -> None:
    text = f"# T\r\n\r\n**{PROSE}**  two  spaces\tand “quotes” … [link](x)\r\n> end\r\n"
    assert read("a.md", b"\xef\xbb\xbf" + text.encode()).text == text.replace("\r\n", "\n")


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.md", "", "a.md is empty"),
        ("a.md", " \n\n", "a.md is empty"),
        ("a.md", "---\ntitle: x\n---\n", "a.md holds no text"),
        ("a.txt", bytes(range(256)), "a.txt is a binary file"),
        ("a.rtf", "text", "a.rtf is not an article: its suffix is none of .md"),
        ("a.pdf", "text", "a.pdf cannot be read as a PDF"),
        ("a.docx", "text", "a.docx is not a Word document"),
        ("a.html", "<html><script>1</script></html>", "a.html holds no text"),
        ("a.epub", "text", "a.epub is not an EPUB book"),
        ("a.epub", epub(**{"a b": chapter("<img/>"), "b": chapter("")}), "a.epub holds no text"),
        ("a.xlsx", "a,b\n1,2\n", "a.xlsx is not an Excel workbook"),
        ("a.xlsx", b"\xd0\xcf\x11\xe0", "a.xlsx is protected by a password, or in an old Office"),
        ("a.xlsx", workbook(("Empty", [])), "a.xlsx holds no text"),
        ("a.docx", workbook(("S", [["a"]])), "a.docx is not a Word document"),
        ("a.csv", workbook(("S", [["a"]])), "a.csv is a zip archive"),
        ("a.csv", ",,\n,,\n", "a.csv holds no text"),
        ("a.eml", "text", "a.eml is not an e-mail"),
        ("a.mhtml", "text", "a.mhtml is not a saved web page"),
        ("a.webarchive", "text", "a.webarchive is not a saved web page"),
        ("a.txt", "word " * 2_000_001, "a.txt holds more than 10 million characters"),
    ],
)
def test_what_is_no_article_is_refused_in_one_line(read, name, content, reason) -> None:
    with pytest.raises(ArticleError, match=reason) as raised:
        read(name, content)
    assert "\n" not in str(raised.value)


def test_a_file_too_large_to_read_is_not_opened(tmp_path: Path) -> None:
    with (tmp_path / "a.pdf").open("wb") as file:
        file.truncate(200_000_000)
    with pytest.raises(ArticleError, match=r"a\.pdf has 200 MB; at most 100 MB are read"):
        read_article(tmp_path / "a.pdf", article_id="one")


WHOLE_FILES = {
    "a.epub": epub(),
    "a.xlsx": workbook(("Prices", [["Item", "Price"], *(["Pen", n] for n in range(99))])),
    "a.csv": "name;note\n" + "".join(f"Ann {n};{PROSE}\n" for n in range(9)),
    "a.tsv": "Town\nUlm\nBonn, on the Rhine\n",
    "a.eml": f"From: a@example.org\r\nSubject: Prices\r\n\r\n{PROSE}\r\n\r\n> {PROSE}\r\n",
    "a.mht": web_archive(f"<h1>T</h1><p>{PROSE}</p>"),
    "a.webarchive": safari_archive(f"<h1>T</h1><p>{PROSE}</p>".encode()),
}


@pytest.mark.parametrize("name", WHOLE_FILES)
def test_passages_stand_in_the_article_at_their_offsets_and_hold_all_of_it(read, name) -> None:
    article = read(name, WHOLE_FILES[name])
    chunks = split_article(article, max_tokens=40, count_tokens=lambda text: len(text.split()))
    assert all(article.text[chunk.start : chunk.end] == chunk.text for chunk in chunks)
    assert "".join("".join(chunk.text.split()) for chunk in chunks) == "".join(article.text.split())
    assert article.text == normalised(article.text)


def test_a_missing_file_is_an_article_error(tmp_path: Path) -> None:
    with pytest.raises(ArticleError, match="cannot be read: No such file"):
        read_article(tmp_path / "gone.md", article_id="one")


def test_files_are_found_sorted_and_hidden_ones_passed_over(tmp_path: Path) -> None:
    passed_over = [".hidden/d.md", ".e.md", "~$f.docx", "~$f.xlsx", "g.png"]
    names = ["b.md", "a.TXT", "sub/c.html", "sub/d.XLSX", *passed_over]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert [path.relative_to(tmp_path).as_posix() for path in find_files(tmp_path)] == [
        "a.TXT",
        "b.md",
        "sub/c.html",
        "sub/d.XLSX",
    ]
    assert find_files(tmp_path / "g.png") == [tmp_path / "g.png"]
    with pytest.raises(UsageError, match="no file or folder"):
        find_files(tmp_path / "gone")


def test_links_that_lead_nowhere_or_in_a_circle_are_told(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "sub").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    (root / "a.md").write_text(PROSE)
    try:
        (root / "linked.md").symlink_to("a.md")
    except OSError:
        pytest.skip("links may not be made here")
    (root / "circle.md").symlink_to("circle.md")
    (root / "gone.md").symlink_to("nothing.md")
    (root / "no article").symlink_to("nothing")
    (root / "sub" / "up").symlink_to("..")
    (root / "beside").symlink_to("sub")
    (root / "out").symlink_to(tmp_path / "elsewhere")
    told: dict[str, str] = {}
    files = find_files(root, passed_over=lambda path, why: told.update({path.name: why}))
    assert [file.name for file in files] == ["a.md", "linked.md"]
    assert sorted(told) == ["circle.md", "gone.md", "out", "up"]
    assert told["out"].endswith(f"rag index {tmp_path / 'elsewhere'}")
    (root / ".footnoteignore").write_text("circle.md\ngone.md\nout\nup\n")
    told.clear()
    assert find_files(root, passed_over=lambda path, why: told.update({path.name: why})) == files
    assert told == {}


def test_a_file_that_changes_while_it_is_read_says_so(tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    with log.open("wb") as file:
        file.truncate(60_000_000)
    done = threading.Event()

    def write() -> None:
        for moment in itertools.count():
            if done.is_set():
                return
            os.utime(log, ns=(moment, moment))

    writer = threading.Thread(target=write)
    writer.start()
    try:
        with pytest.raises(ArticleError, match="changed while it was read"):
            read_article(log, article_id="one")
    finally:
        done.set()
        writer.join()


@pytest.mark.parametrize("name", ["a.txt", "a.md", "a.html", "a.csv", "a.eml"])
@pytest.mark.parametrize("data", [b"%PDF-1.4\n1 0 obj\n", b"PK\x03\x04 and what follows"])
def test_what_is_no_text_is_not_taken_for_it(read, name: str, data: bytes) -> None:
    with pytest.raises(ArticleError, match=r"whatever its suffix|is not an e-mail"):
        read(name, data)


def test_faqs_leave_with_the_headings_that_led_only_to_them(read) -> None:
    article = without_faqs(
        read(
            "a.md",
            f"# Guide\n\n## Use\n\n### FAQ\n\n#### Is it free?\n\nYes.\n\n### Cost\n\n{PROSE}\n\n"
            f"**Is it dear?** No.\n\n{PROSE} Again.\n\n## Questions and answers\n\n1. Is it?\nNo.",
        )
    )
    assert [
        (section.heading, article.text[section.start : section.end]) for section in article.sections
    ] == [
        ("Use", "# Guide\n\n## Use"),
        ("Use > Cost", f"### Cost\n\n{PROSE}"),
        ("Use > Cost", f"{PROSE} Again."),
    ]


@given(
    st.lists(
        st.sampled_from(
            "# A;## B;### C;## FAQ;### Is it?;1. Is it?;**Is it?**;**Q?** yes;- a;| a | b |;"
            "Prose here. More.;Yes, so.;".split(";")
        ),
        max_size=16,
    ).map("\n".join)
)
def test_leaving_faqs_out_leaves_everything_else_as_it_was(text: str) -> None:
    whole = Article("a", "A", "a.md", text, parse_sections(text, title="A"))
    closed = without_faqs(whole)
    others = [
        block for kind in ("paragraph", "list_item", "table_row") for block in blocks(whole, kind)
    ]
    kept = [block for section in closed.sections for block in section.blocks]
    assert sorted(others, key=lambda block: block.start) == [
        block for block in kept if block.kind != "heading"
    ]
    assert set(kept) - set(others) <= set(blocks(whole, "heading"))
    if not blocks(whole, "faq"):
        assert closed == whole
    for section in closed.sections:
        assert (section.start, section.end) == (section.blocks[0].start, section.blocks[-1].end)
        for pair in blocks(whole, "faq"):
            assert pair.end <= section.start or section.end <= pair.start
    assert [section.start for section in closed.sections] == sorted(
        section.start for section in closed.sections
    )


@needs_shared_articles
def test_the_scraped_article_with_headings_is_read_as_a_person_reads_it() -> None:
    path = SHARED_ARTICLES / "llms-vs-generative-ai.txt"
    article = read_article(path, article_id="one")
    assert article.text == path.read_text()
    assert article.title == "LLMs vs Generative AI: Why the Difference Matters More Than You Think"
    headings = [section.heading for section in article.sections]
    assert "What Is Generative AI?" in headings and "Conclusion" in headings
    pairs = blocks(article, "faq")
    assert len(pairs) == 6
    first = pairs[0]
    assert first.answer_start is not None
    question = article.text[first.start : first.answer_start].strip()
    assert question == "1. Is ChatGPT a Generative AI or an LLM?"
    assert article.text[first.answer_start : first.end].startswith("Both. ChatGPT is built")
    rows = [article.text[row.start : row.end] for row in blocks(article, "table_row")]
    assert len(rows) == 7 and rows[0] == "| Feature | LLMs | Generative AI |"
    items = [article.text[item.start : item.end] for item in blocks(article, "list_item")]
    assert len(items) == 21 and all(item.startswith("- ") for item in items)


@needs_shared_articles
def test_the_scraped_article_without_headings_gets_its_table_and_lists_back() -> None:
    path = SHARED_ARTICLES / "generative-ai-vs-llm.txt"
    article = read_article(path, article_id="one")
    assert article.title == "Generative AI vs LLM"
    assert {section.heading for section in article.sections} == {""}
    rows = [article.text[row.start : row.end] for row in blocks(article, "table_row")]
    assert rows[0] == "Aspect | Generative AI | Large Language Model (LLM)"
    assert [row.count(" | ") for row in rows] == [2] * 11
    marked = [b for b in blocks(article, "list_item") if article.text[b.start] == "✓"]
    assert len(marked) == 18
    restored = article.text.replace(" | ", "").replace("\n", "")
    assert restored == path.read_text().replace("\n", "")
