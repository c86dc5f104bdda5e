"""Answers: this month, its forecast, what drives it, what is odd, whether to trust it: rows of the views, and a sentence each."""
