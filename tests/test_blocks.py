"""Which part of a text is a heading, a list item, a table row, an FAQ pair or plain prose."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.blocks import find_title, parse_sections

PROSE = "The model writes text. It was trained on a great many books, and it answers questions."


def outline(text: str, title: str = "") -> list[tuple[str, str, str]]:
    return [
        (section.heading, block.kind, text[block.start : block.end])
        for section in parse_sections(text, title=title)
        for block in section.blocks
    ]


def pairs(text: str) -> list[tuple[str, str]]:
    return [
        (text[block.start : block.answer_start].strip(), text[block.answer_start : block.end])
        for section in parse_sections(text, title="")
        for block in section.blocks
        if block.kind == "faq"
    ]


def test_markdown_headings_make_paths_and_the_title_is_left_out() -> None:
    text = f"# Guide\n\n{PROSE}\n\n## Use\n### Cost\n- one\n  Indented on\n- two\n\nBig\n===\nEnd."
    assert outline(text, "Guide") == [
        ("", "heading", "# Guide"),
        ("", "paragraph", PROSE),
        ("Use > Cost", "heading", "## Use"),
        ("Use > Cost", "heading", "### Cost"),
        ("Use > Cost", "list_item", "- one\n  Indented on"),
        ("Use > Cost", "list_item", "- two"),
        ("Big", "heading", "Big\n==="),
        ("Big", "paragraph", "End."),
    ]


def test_table_rows_are_one_block_each_and_the_rule_belongs_to_the_header() -> None:
    text = "| A | B |\n|---|:-:|\n| 1 | 2. Two |\n\nc | d\ne | f\n\nA stray | in prose."
    assert [(kind, words) for _, kind, words in outline(text)] == [
        ("table_row", "| A | B |\n|---|:-:|"),
        ("table_row", "| 1 | 2. Two |"),
        ("table_row", "c | d"),
        ("table_row", "e | f"),
        ("paragraph", "A stray | in prose."),
    ]


def test_nothing_inside_a_code_fence_is_a_heading_or_a_row() -> None:
    text = "Run:\n\n```sh\n# list\n\nls | wc\nls | wc\n```\n"
    assert outline(text)[1][1:] == ("paragraph", "```sh\n# list\n\nls | wc\nls | wc\n```")


def test_headings_without_marks_are_known_by_case_or_by_blank_lines() -> None:
    by_case = f"What Is It?\n{PROSE}\nHow to Choose a Model\n- one\n- two\nConclusion\n{PROSE}"
    assert list(dict.fromkeys(name for name, _, _ in outline(by_case))) == [
        "What Is It?",
        "How to Choose a Model",
        "Conclusion",
    ]
    by_lines = f"{PROSE}\n\nHow it works\n\n{PROSE}\n\nWhat it costs\n\n{PROSE}"
    assert {name for name, _, _ in outline(by_lines)} == {"", "How it works", "What it costs"}


def test_short_lines_after_a_colon_are_items_and_not_headings() -> None:
    items = ["Visual Content: Midjourney, DALL-E 3", "Audio: ElevenLabs, Suno AI", "Video: Sora"]
    text = "\n".join(["There are others:", *items, PROSE])
    assert [kind for _, kind, _ in outline(text)] == ["paragraph", *["list_item"] * 3, "paragraph"]


def test_the_heading_after_a_list_without_marks_is_not_its_last_item() -> None:
    text = f"It can:\nread whole books\nanswer hard questions\nWhere It Fails\n{PROSE}".replace(
        "read", "Read"
    ).replace("answer hard", "Answer hard")
    assert ("Where It Fails", "paragraph", PROSE) in outline(text)


def test_blank_lines_part_sections_only_where_headings_were_lost() -> None:
    lost = "\n\n".join("\n".join([PROSE, PROSE * 2, PROSE * 3]) for _ in range(2))
    assert len(parse_sections(lost, title="")) == 2
    assert len(parse_sections("\n\n".join([PROSE] * 6), title="")) == 1


def test_faq_pairs_under_an_faq_heading() -> None:
    text = (
        "# Guide\n\n## FAQ\n\n### Is it free?\n\nYes.\n\nFor ever.\n\n### Is it fast?\nNo.\n\n"
        "## What next?\n\nBuy it."
    )
    assert pairs(text) == [
        ("### Is it free?", "Yes.\n\nFor ever."),
        ("### Is it fast?", "No."),
    ]


def test_faq_pairs_by_number_bold_or_letter_need_no_heading() -> None:
    numbered = f"{PROSE}\n1. Is it free?\nYes.\n2. Is it fast?\nNo. It is slow.\n{PROSE}"
    assert pairs(numbered) == [("1. Is it free?", "Yes."), ("2. Is it fast?", "No. It is slow.")]
    assert pairs("**Is it free?**\nYes.\n\nOther.") == [("**Is it free?**", "Yes.")]
    assert pairs("**Is it free?** Yes.") == [("**Is it free?**", "Yes.")]
    assert pairs("Q: Is it free?\nA: Yes.") == [("Q: Is it free?", "A: Yes.")]


def test_plain_questions_count_under_an_faq_heading_only() -> None:
    asked = "Can it draw pictures?\nYes, when asked.\nCan it sing songs?\nNo."
    assert len(pairs(f"FAQs\n{asked}")) == 2
    assert pairs(asked) == []


@pytest.mark.parametrize(
    ("text", "question", "answer"),
    [
        ("**Q1.** What is it?\n\nOne.\n\n**Q2.** Is it?\n\nTwo.", "**Q1.** What is it?", "One."),
        ("Q1: What is it?\nA1: One.\nQ2: Is it?\nA2: Two.", "Q1: What is it?", "A1: One."),
        ("**Q:** What is it?\n**A:** One.", "**Q:** What is it?", "**A:** One."),
        ("Q: Say what it does.\nA: One.", "Q: Say what it does.", "A: One."),
        ("### Q: What is it?\n\nOne.", "### Q: What is it?", "One."),
        ("1. What is it?\n   One.\n2. Is it?\n   Two.", "1. What is it?", "One."),
        ("1. **What is it?**\n   One.\n2. **Is it?**\n   Two.", "1. **What is it?**", "One."),
        ("What is it?\n: One.", "What is it?", ": One."),
        ("# FAQ\n\n## What it costs\n\nOne.\n\n## Is it?\n\nTwo.", "## What it costs", "One."),
        ("## FAQ\n\n## What is it?\n\nOne.\n\n## Is it?\n\nTwo.", "## What is it?", "One."),
        ("## FAQ\n1. What is it? One.\n2. Is it? Two.", "1. What is it?", "One."),
        (
            "## FAQ\n### What is it?\nOne. Or is it?\n### Is it?\nTwo.",
            "### What is it?",
            "One. Or is it?",
        ),
        (
            "<details><summary>What is it?</summary>One.</details>",
            "<details><summary>What is it?</summary>",
            "One.</details>",
        ),
        (
            "<dl>\n<dt>What is it?</dt>\n<dd>One.</dd>\n</dl>",
            "<dl>\n<dt>What is it?</dt>",
            "<dd>One.</dd>\n</dl>",
        ),
    ],
)
def test_each_way_to_print_a_question_is_known(text: str, question: str, answer: str) -> None:
    first, *others = pairs(f"{PROSE}\n\n{text}")
    assert first == (question, answer)
    assert len(others) == ("Two." in text)


@pytest.mark.parametrize(
    "text",
    [
        f"# Guide\n\n## What is it?\n\n{PROSE}\n\n## Why is it?\n\n{PROSE}",
        f"## 1. What is it?\n\n{PROSE}\n\n## 2. Why is it?\n\n{PROSE}",
        f"## Q3. Results\n\n{PROSE}\n\n## Q4. Outlook\n\n{PROSE}",
        f"{PROSE}\n\nBut is it so?\n\nYes. {PROSE}\n\nNo. {PROSE}\n\n{PROSE}",
        "Ask your vendor:\n\n1. What does it cost? Compare.\n2. Is it safe? Have it tested.",
        "<details><summary>Show the code</summary>\nprint(1)\n</details>",
        f"## Why FAQ pages matter\n\n{PROSE}\n\n{PROSE}\n\n{PROSE}",
    ],
)
def test_an_articles_own_text_is_not_its_faq(text: str) -> None:
    assert pairs(text) == []


def test_a_long_answer_under_its_heading_is_whole() -> None:
    answer = "\n\n".join([PROSE * 4] * 6)
    (first, second) = pairs(f"## FAQ\n\n### Is it long?\n\n{answer}\n\n### And this?\n\nNo.")
    assert first == ("### Is it long?", answer)
    assert second == ("### And this?", "No.")


def test_answers_whose_questions_were_lost_are_marked_where_a_faq_stood() -> None:
    answers = ["Yes. It is free for ever.", "It runs on any laptop.", "No, it asks nobody."]
    headed = "\n\n".join(["# Guide", PROSE, "## FAQs", *answers, "## End", PROSE])
    lines = "\n".join([PROSE, PROSE * 2, PROSE * 3])
    without_headings = "\n\n".join([lines, "\n".join(answers), lines])
    for text in (headed, without_headings):
        assert pairs(text) == [("", answer) for answer in answers]


def test_a_list_of_questions_without_answers_holds_no_pair() -> None:
    assert pairs(f"# T\n\n1. What is x?\n2. How is y?\n3. Why is z?\n\n{PROSE}") == []


def test_title_is_the_top_heading_or_a_first_line_that_stands_as_one() -> None:
    assert find_title("Text first.\n\n# The **real** [title](x)\n") == "The real title"
    assert find_title(f"A guide to models\n{PROSE}") == "A guide to models"
    assert find_title(f"{PROSE}\n{PROSE}") is None
    assert find_title("") is None


@given(
    st.lists(
        st.sampled_from(
            "# A;## FAQ;Is it?;1. Is it?;**Is it?**;**Q?** yes;Q: b?;A: c;- a;  in;✓ x;> q;a | b;"
            "| a | b |;|---|---|;---;===;```;Title Line;Prose here. More.;It can:;\t;Yes, so.;"
            "**Q1.** c?;A: d;1. E? F.;  G?;: h;<details><summary>I?</summary>;</details>;"
            "<dl>;<dt>J?</dt>;<dd>k</dd>;</dl>".split(";")
        ),
        max_size=16,
    ).map("\n".join)
)
def test_blocks_lie_in_order_inside_sections_and_hold_every_visible_character(text: str) -> None:
    position = 0
    outside = ""
    for section in parse_sections(text, title="A"):
        assert section.blocks
        assert (section.start, section.end) == (section.blocks[0].start, section.blocks[-1].end)
        for block in section.blocks:
            assert position <= block.start < block.end
            if block.kind == "faq":
                assert block.answer_start is not None
                assert block.start <= block.answer_start < block.end
            else:
                assert block.answer_start is None
            outside += text[position : block.start]
            position = block.end
    assert not (outside + text[position:]).strip()
