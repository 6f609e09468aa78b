"""Text that ends at a stop string, wherever the pieces that it comes in are cut."""

from __future__ import annotations

from collections.abc import Sequence


class TextUntilStop:
    """Text as it comes, held back where it might be the start of a stop string."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = [stop for stop in stops if stop]
        self._held = ""
        self.stopped = False

    def push(self, piece: str) -> str:
        """Add `piece`; return what can be shown now."""
        self._held += piece
        found = [at for stop in self._stops if (at := self._held.find(stop)) >= 0]
        if found:
            self.stopped = True
            shown, self._held = self._held[: min(found)], ""
            return shown
        keep = max(
            (
                length
                for stop in self._stops
                for length in range(1, min(len(stop), len(self._held)) + 1)
                if self._held.endswith(stop[:length])
            ),
            default=0,
        )
        shown = self._held[: len(self._held) - keep]
        self._held = self._held[len(self._held) - keep :]
        return shown

    def flush(self) -> str:
        """What was held back and turned out to be no stop string."""
        held, self._held = self._held, ""
        return held
