"""Nothing is told to anyone: telemetry and hub look-ups are off before any library is imported.

Importing `rag` calls this first, so no order of imports can undo it. A value that is set to
something else is overruled on purpose: private articles must not leave because of a variable
that another program needed.
"""

from __future__ import annotations

import os

QUIET = {
    "ANONYMIZED_TELEMETRY": "False",  # Chroma
    "GRADIO_ANALYTICS_ENABLED": "False",  # exactly this spelling, or Gradio reports
    "HF_HUB_OFFLINE": "1",  # models are pulled by rag.models, never by a library on its own
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "LANGSMITH_TRACING": "false",
    "LANGSMITH_TRACING_V2": "false",
    "LANGCHAIN_TRACING_V2": "false",
    "DO_NOT_TRACK": "1",
}


def turn_off_telemetry() -> None:
    """Set the variables that Chroma, Gradio, Hugging Face and LangSmith read at import."""
    os.environ.update(QUIET)
