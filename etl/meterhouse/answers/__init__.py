"""Answers: this month, its forecast, what drives it, what was unusual, whether to rely on it, what to do: rows of the views, and a sentence each."""
