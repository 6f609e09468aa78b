"""What must be set in the environment before any library is imported; `rag` does it first.

Nothing is told to anyone: telemetry and hub look-ups are off. A value that is set to something
else is overruled on purpose: private articles must not leave because of a variable that another
program needed. And idle threads sleep instead of spinning, which makes the language model 4 to 8
times slower while any other program uses a core.
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

# How long a thread of GNU's OpenMP spins before it sleeps. Read when that library is loaded,
# which scikit-learn or torch may do before llama.cpp does.
SPIN_COUNT = "1000"


def turn_off_telemetry() -> None:
    """Set the variables that Chroma, Gradio, Hugging Face and LangSmith read at import."""
    os.environ.update(QUIET)


def let_idle_threads_sleep() -> None:
    """Set how long GNU's OpenMP spins, unless the user has."""
    os.environ.setdefault("GOMP_SPINCOUNT", SPIN_COUNT)
