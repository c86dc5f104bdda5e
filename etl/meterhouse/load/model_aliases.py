"""Model aliases: models that people want to see under another name. Views look them up at query time, and the last steps are done again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from meterhouse.catalogue.endpoints import MODEL
from meterhouse.catalogue.vendors import OPENAI
from meterhouse.errors import FixConfiguration
from meterhouse.load.followed import followed, transaction_of
from meterhouse.load.store import Store
from meterhouse.settings import Settings
from meterhouse.vendors.words import words_of
from meterhouse.warehouse.database import Connection

_KNOWN = "SELECT EXISTS (SELECT FROM warehouse.model_names WHERE %(model)s IN (lower(model), canonical_model))"
_NAME_OF = "SELECT canonical_model FROM warehouse.dim_model WHERE lower(model) = %s ORDER BY model LIMIT 1"
_SET = (
    "INSERT INTO warehouse.model_alias (model, shown_as) VALUES (%(model)s, %(shown_as)s)"
    " ON CONFLICT (model) DO UPDATE SET shown_as = excluded.shown_as, created_at = now()"
)


def list_aliases(settings: Settings) -> list[tuple[str, str]]:
    """Return every alias as model and the name that it is shown under, in the order of the models."""
    with Store(settings.require_warehouse()) as store, transaction_of(store, "aliases") as connection:
        return [(model, shown_as) for model, shown_as in connection.execute("SELECT model, shown_as FROM warehouse.model_alias ORDER BY 1")]


def set_alias(settings: Settings, model: str, shown_as: str) -> list[str]:
    """Show a model under another name from now on, also in figures that are loaded already; return lines that say so.

    `model` is a name, which covers all words that usage and the bill have for it, or one of these words. `shown_as` is brought to a name as
    every word is, unless it is `model` itself: that keeps one dated word apart. Setting it again replaces it. Raises `FixConfiguration` for
    a name that cannot be meant.
    """
    word, wanted = _word(model), _word(shown_as)
    with _aliases(settings) as connection:
        set_before = dict(connection.execute("SELECT model, shown_as FROM warehouse.model_alias").fetchall())
        if others := sorted(other for other, name in set_before.items() if name == word != other and wanted != word):
            raise FixConfiguration(
                f"{others[0]} is shown as {word}: give it another name first (meterhouse alias {others[0]} {wanted}),"
                f" or take that alias away (meterhouse alias --remove {others[0]})"
            )
        name = word if wanted == word else set_before.get(wanted, _own_name(connection, wanted))
        parameters = {"model": word, "shown_as": name}
        connection.execute(_SET, parameters)
        known = connection.execute(_KNOWN, parameters).fetchone()
    lines = [f"{word} is shown as {name}"]
    if not (known and known[0]):
        lines.append(f"nothing that is loaded is called {word} yet; it counts from when something is")
    return lines


def remove_alias(settings: Settings, model: str) -> str:
    """Show a model under its own name again; return a line that says so. Raises `FixConfiguration` when it has no alias."""
    word = _word(model)
    with _aliases(settings) as connection:
        removed = connection.execute("DELETE FROM warehouse.model_alias WHERE model = %s", (word,)).rowcount
        name = _own_name(connection, word)
    if not removed:
        raise FixConfiguration(f"{word} has no alias: run meterhouse alias to list those that are set")
    return f"{word} is shown as {name} again"


def _own_name(connection: Connection, word: str) -> str:
    """Return the name of all words for a model; one that was never loaded goes by the rules of the first vendor."""
    known = connection.execute(_NAME_OF, (word,)).fetchone()
    return str(known[0]) if known else words_of(OPENAI.name).canonical_model(word)


@contextmanager
def _aliases(settings: Settings) -> Iterator[Connection]:
    """One transaction; another one that sets an alias waits for it, readers do not."""
    with followed(settings, "aliases") as connection:
        connection.execute("LOCK TABLE warehouse.model_alias IN SHARE ROW EXCLUSIVE MODE")
        yield connection


def _word(text: str) -> str:
    word = text.strip().lower()
    if not word or len(word) > MODEL.max_length or not word.isprintable():
        raise FixConfiguration(f"{text[:40]!r} is not a model name: use 1 to {MODEL.max_length} characters, such as gpt-4o")
    return word
