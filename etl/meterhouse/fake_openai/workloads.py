"""Who uses what: the streams of usage that the people and keys of a roster produce, with their habits but without their numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random

from meterhouse.fake_openai import lineup
from meterhouse.fake_openai.lineup import LAST_DAY, Model
from meterhouse.fake_openai.prices import Line, lines_of
from meterhouse.fake_openai.roster import ApiKey, Roster

Value = str | bool | None
OFFICE, STEADY, NIGHT = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Stream:
    """One combination of dimensions that produces usage between two days (ordinals, the last exclusive).

    `pace` is the mean of the first leaf on an ordinary weekday, `per_pace` the mean of every further leaf per unit of pace;
    for vector stores `pace` is the level in bytes. `lines` are the invoice lines that its leaves are billed on, to `payer`
    (project, user, key, source).
    """

    index: int
    endpoint: str
    dimensions: Mapping[str, Value]
    pace: float
    per_pace: tuple[float, ...]
    shape: int
    weekday_chance: float
    weekend_chance: float
    first_day: int
    last_day: int
    lines: tuple[Line, ...]
    payer: tuple[str | None, str | None, str | None, str]


@dataclass(frozen=True)
class _Caller:
    """Who makes the requests: a key or, without one, a user in a project; days as ordinals."""

    project_id: str
    user_id: str | None
    api_key_id: str | None
    first_day: int
    last_day: int
    automatic: bool


def _ordinal(epoch: int) -> int:
    return datetime.fromtimestamp(epoch, UTC).toordinal()


class _Builder:
    """Collects streams in a fixed order, so that a seed and a scale always give the same ones."""

    def __init__(self, roster: Roster, seed: int) -> None:
        self.roster = roster
        self.rng = Random(f"{seed}:workloads")
        self.streams: list[Stream] = []

    def add(
        self, endpoint: str, caller: _Caller, pace: float, per_pace: tuple[float, ...], *,
        model: Model | None = None, shape: int | None = None, is_long: bool = False, **dimensions: Value,
    ) -> None:  # fmt: skip
        """Add one stream for the days on which both the caller and the model are there."""
        first = max(caller.first_day, model.first_day if model else 0)
        last = min(caller.last_day, model.last_day if model else LAST_DAY)
        if first >= last:
            return
        values: dict[str, Value] = {
            "project_id": caller.project_id, "user_id": caller.user_id, "api_key_id": caller.api_key_id, "api_source": "unlabeled",
        }  # fmt: skip
        if model:
            values["model"] = model.name
        values.update(dimensions)
        if shape is None:
            shape = STEADY if caller.automatic else OFFICE
        weekday, weekend = (0.97, 0.9) if shape != OFFICE else (0.9, 0.4)
        lines = lines_of(endpoint, values, model, is_long=is_long)
        payer = (caller.project_id, caller.user_id, caller.api_key_id, str(values["api_source"]))
        self.streams.append(Stream(len(self.streams), endpoint, values, pace, per_pace, shape, weekday, weekend, first, last, lines, payer))

    def chat(self, caller: _Caller, slot: tuple[Model, ...], pace: float, *, is_long: bool = False, **dimensions: Value) -> None:
        """Add completions of one slot of models, one stream per model as the organization moves on."""
        tier, batch = dimensions.get("service_tier", "default"), bool(dimensions.get("batch", False))
        source = dimensions.get("api_source", "unlabeled")
        prompt, share = self.rng.uniform(400, 4000) * (100 if is_long else 1), self.rng.uniform(0.05, 0.6)
        for model in slot:
            blend = _blend(model, prompt, share, self.rng.uniform(80, 900))
            self.add(
                "completions", caller, pace, blend, model=model, shape=NIGHT if batch else None,
                batch=batch, service_tier=tier, api_source=source, is_long=is_long,
            )  # fmt: skip


def _blend(model: Model, prompt: float, cached_share: float, answer: float) -> tuple[float, ...]:
    """Return mean tokens per request of the eleven token leaves, in the order of `measures`."""
    fresh, cached = prompt * (1 - cached_share), prompt * cached_share
    if model.audio_output_price is not None:
        return (fresh * 0.2, fresh * 0.8, 0, cached * 0.2, cached * 0.8, 0, 0, 0, answer * 0.3, answer * 0.7, 0)
    if model.image_output_price is not None:
        return (fresh * 0.3, 0, fresh * 0.7, cached * 0.5, 0, cached * 0.5, 0, 0, 0, 0, 1400.0)
    written = prompt * 0.12 if model.write_price else 0.0
    return (fresh, 0, 0, cached, 0, 0, written * 0.8, written * 0.2, answer, 0, 0)


def build_streams(roster: Roster, seed: int) -> dict[str, tuple[Stream, ...]]:
    """Return the streams of every usage endpoint; completions have about 420 at scale 1."""
    builder = _Builder(roster, seed)
    for position, key in enumerate(roster.api_keys.values()):
        _key_streams(builder, _caller_of(roster, key), position)
    _playground_streams(builder)
    _store_streams(builder)
    # Last, so that they change nothing of what the others draw.
    for position, key in enumerate(roster.api_keys.values()):
        _rare_streams(builder, _caller_of(roster, key), position)
    found: dict[str, list[Stream]] = {}
    for stream in builder.streams:
        found.setdefault(stream.endpoint, []).append(stream)
    return {name: tuple(streams) for name, streams in found.items()}


def _caller_of(roster: Roster, key: ApiKey) -> _Caller:
    ends = [key.deleted_at, roster.projects[key.project_id].archived_at]
    if key.user_id is not None:
        ends.append(roster.users[key.user_id].deleted_at)
    last = min((_ordinal(end) for end in ends if end is not None), default=LAST_DAY)
    # Usage of a service account's key has no user.
    return _Caller(key.project_id, key.user_id, key.id, _ordinal(key.created_at), last, key.user_id is None)


def _key_streams(builder: _Builder, caller: _Caller, position: int) -> None:
    rng = builder.rng
    pace = min(12 * rng.paretovariate(1.1), 3000.0)
    slots = rng.sample((lineup.SMALL_CHAT, lineup.SMALL_CHAT, lineup.LARGE_CHAT, lineup.STEADY_CHAT, lineup.FRONTIER_CHAT), 2)
    for slot in dict.fromkeys(slots[: 1 + (rng.random() < 0.75)]):
        builder.chat(caller, slot, pace, service_tier="default")
        if rng.random() < 0.6:
            builder.chat(caller, slot, pace * 0.5, service_tier="default", batch=True)
        if rng.random() < 0.55:
            builder.chat(caller, slot, pace * 0.3, service_tier=rng.choice(("flex", "priority")))
        if rng.random() < 0.45:
            builder.chat(caller, slot, pace * 0.2, service_tier="default", api_source="agents_api")
    _modal_streams(builder, caller, position, pace)
    _tool_streams(builder, caller, position, pace)


def _modal_streams(builder: _Builder, caller: _Caller, position: int, pace: float) -> None:
    """Add what some keys do besides chat: audio, images, embeddings, moderation."""
    if position % 11 == 3:
        builder.chat(caller, lineup.AUDIO_CHAT, pace * 0.1, service_tier="default")
    if position % 13 == 2:
        builder.chat(caller, lineup.IMAGE_CHAT, pace * 0.05, service_tier="default")
        for size, source in (("1024x1024", "image.generation"), ("1024x1792", "image.edit"), ("1792x1024", "image.generation")):
            builder.add("images", caller, pace * 0.05, (1.4,), model=lineup.IMAGE_MODEL, size=size, source=source)
    if position % 5 == 1:
        model = lineup.EMBEDDING_LARGE if position % 2 else lineup.EMBEDDING_SMALL
        builder.add("embeddings", caller, pace * 2, (350.0,), model=model)
    if position % 7 == 6:
        builder.add("moderations", caller, pace, (120.0,), model=lineup.MODERATION_MODEL)
    if position % 15 == 3:
        builder.add("audio_speeches", caller, pace * 0.1, (600.0,), model=lineup.SPEECH_MODEL)
    if position % 12 == 5:
        builder.add("audio_transcriptions", caller, pace * 0.1, (75.0,), model=lineup.TRANSCRIPTION_MODEL)


def _tool_streams(builder: _Builder, caller: _Caller, position: int, pace: float) -> None:
    """Add what some keys do with tools: decisions, web search, file search."""
    if position % 10 == 7:
        builder.add(
            "decisions", caller, pace * 0.1, _blend(lineup.DECISION_MODEL, 900.0, 0.3, 60.0), model=lineup.DECISION_MODEL,
            batch=False, service_tier="default",
        )  # fmt: skip
    if position % 6 == 2:
        for level in ("low", "medium", "high")[: 1 + position % 3]:
            source = "agents_api" if position % 4 == 0 else "unlabeled"
            builder.add("web_search_calls", caller, pace * 0.1, (0.8,), model=lineup.STEADY_CHAT[0], context_level=level, api_source=source)
    stores = [store for store, project in builder.roster.vector_stores.items() if project == caller.project_id]
    if stores and position % 4 == 0:
        builder.add("file_search_calls", caller, pace * 0.15, (), vector_store_id=stores[0])


def _rare_streams(builder: _Builder, caller: _Caller, position: int) -> None:
    """Add what some keys do with whole documents, and what is free because the organization shares its data."""
    if position % 9 == 4:
        builder.chat(caller, lineup.FRONTIER_CHAT, 2.0, service_tier="default", is_long=True)
    if position % 8 == 5:
        builder.chat(caller, lineup.SMALL_CHAT, 30.0, service_tier="incentivized-tier")


def _playground_streams(builder: _Builder) -> None:
    """Add what people do by hand: usage with a user but without a key."""
    for position, user in enumerate(list(builder.roster.users.values())[::5]):
        projects = [project for project, members in builder.roster.members.items() if user.id in members]
        if projects:
            archived = builder.roster.projects[projects[0]].archived_at
            ends = [end for end in (user.deleted_at, archived) if end is not None]
            last = min((_ordinal(end) for end in ends), default=LAST_DAY)
            caller = _Caller(projects[0], user.id, None, _ordinal(user.added_at), last, False)
            builder.chat(caller, (lineup.LARGE_CHAT, lineup.SMALL_CHAT)[position % 2], 8.0, service_tier="default")


def _store_streams(builder: _Builder) -> None:
    """Add what the vendor reports per project only: bytes in vector stores, and code interpreter sessions."""
    for project_id in builder.roster.vector_stores.values():
        project = builder.roster.projects[project_id]
        last = _ordinal(project.archived_at) if project.archived_at else LAST_DAY
        caller = _Caller(project_id, None, None, _ordinal(project.created_at), last, True)
        builder.add("vector_stores", caller, builder.rng.uniform(2e8, 6e10), ())
        builder.add("code_interpreter_sessions", caller, builder.rng.uniform(2, 40), ())
