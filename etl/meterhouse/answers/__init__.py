"""Answers: this month, its forecast, its driver, unusual days, whether to rely on it, what to do: rows of views, and a sentence each."""
