"""Measuring Footnote: question sets, scores, and the figures behind its thresholds."""
