"""meterhouse: an OpenAI organization's usage and billed cost in a PostgreSQL warehouse."""

__version__ = "0.1.0"
