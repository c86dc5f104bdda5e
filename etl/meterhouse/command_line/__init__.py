"""Commands, and the words they use."""
