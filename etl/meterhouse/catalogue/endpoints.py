"""The catalogue: one entry per endpoint, with its path, dimensions, metrics and bucket widths.

Everything that depends on what the vendor offers is derived from here: request parameters, decoders, tables, column comments,
views, the data dictionary and the local stand-in. Source: the vendor's public API specification and its official Python SDK.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any


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


MINUTE = BucketWidth("1m", 60, 1440)
HOUR = BucketWidth("1h", 3600, 168)
DAY = BucketWidth("1d", 86400, 31)
WIDTHS = {width.name: width for width in (MINUTE, HOUR, DAY)}
# The list that tells names of projects, and whose a key is.
PROJECTS_PATH = "/organization/projects"


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
CALLER_AND_MODEL = (*CALLER, MODEL)
COMPLETION_DIMENSIONS = (*CALLER_AND_MODEL, BATCH, SERVICE_TIER, API_SOURCE)


@dataclass(frozen=True)
class Endpoint:
    """One stream of result rows.

    `optional_dimensions` are asked for until the organization refuses them (a capability); `ignored_fields` are known to arrive in
    rows and are left out on purpose, each because another column or the directory holds it. `organization_field` names, in every row,
    the organization that the key opens: it is compared with the one that the label holds, and not stored with the row.
    """

    name: str
    help: str
    object: str
    dimensions: tuple[Dimension, ...]
    metrics: tuple[Metric, ...]
    widths: tuple[BucketWidth, ...] = (DAY, HOUR, MINUTE)
    optional_dimensions: tuple[Dimension, ...] = ()
    ignored_fields: tuple[str, ...] = ()
    organization_field: str | None = None

    @property
    def path(self) -> str:
        """Path below the API's base URL."""
        return "/organization/costs" if self.is_costs else f"/organization/usage/{self.name}"

    @property
    def is_costs(self) -> bool:
        """Whether rows carry money instead of counts."""
        return self.object == "organization.costs.result"

    @property
    def table(self) -> str:
        """Name of the fact table in schema `warehouse`."""
        return "costs" if self.is_costs else f"usage_{self.name}"


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
)
WEB_SEARCH_CALLS = Endpoint(
    "web_search_calls", "Web search tool calls.", "organization.usage.web_searches.result",
    (*CALLER_AND_MODEL, CONTEXT_LEVEL, API_SOURCE), (TOOL_CALLS, REQUESTS), optional_dimensions=(API_SOURCE,),
)  # fmt: skip

USAGE = (
    COMPLETIONS, DECISIONS, EMBEDDINGS, MODERATIONS, IMAGES, AUDIO_SPEECHES, AUDIO_TRANSCRIPTIONS, VECTOR_STORES,
    CODE_INTERPRETER_SESSIONS, FILE_SEARCH_CALLS, WEB_SEARCH_CALLS,
)  # fmt: skip

USAGE_DIMENSIONS = tuple(dict.fromkeys(dimension for endpoint in USAGE for dimension in endpoint.dimensions))

COSTS = Endpoint(
    "costs", "Billed amounts; the figures that tie to the invoice.", "organization.costs.result",
    (PROJECT, API_KEY, LINE_ITEM),
    (
        Metric("amount", "cost", "units of currency", "Billed amount in the row's currency; negative for a credit.",
               kind=Kind.DECIMAL, required=True),
        Metric("quantity", "quantity", "units named by quantity_unit",
               "Billed quantity; comparable only within one line item and unit.", kind=Kind.DECIMAL),
    ),
    widths=(DAY,),
    optional_dimensions=(API_KEY,),
    # user_id and api_source are never asked for: the finest grouping that ties to the invoice is by key.
    ignored_fields=("user_id", "api_source", "organization_name", "project_name", "user_email"),
    organization_field="organization_id",
)  # fmt: skip

ENDPOINTS: dict[str, Endpoint] = {endpoint.name: endpoint for endpoint in (*USAGE, COSTS)}

VENDOR = "openai"
ERROR_CODE_BEFORE_HISTORY = "reporting_lookback_exceeded"
# Measured by others against the live service: grouping costs by key is refused for windows that start before this instant.
COSTS_BY_API_KEY_SINCE_EPOCH_SECONDS = 1764979200
