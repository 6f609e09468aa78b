"""Where sentences end, in the texts that scraped articles are made of."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.sentences import is_table_row, list_marker_length, sentence_spans

MARKED_TEXT = st.text(alphabet=st.sampled_from('aB .!?\n-1|*#"”)[]✓$\r\t'), max_size=60)


def sentences(text: str) -> list[str]:
    return [text[start:end] for start, end in sentence_spans(text)]


@pytest.mark.parametrize(
    "expected",
    [
        pytest.param(["It costs $0.50-$5 a clip.", "Next is 3.5."], id="decimals"),
        pytest.param(["GPT-4.5 and Gemini 2.0 are here.", "So is 3."], id="versions"),
        pytest.param(["Dr. Who met Mr. J. K. Smith, e.g. at No. 5.", "He left."], id="titles"),
        pytest.param(["The U.S. Congress met.", "He lives in the U.S.", "It is big."], id="states"),
        pytest.param(["Smith et al. (2020) say so.", "Jones Inc. sells it."], id="seldom last"),
        pytest.param(["Neither is “better.”", "They differ.", "(See here.)", "Go."], id="quotes"),
        pytest.param(["It is so.[1][2]", "And so. [3]", "More."], id="reference marks"),
        pytest.param(["Ask “Do you use AI?” but “Are you ready?”", "Then act."], id="asked inside"),
        pytest.param(["1. Is it an LLM?", "Both."], id="numbered question"),
        pytest.param(["日本語。", "次の文！", "Is it?"], id="full-width stops"),
        pytest.param(["Wait... and see.", "Done…", "Yes."], id="ellipsis"),
        pytest.param(["It grew by 33.2%..", "Then it fell."], id="stop typed twice"),
    ],
)
def test_sentences_on_one_line_end_where_a_reader_ends_them(expected: list[str]) -> None:
    assert sentences(" ".join(expected)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("Title\n\nText.", ["Title", "Text."], id="blank line"),
        pytest.param("## Head\nText here.", ["## Head", "Text here."], id="heading"),
        pytest.param("Text goes\non here. End.", ["Text goes\non here.", "End."], id="soft wrap"),
        pytest.param("- one\n  more\n- two", ["- one\n  more", "- two"], id="bullets"),
        pytest.param("* a. B\n1. c\n2) d", ["* a. B", "1. c", "2) d"], id="numbers"),
        pytest.param("✓ One - a.✓ Two - b.", ["✓ One - a.", "✓ Two - b."], id="check marks"),
        pytest.param("| a | b. C |\n|---|---|", ["| a | b. C |", "|---|---|"], id="piped table"),
        pytest.param(
            "Cost | $1. | $2.\nNext | a", ["Cost | $1. | $2.", "Next | a"], id="bare table"
        ),
        pytest.param(
            "End of images.The next one.", ["End of images.", "The next one."], id="joint"
        ),
        pytest.param("See example.com. Bye", ["See example.com.", "Bye"], id="address"),
        pytest.param("Conclusion\nIt is over.", ["Conclusion", "It is over."], id="bare heading"),
        pytest.param("> A quote\n> goes on.", ["> A quote\n> goes on."], id="block quote"),
        pytest.param(" \n\t\n", [], id="blank"),
    ],
)
def test_lines_end_a_sentence_where_the_layout_says_so(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


def test_prose_wrapped_at_a_width_is_put_together_again() -> None:
    text = (
        "Large language models read whole contracts and long reports, and\n"
        "Gemini was among the first to take them in one piece. Shorter\n"
        "Claude prompts are cheaper."
    )
    assert [part.replace("\n", " ") for part in sentences(text)] == [
        "Large language models read whole contracts and long reports, and "
        "Gemini was among the first to take them in one piece.",
        "Shorter Claude prompts are cheaper.",
    ]


def test_short_lines_of_a_list_without_marks_stay_apart() -> None:
    items = ["Analyze charts and graphs", "Extract data from screenshots and papers", "Draw maps"]
    assert sentences("\n".join(items)) == items


@given(st.one_of(MARKED_TEXT, st.text(max_size=60)))
def test_spans_are_stripped_in_order_and_hold_every_visible_character(text: str) -> None:
    position = 0
    outside = ""
    for start, end in sentence_spans(text):
        assert position <= start < end
        assert text[start:end] == text[start:end].strip()
        outside += text[position:start]
        position = end
    assert not (outside + text[position:]).strip()


def test_what_counts_as_row_and_as_list_marker() -> None:
    assert is_table_row("| a |") and is_table_row("a | b") and not is_table_row("a|b")
    assert not is_table_row("word " * 400 + "| " + "word " * 400)
    assert [list_marker_length(line) for line in ("- a", "12. a", "2024. a", "-a", "✓ a")] == [
        2,
        4,
        0,
        0,
        2,
    ]
