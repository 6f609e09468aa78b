"""What the Library tab shows, as HTML: pure functions, everything escaped as in `render`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rag import (
    ArticleList,
    FailedFile,
    FootnoteError,
    IndexProgress,
    IndexReport,
    ListedArticle,
    UploadReport,
)
from ui.render import escape, origin, with_commands

MOST_NAMES = 5  # of files in one sentence
MOST_ROWS = 200  # what a page draws at once; the filter reaches the others

STAGES = {
    "waiting": "Waiting for another process that writes the index",
    "reading": "Reading the files",
    "embedding": "Embedding the passages that are new",
    "storing": "Storing the passages",
    "checking": "Checking the new index",
    "switching": "Switching to the new index",
    "cleaning": "Clearing the old index away",
}
COUNTED = {"reading": "files", "embedding": "passages"}


def count(number: int, one: str) -> str:
    """A number with its noun.

    >>> count(1, "article"), count(1200, "article")
    ('1 article', '1,200 articles')
    """
    return f"{number:,} {one}" if number == 1 else f"{number:,} {one}s"


# The table.


def render_articles(listed: ArticleList, *, wanted: str = "") -> str:
    """The articles whose title, source or file has all the words of `wanted`."""
    words = wanted.casefold().split()
    found = [
        article
        for article in listed.articles
        if all(word in f"{article.title} {_place(article)}".casefold() for word in words)
    ]
    if not found:
        nothing = "No article has these words." if words else "There are no articles yet."
        return f'<p class="tally" role="status">{nothing}</p>'
    rows = "".join(_row(article, number) for number, article in enumerate(found[:MOST_ROWS]))
    return (
        f'<p class="tally" role="status">{_tally(listed, found)}</p>'
        '<table class="articles"><thead><tr><th scope="col">Title</th>'
        '<th scope="col">Source</th><th scope="col" class="number-column">Passages</th>'
        '<th scope="col">Changed</th><th scope="col"><span class="spoken">Remove</span></th>'
        f"</tr></thead><tbody>{rows}</tbody></table>"
    )


def _tally(listed: ArticleList, found: Sequence[ListedArticle]) -> str:
    passages = count(sum(article.chunks for article in found), "passage")
    every = count(len(listed.articles), "article")
    tally = f"{every}, {passages}"
    if len(found) < len(listed.articles):
        tally = f"{len(found):,} of {every}, {passages}"
    if len(found) > MOST_ROWS:
        tally += f". Shown are the first {MOST_ROWS}; search for the others"
    return tally


def _place(article: ListedArticle) -> str:
    """Where an article comes from, as one would look for it."""
    return article.source if article.source != str(article.path) else article.id


def _row(article: ListedArticle, number: int) -> str:
    changed = article.changed
    return (
        f'<tr><th scope="row">{escape(article.title)}'
        + ('<span class="uploaded">uploaded</span>' if article.is_uploaded else "")
        + f'</th><td class="origin">{origin(_place(article))}</td>'
        f'<td class="number-column">{article.chunks:,}<span class="unit"> '
        f"{'passage' if article.chunks == 1 else 'passages'}</span></td>"
        f'<td class="date"><time datetime="{changed.isoformat(timespec="seconds")}">'
        f"{changed.day} {changed:%b %Y}</time></td>"
        f'<td class="removal">{_removal(article, number)}</td></tr>'
    )


def _removal(article: ListedArticle, number: int) -> str:
    """A button that asks first, or says why Footnote leaves the file alone."""
    popover = f"remove-{number}"
    path = f"<code>{escape(str(article.path))}</code>"
    if article.is_uploaded:
        said = (
            f"<p>The uploaded file {path} will be deleted, and answers will no longer use it.</p>"
        )
        act = (
            f'<button type="button" class="delete" data-article="{escape(article.id)}"'
            f' popovertarget="{popover}" popovertargetaction="hide">Delete the file</button>'
        )
        heading, leave = f"Remove “{escape(article.title)}”?", "Keep it"
    else:
        said = (
            f"<p>{path} is your own file, so Footnote does not delete it. The article leaves the "
            "library when you move or delete the file, or name it in a "
            "<code>.footnoteignore</code> file, and then re-index.</p>"
        )
        act, heading, leave = "", f"“{escape(article.title)}” is a file of yours", "Close"
    return (
        f'<button type="button" class="remove" popovertarget="{popover}"'
        f' aria-label="Remove {escape(article.title)}">Remove</button>'
        f'<div popover class="asked" id="{popover}" role="dialog"'
        f' aria-labelledby="{popover}-title"><h3 id="{popover}-title">{heading}</h3>{said}'
        f'<p class="choices">{act}<button type="button" popovertarget="{popover}"'
        f' popovertargetaction="hide" autofocus>{leave}</button></p></div>'
    )


def render_unreadable(error: FootnoteError) -> str:
    """In place of the table: why there is none."""
    return _failed("The library cannot be read.", error)


# What is going on, and what came of it.


def render_working(step: IndexProgress | None) -> str:
    """A change on its way: the stage in words, how far it is, and the time left.

    None stands for a change that waits for its turn.
    """
    stage = STAGES[step.stage] if step else "Waiting for the change before this one"
    detail = bar = ""
    if step and step.stage in COUNTED and step.total:
        detail = f" · {step.done:,} of {step.total:,} {COUNTED[step.stage]}"
        bar = f'<progress value="{step.done}" max="{step.total}" aria-label="Progress"></progress>'
        if step.seconds_left is not None and step.done < step.total:
            detail += f" · {time_left(step.seconds_left)} left"
    return (
        '<div class="activity working" aria-live="polite" aria-busy="true"><p class="stage">'
        f'<span class="dot" aria-hidden="true"></span><span>{stage}'
        f'<span aria-hidden="true">{detail}</span></span></p>{bar}</div>'
    )


def time_left(seconds: float) -> str:
    """A rough time, in the words of someone who has to wait for so long.

    >>> time_left(4), time_left(38), time_left(200), time_left(7300)
    ('a few seconds', 'about 40 seconds', 'about 3 minutes', 'about 2 hours')
    """
    if seconds < 10:
        return "a few seconds"
    if seconds < 55:
        return f"about {round(seconds, -1):.0f} seconds"
    if seconds < 55 * 60:
        return f"about {count(max(1, round(seconds / 60)), 'minute')}"
    return f"about {count(max(1, round(seconds / 3600)), 'hour')}"


def render_uploaded(report: UploadReport) -> str:
    """What became of the files that were dropped."""
    said = _joined(
        (report.added, "added"),
        (report.replaced, "replaced, since a file of this name was here with other content"),
        (report.same, "already here with the same content"),
    )
    return _outcome(said, report.failed)


def _joined(*parts: tuple[Sequence[str], str]) -> str:
    said = []
    for names, became in parts:
        listed = f" ({escape(', '.join(names))})" if len(names) <= MOST_NAMES else ""
        if names:
            said.append(f"{len(names):,} {became}{listed}")
    return "; ".join(said)


def render_refreshed(report: IndexReport) -> str:
    """What a look at all articles found."""
    parts = [(report.added, "added"), (report.changed, "changed"), (report.removed, "removed")]
    said = ", ".join(f"{number:,} {became}" for number, became in parts if number)
    return _outcome(said or "Nothing has changed", report.failed)


def render_removed(article: ListedArticle | None) -> str:
    """What became of a removal; None for an article that was gone already."""
    said = f"“{escape(article.title)}” was removed" if article else "It was removed before"
    return _outcome(said, ())


def _outcome(said: str, failed: Sequence[FailedFile]) -> str:
    kind = "partial" if failed else "done"
    told = f"<p>{said}.</p>" if said else ""
    lines = "".join(f"<li>{escape(_reason(file))}</li>" for file in failed)
    listed = (
        f"<p>{count(len(failed), 'file')} could not be read:</p><ul>{lines}</ul>" if failed else ""
    )
    return f'<div class="activity {kind}" role="status">{told}{listed}</div>'


def _reason(file: FailedFile) -> str:
    name = Path(file.path).name
    return file.error if name in file.error else f"{name}: {file.error}"


def render_failure(error: FootnoteError) -> str:
    """A change that could not be made: what happened and what to do, in words."""
    return _failed("The library could not be brought up to date.", error)


def _failed(notice: str, error: FootnoteError) -> str:
    return (
        f'<div class="activity failed" role="alert"><p class="notice">{notice}</p>'
        f"<p>{escape(error.message)}</p>"
        + (f'<p class="hint">{with_commands(error.hint)}</p>' if error.hint else "")
        + "</div>"
    )
