"""A toy vendor that differs from OpenAI wherever it can: the folder that a second vendor needs, and a server that answers as it does."""
