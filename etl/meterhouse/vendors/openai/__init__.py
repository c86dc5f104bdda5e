"""OpenAI: its paths and refusals, the shapes of its rows, its names for models and line items."""
