"""What a language model says when it is asked for Yes or No: how much more likely one is."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from langchain_core.messages import AIMessage, BaseMessage

from rag import EngineError

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

TOP_LOGPROBS = 20  # the most that OpenAI's API allows
UNSEEN_LOGPROB = -12.0  # a word that is not among them


def log_odds_of_yes(model: BaseChatModel, messages: Sequence[BaseMessage]) -> float | None:
    """log P(Yes) - log P(No) of the first token of the reply; None where it is not reported."""
    asking = model.bind(max_tokens=1, logprobs=True, top_logprobs=TOP_LOGPROBS)
    try:
        reply = asking.invoke(list(messages))
    except EngineError:
        # Some servers refuse to report probabilities; one that is down will fail at the draft.
        return None
    content = (_logprobs(reply) or {}).get("content") or []
    if not content:
        return None
    alternatives = content[0]["top_logprobs"]
    return _logprob_of("yes", alternatives) - _logprob_of("no", alternatives)


def _logprobs(reply: AIMessage) -> dict[str, list[dict[str, list[dict[str, object]]]]] | None:
    found = reply.response_metadata.get("logprobs")
    return found if isinstance(found, dict) else None


def _logprob_of(word: str, alternatives: Iterable[dict[str, object]]) -> float:
    """The log of the summed probability of every way the tokens spell `word`."""
    total = sum(
        math.exp(float(str(item["logprob"])))
        for item in alternatives
        if str(item["token"]).strip().lower() == word
    )
    return math.log(total) if total > 0 else UNSEEN_LOGPROB
