"""HTML as light Markdown: the main text of a web page, or all that a page says.

trafilatura and lxml live here and nowhere else, and are loaded when a file needs them.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any

from rag.errors import ArticleError
from rag.page_pairs import PagePair, folded, structured_pairs, with_pairs
from rag.reading import Reading, decoded, one_line, table_text

# Elements that stand on lines of their own, those that show nothing, and raised characters.
_BLOCKS = frozenset(
    "address article aside blockquote body caption center dd details dialog div dl dt fieldset "
    "figcaption figure footer form h1 h2 h3 h4 h5 h6 header hgroup hr legend li main menu nav ol "
    "p pre section summary table tbody td tfoot th thead tr ul".split()
)
_SILENT = frozenset("head link meta noscript script style svg template title".split())
_HEADING = re.compile(r"h([1-6])")
_RAISED = str.maketrans("0123456789+-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻")


def read_html(data: bytes, path: Path) -> Reading:
    """The main text of a page, with the FAQ pairs that its main text lacks at the end."""
    import trafilatura
    from lxml import etree, html

    logging.getLogger("trafilatura").setLevel(logging.CRITICAL)
    tree = _tree(data, path)
    page = html.tostring(tree, encoding="unicode")
    pairs = [*_structured_pairs(tree), *_visible_pairs(tree)]
    questions = {folded(pair.question) for pair in pairs if pair.question.endswith("?")}
    extracted = trafilatura.extract(
        page, output_format="xml", include_comments=False, include_tables=True, favor_recall=True
    )
    main = etree.fromstring(extracted.encode("utf-8")).find("main") if extracted else None
    parts = [] if main is None else list(_html_parts(main, questions=questions))
    if not parts:  # too short a page for trafilatura to tell what is main in it
        parts = [part for part in trafilatura.html2txt(page).split("\n") if part.strip()]
    parts = with_pairs(parts, pairs)
    metadata = trafilatura.extract_metadata(page)
    return Reading("\n\n".join(parts), one_line(metadata.title or "") if metadata else "")


def whole_page(data: bytes, path: Path) -> list[str]:
    """All that a page says, a part for each block: a letter or a chapter has no menus to drop.

    Raises `ArticleError` for bytes that are no page.
    """
    return [part for part in _whole_parts(_tree(data, path)) if part.strip()]


def _tree(data: bytes, path: Path) -> Any:
    from lxml import etree, html

    try:
        return html.document_fromstring(
            decoded(data, path).encode("utf-8", "replace"), parser=html.HTMLParser(encoding="utf-8")
        )
    except (etree.ParserError, etree.XMLSyntaxError, ValueError) as error:
        raise ArticleError(f"{path} is not an HTML page: {one_line(str(error))}.") from error


# All of a page


def _whole_parts(element: Any) -> Iterator[str]:
    """What an element says, in light Markdown: a part for each block that says anything."""
    said = _folded_space(element.text)
    for child in element:
        if not _is_shown(child):
            pass
        elif any(inner.tag in _BLOCKS for inner in child.iter()):
            yield from _lines(said)
            said = ""
            yield from _block_parts(child)
        else:
            said += _inline(child)
        said += _folded_space(child.tail)
    yield from _lines(said)


def _block_parts(element: Any) -> Iterator[str]:
    heading = _HEADING.fullmatch(element.tag)
    if heading:
        words = one_line(_inline(element))
        yield f"{'#' * int(heading[1])} {words}" if words else ""
    elif element.tag == "pre":
        yield "".join(element.itertext()).strip("\n")
    elif element.tag in ("ul", "ol") and not _holds(element, "table", "pre", "h1", "h2", "h3"):
        yield "\n".join(_whole_items(element))
    elif element.tag == "table" and (rows := _data_rows(element)):
        for caption in element.iterchildren("caption"):
            yield from _whole_parts(caption)
        yield table_text(rows)
    else:
        yield from _whole_parts(element)


def _whole_items(listing: Any, indent: str = "") -> Iterator[str]:
    for item in listing:
        if not _is_shown(item):
            continue
        nested = list(item.iterchildren("ul", "ol"))
        words = one_line(_inline(item, without=nested))
        if words:
            yield f"{indent}- {words}"
        for inner in nested:
            yield from _whole_items(inner, indent + "  ")


def _data_rows(table: Any) -> list[list[str]]:
    """The cells of a table, or nothing where it only lays out what is in it."""
    if _holds(table, "table", "pre", "ul", "ol", *(f"h{level}" for level in range(1, 7))):
        return []
    rows = [[one_line(_inline(cell)) for cell in row.iter("td", "th")] for row in table.iter("tr")]
    return rows if sum(len([cell for cell in row if cell]) > 1 for row in rows) > 1 else []


def _inline(element: Any, *, without: Sequence[Any] = ()) -> str:
    """What an element says in running text, where only a break ends a line."""
    if element.tag == "br":
        return "\n"
    said = _folded_space(element.text)
    for child in element:
        if _is_shown(child) and child not in without:
            said += _inline(child)
        said += _folded_space(child.tail)
    if element.tag == "sup" and said.strip().isdigit() and _is_link(element):
        return f"[{said.strip()}]"  # the mark of a note, not digits of the number before it
    if element.tag == "sup" and re.fullmatch(r"[+-]?\d+", said):
        return said.translate(_RAISED)
    return f" {said} " if element.tag in _BLOCKS else said


def _is_shown(element: Any) -> bool:
    style = (element.get("style") or "").replace(" ", "").lower()
    return (
        isinstance(element.tag, str)  # else a comment
        and element.tag not in _SILENT
        and "display:none" not in style
        and "hidden" not in element.attrib
    )


def _is_link(element: Any) -> bool:
    return element.getparent().tag == "a" or _holds(element, "a")


def _holds(element: Any, *tags: str) -> bool:
    return next(element.iterdescendants(*tags), None) is not None


def _folded_space(text: str | None) -> str:
    return re.sub(r"\s+", " ", text or "")


def _lines(text: str) -> Iterator[str]:
    """Lines that breaks have made, a part for each run of them."""
    lines = "\n".join(map(one_line, text.split("\n")))
    yield from (part for part in re.split(r"\n{2,}", lines.strip("\n")) if part)


# The main text


def _html_parts(main: Any, *, questions: set[str]) -> Iterator[str]:
    """trafilatura's elements as light Markdown, a part for each block."""
    for element in main:
        words = one_line(" ".join(element.itertext()))
        if element.tag == "head":
            asked = words.endswith("?") and (
                "rend" not in element.attrib or folded(words) in questions
            )
            level = re.sub(r"\D", "", element.get("rend", "")) or "6"
            yield f"**{words}**" if asked else f"{'#' * int(level)} {words}"
        elif element.tag == "list" and element.get("rend") == "dl":
            yield from _definitions(element)
        elif element.tag == "list":
            yield "\n".join(_items(element))
        elif element.tag == "table":
            rows = [
                [one_line(" ".join(cell.itertext())) for cell in row] for row in element.iter("row")
            ]
            yield table_text(rows)
        elif element.tag == "code":
            yield "".join(element.itertext())
        elif words:
            yield words


def _items(listing: Any, indent: str = "") -> Iterator[str]:
    for item in listing:
        yield f"{indent}- {one_line(' '.join(_own_words(item)))}"
        for nested in item.findall("list"):
            yield from _items(nested, indent + "  ")


def _own_words(item: Any) -> Iterator[str]:
    """What an item says itself, without the lists nested in it."""
    yield item.text or ""
    for child in item:
        if child.tag != "list":
            yield from child.itertext()
        yield child.tail or ""


def _definitions(listing: Any) -> Iterator[str]:
    items = [(item.get("rend", ""), one_line(" ".join(item.itertext()))) for item in listing]
    terms: list[tuple[str, list[str]]] = []
    for rend, words in items:
        if rend.startswith("dt") or not terms:
            terms.append((words, []))
        else:
            terms[-1][1].append(words)
    for term, meanings in terms:
        yield PagePair(term, " ".join(meanings), asked=False).text


def _visible_pairs(tree: Any) -> Iterator[PagePair]:
    """What <details> and <dl> hold, as question and answer or term and meaning."""
    for details in tree.iter("details"):
        summary = details.find("summary")
        if summary is not None:
            question = one_line(summary.text_content())
            answer = one_line(" ".join(details.itertext()))[
                len(one_line(" ".join(summary.itertext()))) :
            ]
            yield PagePair(question, answer.strip(), asked=False)
    for term in tree.iter("dt"):
        meanings = [one for one in takewhile(lambda one: one.tag == "dd", term.itersiblings())]
        if meanings:
            meaning = one_line(" ".join(one.text_content() for one in meanings))
            yield PagePair(one_line(term.text_content()), meaning, asked=False)


def _structured_pairs(tree: Any) -> Iterator[PagePair]:
    for script in tree.iter("script"):
        if "ld+json" in (script.get("type") or "").lower():
            yield from structured_pairs(script.text or "")
