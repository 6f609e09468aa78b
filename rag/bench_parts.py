"""Each part of Footnote beside the library that it is made of: what is done, and how it is timed.

Ours and the raw way take turns. Articles and questions are always the same, so that two machines,
or two versions, can be compared.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from langchain_core.messages import BaseMessage, HumanMessage

from rag.chunking import split_article
from rag.embedding import Embedder
from rag.errors import ModelError
from rag.llm import LlamaChat
from rag.pipeline import Assistant
from rag.prefixes import Memory
from rag.records import Answer
from rag.retrieval import HybridRetriever
from rag.roots import read_articles, shipped_corpus
from rag.rounds import Figure, in_turns, seconds
from rag.settings import Settings
from rag.updating import sync
from rag.vectors import PlainStore

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

# The shipped corpus answers these. The first ones warm up, so that both ways have read their
# instructions before, as in a chat that is open.
QUESTIONS = (
    "Is ChatGPT a generative AI or an LLM?",
    "How many employees did JPMorgan's LLM Suite reach?",
    "What does one generated video clip cost?",
    "How much money did industry invest in generative AI in 2024?",
    "What does a text query to an LLM cost?",
    "What does a generated image cost?",
    "How big is the generative AI market expected to be by 2030?",
    "What is the LLM market size forecast for 2030?",
    "What share of enterprises uses or tries out generative AI?",
)
WARM_UP_QUESTIONS = 2
# Nothing in the shipped corpus resembles these.
HOPELESS = (
    "What is the capital of France?",
    "Who won the football world cup in 1998?",
    "Who painted the Mona Lisa?",
    "How many moons does Jupiter have?",
    "When did the Titanic sink?",
)
EMBEDDING_ROUNDS, INDEXING_ROUNDS, RETRIEVAL_ROUNDS, MODEL_ROUNDS = 5, 3, 36, 4
TEXTS, TEXT_TOKENS = 32, 200  # that are embedded in a round
ARTICLES, ARTICLE_WORDS = 24, 700  # that are indexed in a round
PROMPT_WORDS, WRITTEN_TOKENS = 300, 32  # that the language model reads and writes in a round

Done = Callable[[], None]  # called after each round


def embedding(embedder: Embedder, reference: Embedder, *, done: Done) -> Iterator[Figure]:
    """Texts a second."""
    prose = Prose()
    texts = [prose.of_tokens(TEXT_TOKENS, embedder.count_tokens) for _ in range(TEXTS)]
    ours, raw = in_turns(
        lambda _: TEXTS / seconds(lambda: embedder.embed(texts)),
        lambda _: TEXTS / seconds(lambda: reference.embed(texts)),
        rounds=EMBEDDING_ROUNDS,
        done=done,
    )
    yield Figure(
        "embedding",
        "Embedding",
        "texts/s",
        tuple(ours),
        tuple(raw),
        raw_is="sentence-transformers encode, fp32",
        note=f"texts of {TEXT_TOKENS} tokens",
    )


def indexing(
    settings: Settings, embedder: Embedder, reference: Embedder, *, folder: Path, done: Done
) -> Iterator[Figure]:
    """Passages of new articles a second, and milliseconds where nothing has changed."""
    articles = folder / "articles"
    articles.mkdir()
    prose = Prose()
    for number in range(ARTICLES):
        text = prose.article(f"Article {number}", words=ARTICLE_WORDS)
        (articles / f"{number}.md").write_text(text, encoding="utf-8")
    passages = 0

    def ours(number: int) -> tuple[float, float]:
        nonlocal passages
        place = settings.model_copy(update={"index": folder / f"index-{number}"})
        started = time.perf_counter()
        passages = sync(place, [articles], embedder=embedder).chunks
        took = time.perf_counter() - started
        return took, 1000 * seconds(lambda: sync(place, embedder=embedder))

    def raw(number: int) -> float:
        texts = articles.glob("*.md")
        return seconds(
            lambda: index_plainly(
                (path.read_text(encoding="utf-8") for path in texts),
                reference,
                chunk_tokens=settings.chunk_tokens,
                folder=folder / f"plain-{number}",
            )
        )

    of_ours, of_raw = in_turns(ours, raw, rounds=INDEXING_ROUNDS, done=done)
    yield Figure(
        "indexing",
        "Indexing",
        "passages/s",
        tuple(passages / took for took, _ in of_ours),
        tuple(passages / took for took in of_raw),
        raw_is="langchain's splitter, sentence-transformers encode, Chroma add",
        note=f"{passages} passages of ours in {ARTICLES} articles, counted so in both",
    )
    yield Figure("reindexing", "Indexing, nothing new", "ms", tuple(again for _, again in of_ours))


def index_plainly(
    texts: Iterable[str], embedder: Embedder, *, chunk_tokens: int, folder: Path
) -> None:
    """Splits, embeds and adds to Chroma with the libraries as they come."""
    from langchain_text_splitters import RecursiveCharacterTextSplitter

    splitter = RecursiveCharacterTextSplitter(
        chunk_size=chunk_tokens, chunk_overlap=0, length_function=embedder.count_tokens
    )
    chunks = [chunk for text in texts for chunk in splitter.split_text(text)]
    with closing(PlainStore(folder)) as store:
        store.add(chunks, embedder.embed(chunks))


def retrieval(retriever: HybridRetriever, *, folder: Path, done: Done) -> Iterator[Figure]:
    """Milliseconds a question, with the same embedder in both."""
    embedder, index, settings = retriever.embedder, retriever.index, retriever.settings
    texts = [
        chunk.embedded_text
        for article in index.articles()
        for chunk in split_article(
            index.article(article.id),
            max_tokens=settings.chunk_tokens,
            count_tokens=embedder.count_tokens,
        )
    ]
    with closing(PlainStore(folder / "plain-corpus")) as store:
        store.add(texts, embedder.embed(texts))

        def ours(number: int) -> float:
            question = QUESTIONS[number % len(QUESTIONS)]
            return 1000 * seconds(lambda: retriever.hits(question))

        def raw(number: int) -> float:
            question = QUESTIONS[number % len(QUESTIONS)]
            return 1000 * seconds(
                lambda: store.search(embedder.embed([question])[0], limit=settings.passages)
            )

        of_ours, of_raw = in_turns(
            ours, raw, rounds=RETRIEVAL_ROUNDS, warm_ups=len(QUESTIONS), done=done
        )
    yield Figure(
        "retrieval",
        "Retrieval",
        "ms",
        tuple(of_ours),
        tuple(of_raw),
        raw_is="one Chroma query",
        note=f"among {len(texts)} passages; both embed the question, with the same embedder",
    )


@dataclass(frozen=True, slots=True)
class Pace:
    """How long a model took to its first token, and from there to its last."""

    read_s: float
    write_s: float
    written: int
    prompt_tokens: int = 0

    @property
    def written_a_second(self) -> float:
        return (self.written - 1) / self.write_s


def language_model(model: BaseChatModel, *, done: Done) -> Iterator[Figure]:
    """Tokens read and written a second. A server has no raw part here to compare with."""
    prose = Prose()
    prompts: list[list[BaseMessage]] = [
        [HumanMessage(f"{prose.words(PROMPT_WORDS)}\n\nWrite a long essay on all of these words.")]
        for _ in range(1 + MODEL_ROUNDS)
    ]

    def ours(number: int) -> Pace:
        exchange_memory(model)
        return chat_pace(model, prompts[number])

    def raw(number: int) -> Pace | None:
        if not isinstance(model, LlamaChat):
            return None
        return pace(model.generate_plainly(prompts[number], max_tokens=WRITTEN_TOKENS))

    of_ours, of_raw = in_turns(ours, raw, rounds=MODEL_ROUNDS, done=done)
    lengths = [each.prompt_tokens for each in of_ours]
    plain = [each for each in of_raw if each]
    raw_is = "llama-cpp-python's Llama.generate" if plain else ""
    yield Figure(
        "reading",
        "Reading a prompt",
        "tokens/s",
        tuple(each.prompt_tokens / each.read_s for each in of_ours),
        tuple(length / each.read_s for length, each in zip(lengths, plain, strict=False)),
        raw_is=raw_is,
        note=f"prompts of about {lengths[0]} tokens, each new",
    )
    yield Figure(
        "writing",
        "Writing",
        "tokens/s",
        tuple(each.written_a_second for each in of_ours),
        tuple(each.written_a_second for each in plain),
        raw_is=raw_is,
        note=f"{WRITTEN_TOKENS} tokens",
    )


def chat_pace(model: BaseChatModel, prompt: list[BaseMessage]) -> Pace:
    """The pace of a chat model. Raises `ModelError` where it does not tell its tokens."""
    usage: dict[str, int] = {}

    def pieces() -> Iterator[str]:
        for chunk in model.bind(max_tokens=WRITTEN_TOKENS).stream(prompt):
            usage.update(getattr(chunk, "usage_metadata", None) or {})
            if chunk.text:
                yield chunk.text

    found = pace(pieces())
    if not usage:
        raise ModelError("The language model does not tell how many tokens it reads and writes.")
    return Pace(found.read_s, found.write_s, usage["output_tokens"], usage["input_tokens"])


def pace(tokens: Iterable[object]) -> Pace:
    """The pace at which tokens come. Raises `ModelError` for fewer than two."""
    started = time.perf_counter()
    times = [time.perf_counter() for _ in tokens]
    if len(times) < 2:
        raise ModelError(f"The language model wrote {len(times)} tokens; no speed shows in that.")
    return Pace(times[0] - started, times[-1] - times[0], len(times))


def answers(assistant: Assistant, *, done: Done) -> Iterator[Figure]:
    """Seconds to the first word, the whole answer, and the abstention on a hopeless question.

    The plain pipeline is the same one without pointing, the gates and the check. Both keep a memory
    of their own of what the model has read, and no question comes twice in either: each is as
    quick as in a chat that is open, and neither reads what the other has left.
    """
    plain = Assistant(
        retriever=assistant.retriever,
        model=assistant.model,
        embedder=assistant.embedder,
        settings=assistant.settings.model_copy(
            update={"pointing": False, "gate": False, "verify": False}
        ),
        model_name=assistant.model_name,
    )
    ask_ours, ask_plain = partial(_ask, assistant, {}), partial(_ask, plain, {})
    ours, raw = in_turns(
        lambda number: ask_ours(QUESTIONS[number]),
        lambda number: ask_plain(QUESTIONS[number]),
        rounds=len(QUESTIONS) - WARM_UP_QUESTIONS,
        warm_ups=WARM_UP_QUESTIONS,
        done=done,
    )
    hopeless = [ask_ours(question) for question in HOPELESS]
    done()
    raw_is = "the same without pointing, the gates and the check"
    abstained = sum(answer.abstained for answer in ours)
    wrote = [
        (a.timings.first_token_ms / 1000, b.timings.first_token_ms / 1000)
        for a, b in zip(ours, raw, strict=True)
        if a.timings.first_token_ms and b.timings.first_token_ms
    ]
    if wrote:
        of_ours, of_raw = zip(*wrote, strict=True)
        yield Figure("first_word", "First word", "s", of_ours, of_raw, raw_is=raw_is)
    yield Figure(
        "whole_answer",
        "Whole answer",
        "s",
        _whole(ours),
        _whole(raw),
        raw_is=raw_is,
        note=f"ours abstained on {abstained} of {len(ours)}" if abstained else "",
    )
    refused = [answer for answer in hopeless if answer.abstained]
    if not refused:
        raise ModelError(f"None of {len(HOPELESS)} hopeless questions was abstained on.")
    yield Figure("hopeless_abstention", "Hopeless, abstained", "s", _whole(refused))


def _ask(assistant: Assistant, kept: dict[str, Memory], question: str) -> Answer:
    """The answer, with the memory of this assistant's last one; the new one is kept."""
    exchange_memory(assistant.model, kept.get("memory"))
    answer = assistant.invoke(question)
    if memory := exchange_memory(assistant.model):
        kept["memory"] = memory
    return answer


def _whole(answers: list[Answer]) -> tuple[float, ...]:
    return tuple(answer.timings.total_ms / 1000 for answer in answers)


def exchange_memory(model: BaseChatModel, memory: Memory | None = None) -> Memory | None:
    """`LlamaChat.exchange_memory`; None from a server, which minds its own."""
    return model.exchange_memory(memory) if isinstance(model, LlamaChat) else None


class Prose:
    """Texts of the shipped corpus's own words in an order of chance, the same each time."""

    def __init__(self) -> None:
        articles, _ = read_articles([shipped_corpus()])
        self._words = [word for each in articles for word in each.text.split() if word.isalpha()]
        self._chance = random.Random(0)

    def words(self, count: int) -> str:
        return " ".join(self._chance.choices(self._words, k=count))

    def sentence(self) -> str:
        return self.words(self._chance.randint(8, 16)).capitalize() + "."

    def of_tokens(self, count: int, count_tokens: Callable[[str], int]) -> str:
        """The fewest sentences that have `count` tokens."""
        text = self.sentence()
        while count_tokens(text) < count:
            text = f"{text} {self.sentence()}"
        return text

    def article(self, title: str, *, words: int) -> str:
        """A title, and paragraphs of some 60 words."""
        paragraphs = [" ".join(self.sentence() for _ in range(5)) for _ in range(words // 60)]
        return f"# {title}\n\n" + "\n\n".join(paragraphs) + "\n"
