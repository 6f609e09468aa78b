"""The chat: a local web page in front of the assistant."""

from __future__ import annotations

from ui.app import Assistant, build_app, launch, start

__all__ = ["Assistant", "build_app", "launch", "start"]
