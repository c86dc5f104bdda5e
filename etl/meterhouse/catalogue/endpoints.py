"""The catalogue: one entry per endpoint, with its dimensions, metrics and bucket widths; its path is in vendors/<name>/.

Everything that depends on what the vendor offers is derived from here: request parameters, decoders, tables, column comments,
views, the data dictionary and the local stand-in. Source: the vendor's public API specification and its official Python SDK.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum
from typing import Any

from meterhouse.catalogue.vendors import OPENAI, Vendor


@dataclass(frozen=True)
class BucketWidth:
    """A bucket width that the vendor serves, and how many buckets fit on one maximal page."""

    name: str
    seconds: int
    max_buckets: int

    @property
    def minutes(self) -> int:
        """The width as the warehouse stores it."""
        return self.seconds // 60

    @property
    def is_day(self) -> bool:
        """Whether a bucket is a whole UTC day, however many of them this vendor puts on a page."""
        return self.seconds == 86400


MINUTE = BucketWidth("1m", 60, 1440)
HOUR = BucketWidth("1h", 3600, 168)
DAY = BucketWidth("1d", 86400, 31)
WIDTHS = {width.name: width for width in (MINUTE, HOUR, DAY)}


class Kind(Enum):
    """How a value is typed on the wire and in the warehouse."""

    COUNT = "count"
    DECIMAL = "decimal"
    TEXT = "text"
    FLAG = "flag"


@dataclass(frozen=True)
class Dimension:
    """Something the vendor can group by; null in a row means not asked for, or not known to the vendor."""

    name: str
    help: str
    kind: Kind = Kind.TEXT
    max_length: int = 255


@dataclass(frozen=True)
class Metric:
    """A figure of a result row. `name` is the vendor's and the warehouse's, `column` the one that `bi` shows."""

    name: str
    column: str
    unit: str
    help: str
    kind: Kind = Kind.COUNT
    required: bool = False
    additive: bool = True


Key = tuple[str | bool | None, ...]
"""Values of the dimensions that were asked for, in catalogue order; for costs the currency follows."""
Values = tuple[Any, ...]
"""Values of a fact's columns behind its key: metrics in catalogue order, for costs the unit, then extra as JSON text."""

PROJECT = Dimension("project_id", "Identifier of the project that the usage belongs to.", max_length=128)
USER = Dimension("user_id", "Identifier of the user that the usage is attributed to.", max_length=128)
API_KEY = Dimension("api_key_id", "Identifier of the API key that made the requests.", max_length=128)
MODEL = Dimension("model", "Model name as the vendor reports it for usage; it does not always match the name in line items.")
BATCH = Dimension("batch", "Whether the requests went through the Batch API.", kind=Kind.FLAG)
SERVICE_TIER = Dimension("service_tier", "Service tier that served the requests, such as default, flex or priority.", max_length=64)
# Traffic that the vendor does not bill because the organization shares its data.
FREE_SERVICE_TIERS = ("incentivized-tier",)
API_SOURCE = Dimension("api_source", "Published source of the traffic; unlabeled means that no source was published.", max_length=64)
SIZE = Dimension("size", "Size of the images as width x height.", max_length=64)
SOURCE = Dimension("source", "Operation that made the images: generation, edit or variation.", max_length=64)
VECTOR_STORE = Dimension("vector_store_id", "Identifier of the vector store that was searched.", max_length=128)
CONTEXT_LEVEL = Dimension("context_level", "Search context size of the web search: low, medium or high.", max_length=64)
LINE_ITEM = Dimension("line_item", "Line of the invoice that the amount belongs to, as the vendor words it.")


def _tokens(name: str, help_text: str, *, required: bool = False) -> Metric:
    return Metric(name, name, "tokens", help_text, required=required)


REQUESTS = Metric(
    "num_model_requests",
    "requests",
    "requests",
    "Model requests; for web searches those that carried them, which the model's endpoint counts too.",
    required=True,
)
TOOL_CALLS = Metric("num_requests", "tool_calls", "calls", "Calls made to the tool.", required=True)
INPUT_TOKENS = _tokens(
    "input_tokens", "Input tokens of all kinds (text, audio, image), cached and cache-write ones included.", required=True
)

TOKEN_METRICS = (
    INPUT_TOKENS,
    _tokens("output_tokens", "Output tokens of all kinds (text, audio, image).", required=True),
    _tokens("input_cached_tokens", "Input tokens read from the cache, all kinds; contained in input_tokens, never add the two."),
    _tokens("input_cache_write_tokens", "Input tokens written to the cache, all retention periods; contained in input_tokens."),
    _tokens("input_cache_write_30m_tokens", "Input tokens written to the cache for 30 minutes; part of input_cache_write_tokens."),
    _tokens("input_cache_write_12h_tokens", "Input tokens written to the cache for 12 hours; part of input_cache_write_tokens."),
    _tokens("input_uncached_tokens", "Input tokens neither read from nor written to the cache, all kinds; contained in input_tokens."),
    _tokens("input_text_tokens", "Uncached text input tokens; part of input_uncached_tokens."),
    _tokens("input_audio_tokens", "Uncached audio input tokens; until 2024 the vendor counted cached audio here as well."),
    _tokens("input_image_tokens", "Uncached image input tokens; part of input_uncached_tokens."),
    _tokens("input_cached_text_tokens", "Text input tokens read from the cache; part of input_cached_tokens."),
    _tokens("input_cached_audio_tokens", "Audio input tokens read from the cache; part of input_cached_tokens."),
    _tokens("input_cached_image_tokens", "Image input tokens read from the cache; part of input_cached_tokens."),
    _tokens("output_text_tokens", "Text output tokens; part of output_tokens."),
    _tokens("output_audio_tokens", "Audio output tokens; part of output_tokens."),
    _tokens("output_image_tokens", "Image output tokens; part of output_tokens."),
    REQUESTS,
)
CALLER = (PROJECT, USER, API_KEY)
# Whatever a vendor calls its costs, they are one stream in the warehouse; and so is the same money once more, grouped by user.
COSTS_NAME = "costs"
COSTS_BY_USER_NAME = "costs_by_user"
CALLER_AND_MODEL = (*CALLER, MODEL)
COMPLETION_DIMENSIONS = (*CALLER_AND_MODEL, BATCH, SERVICE_TIER, API_SOURCE)


@dataclass(frozen=True)
class Family:
    """What streams of one kind have in common: whose a row is, and its columns next to dimensions and metrics.

    `owner` are the columns that say whose a combination or a sum is, `keys` those of a key behind the dimensions, `values` those of a fact
    behind the metrics.
    """

    name: str
    owner: tuple[str, ...]
    keys: tuple[str, ...] = ()
    values: tuple[str, ...] = ()


USAGE_FAMILY = Family("usage", ("organization_id", "endpoint"))
COSTS_FAMILY = Family("costs", ("organization_id",), keys=("currency",), values=("quantity_unit",))
# The same money as in costs, so it is a family of its own that is never added to it.
COSTS_BY_USER_FAMILY = Family(COSTS_BY_USER_NAME, ("organization_id",), keys=("currency",), values=("quantity_unit",))
_FAMILIES = {COSTS_NAME: COSTS_FAMILY, COSTS_BY_USER_NAME: COSTS_BY_USER_FAMILY}


@dataclass(frozen=True)
class Endpoint:
    """One stream of result rows of one vendor; `object` is what the vendor calls such a row.

    `optional_dimensions` are asked for until the organization refuses them (a capability); `dimension_history` has the first instant, in
    Unix seconds, from which windows can be grouped by a dimension that came later. `ignored_fields` are known to arrive in rows and are
    left out on purpose, each because another column or the directory holds it. `organization_field` names, in every row, the
    organization that the key opens: it is compared with the one that the label holds, and not stored with the row.

    Without its `essential_dimensions` a stream says nothing that another does not: an organization that refuses one does not offer it.

    `repeated_metrics` are counted by another endpoint too, so they are left out of sums over endpoints. `overlaps` are metrics and the
    dimension whose groups may add up to more than the total, as one event may be counted in several of them.
    """

    name: str
    help: str
    object: str
    dimensions: tuple[Dimension, ...]
    metrics: tuple[Metric, ...]
    widths: tuple[BucketWidth, ...] = (DAY, HOUR, MINUTE)
    optional_dimensions: tuple[Dimension, ...] = ()
    essential_dimensions: tuple[Dimension, ...] = ()
    dimension_history: tuple[tuple[Dimension, int], ...] = ()
    ignored_fields: tuple[str, ...] = ()
    organization_field: str | None = None
    repeated_metrics: tuple[Metric, ...] = ()
    overlaps: tuple[tuple[Metric, Dimension], ...] = ()
    vendor: Vendor = OPENAI

    def width(self, name: str) -> BucketWidth | None:
        """Return the width of that name as this vendor serves it, None when it serves no such buckets."""
        return next((width for width in self.widths if width.name == name), None)

    def chosen_widths(self, names: Collection[str]) -> tuple[BucketWidth, ...]:
        """Return the widths that are loaded when `names` are asked for; costs have theirs whatever is asked for."""
        return tuple(width for width in self.widths if width.name in names or self.is_costs)

    @property
    def family(self) -> Family:
        """What it has in common with others of its kind."""
        return _FAMILIES.get(self.name, USAGE_FAMILY)

    @property
    def has_caller(self) -> bool:
        """Whether rows can say who made the calls."""
        return not {USER, API_KEY}.isdisjoint(self.dimensions)

    @property
    def is_costs(self) -> bool:
        """Whether rows carry money instead of counts."""
        return self.family is not USAGE_FAMILY

    @property
    def table(self) -> str:
        """Name of the fact table in schema `warehouse`."""
        return self.family.name if self.is_costs else f"usage_{self.name}"


COMPLETIONS = Endpoint(
    "completions", "Chat, responses and text completions.", "organization.usage.completions.result",
    COMPLETION_DIMENSIONS, TOKEN_METRICS, optional_dimensions=(API_SOURCE,),
)  # fmt: skip
DECISIONS = Endpoint(
    "decisions", "Decisions API calls.", "organization.usage.decisions.result",
    COMPLETION_DIMENSIONS, TOKEN_METRICS, optional_dimensions=(API_SOURCE,),
)  # fmt: skip
EMBEDDINGS = Endpoint(
    "embeddings", "Embedding vectors.", "organization.usage.embeddings.result", CALLER_AND_MODEL, (INPUT_TOKENS, REQUESTS)
)
MODERATIONS = Endpoint(
    "moderations", "Moderation checks.", "organization.usage.moderations.result", CALLER_AND_MODEL, (INPUT_TOKENS, REQUESTS)
)
IMAGES = Endpoint(
    "images", "Generated, edited and varied images.", "organization.usage.images.result",
    (*CALLER_AND_MODEL, SIZE, SOURCE),
    (Metric("images", "images", "images", "Images processed.", required=True), REQUESTS),
)  # fmt: skip
AUDIO_SPEECHES = Endpoint(
    "audio_speeches", "Speech made from text.", "organization.usage.audio_speeches.result", CALLER_AND_MODEL,
    (Metric("characters", "characters", "characters", "Characters of text turned into speech.", required=True), REQUESTS),
)  # fmt: skip
AUDIO_TRANSCRIPTIONS = Endpoint(
    "audio_transcriptions", "Text made from speech.", "organization.usage.audio_transcriptions.result", CALLER_AND_MODEL,
    (Metric("seconds", "seconds", "seconds", "Seconds of audio transcribed.", required=True), REQUESTS),
)  # fmt: skip
VECTOR_STORES = Endpoint(
    "vector_stores", "Storage of vector stores.", "organization.usage.vector_stores.result", (PROJECT,),
    (Metric("usage_bytes", "storage_bytes", "bytes", "Bytes stored, a level and not a flow: never add it over time.",
            required=True, additive=False),),
)  # fmt: skip
CODE_INTERPRETER_SESSIONS = Endpoint(
    "code_interpreter_sessions", "Code interpreter sessions.", "organization.usage.code_interpreter_sessions.result", (PROJECT,),
    (Metric("num_sessions", "sessions", "sessions", "Code interpreter sessions started.", required=True),),
)  # fmt: skip
FILE_SEARCH_CALLS = Endpoint(
    "file_search_calls",
    "File search tool calls.",
    "organization.usage.file_searches.result",
    (*CALLER, VECTOR_STORE),
    (TOOL_CALLS,),
    # One search may go through several stores.
    overlaps=((TOOL_CALLS, VECTOR_STORE),),
)
WEB_SEARCH_CALLS = Endpoint(
    "web_search_calls", "Web search tool calls.", "organization.usage.web_searches.result",
    (*CALLER_AND_MODEL, CONTEXT_LEVEL, API_SOURCE), (TOOL_CALLS, REQUESTS), optional_dimensions=(API_SOURCE,),
    # One request may carry searches of several sizes, and the endpoint of the model counts it too.
    repeated_metrics=(REQUESTS,), overlaps=((REQUESTS, CONTEXT_LEVEL),),
)  # fmt: skip

USAGE = (
    COMPLETIONS, DECISIONS, EMBEDDINGS, MODERATIONS, IMAGES, AUDIO_SPEECHES, AUDIO_TRANSCRIPTIONS, VECTOR_STORES,
    CODE_INTERPRETER_SESSIONS, FILE_SEARCH_CALLS, WEB_SEARCH_CALLS,
)  # fmt: skip

# Endpoints whose requests another endpoint counts too, and those whose rows name nobody who made the calls.
REPEATING_REQUESTS = tuple(endpoint.name for endpoint in USAGE if REQUESTS in endpoint.repeated_metrics)
WITHOUT_CALLER = tuple(endpoint.name for endpoint in USAGE if not endpoint.has_caller)

USAGE_DIMENSIONS = tuple(dict.fromkeys(dimension for endpoint in USAGE for dimension in endpoint.dimensions))

# Measured by others against the live service: grouping costs by key is refused for windows that start before this instant.
COSTS_BY_API_KEY_SINCE_EPOCH_SECONDS = 1764979200
_MONEY_METRICS = (
    Metric("amount", "cost", "units of currency", "Billed amount in the row's currency; negative for a credit.",
           kind=Kind.DECIMAL, required=True),
    Metric("quantity", "quantity", "units named by quantity_unit",
           "Billed quantity; comparable only within one line item and unit.", kind=Kind.DECIMAL),
)  # fmt: skip
COSTS = Endpoint(
    COSTS_NAME, "Billed amounts; the figures that tie to the invoice.", "organization.costs.result",
    (PROJECT, API_KEY, LINE_ITEM), _MONEY_METRICS,
    widths=(DAY,),
    optional_dimensions=(API_KEY,),
    dimension_history=((API_KEY, COSTS_BY_API_KEY_SINCE_EPOCH_SECONDS),),
    # Users are asked for in a stream of their own, as not every organization can have them together with the project.
    ignored_fields=("user_id", "api_source", "organization_name", "project_name", "user_email"),
    organization_field="organization_id",
)  # fmt: skip
COSTS_BY_USER = Endpoint(
    COSTS_BY_USER_NAME, "Billed amounts by user: the same money as in costs once more, never to be added to it.",
    "organization.costs.result",
    (PROJECT, USER, API_KEY, LINE_ITEM), _MONEY_METRICS,
    widths=(DAY,),
    optional_dimensions=(PROJECT, API_KEY, LINE_ITEM),
    essential_dimensions=(USER,),
    # Seen by others: before this instant the user cannot be combined with anything.
    dimension_history=tuple((dimension, COSTS_BY_API_KEY_SINCE_EPOCH_SECONDS) for dimension in (PROJECT, API_KEY, LINE_ITEM)),
    ignored_fields=("api_source", "organization_name", "project_name", "user_email"),
    organization_field="organization_id",
)  # fmt: skip

COSTS_OF_VENDORS = (COSTS,)
COPIES_OF_COSTS = (COSTS_BY_USER,)
ENDPOINTS: dict[str, Endpoint] = {endpoint.name: endpoint for endpoint in (*USAGE, COSTS, *COPIES_OF_COSTS)}
"""By name, which is also that of a stream in the warehouse. Costs of all vendors are one stream and one table, which `COSTS` describes."""


def costs_of(vendor: Vendor) -> Endpoint | None:
    """Return a vendor's costs, None for one without an endpoint of costs."""
    return next((endpoint for endpoint in COSTS_OF_VENDORS if endpoint.vendor == vendor), None)


def offered_by(vendor: Vendor) -> dict[str, Endpoint]:
    """Return the endpoints of one vendor by name, in catalogue order."""
    return {endpoint.name: endpoint for endpoint in (*USAGE, *COSTS_OF_VENDORS, *COPIES_OF_COSTS) if endpoint.vendor == vendor}
