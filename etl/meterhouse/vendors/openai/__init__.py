"""OpenAI: its paths and refusals, the shapes of its rows, its names of models and line items."""
