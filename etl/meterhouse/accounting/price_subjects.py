"""Price subjects: the one name of each tool and of storage, on the bill, in usage and in price lists. Pure."""

from __future__ import annotations

from meterhouse.catalogue.endpoints import CODE_INTERPRETER_SESSIONS, FILE_SEARCH_CALLS, VECTOR_STORES, WEB_SEARCH_CALLS

WEB_SEARCH, FILE_SEARCH, CODE_INTERPRETER, STORAGE = "web search", "file search", "code interpreter", "storage"
OF_ENDPOINTS = {
    WEB_SEARCH_CALLS.name: WEB_SEARCH,
    FILE_SEARCH_CALLS.name: FILE_SEARCH,
    CODE_INTERPRETER_SESSIONS.name: CODE_INTERPRETER,
    VECTOR_STORES.name: STORAGE,
}
# The first words that a feature's text has in it, for lines of these categories; storage is known by its category.
STORAGE_CATEGORY = "storage"
NAMED_IN_TEXT = ("tool_calls", "sessions")
WORDS = (
    ("web search", WEB_SEARCH),
    ("file search", FILE_SEARCH),
    ("code interpreter", CODE_INTERPRETER),
    ("container", CODE_INTERPRETER),
)


def price_feature(category: str, feature: str | None) -> str | None:
    """Return the name under which a line's tool is priced; None for what is no tool, or one that is not known."""
    if category == STORAGE_CATEGORY:
        return STORAGE
    if category not in NAMED_IN_TEXT or feature is None:
        return None
    return next((name for words, name in WORDS if words in feature.lower()), None)
