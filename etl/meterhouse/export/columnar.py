"""Columnar formats by way of Arrow: Parquet and Tableau's Hyper, decimals in columns of the view's own precision."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from meterhouse.export.optional_packages import package_for
from meterhouse.export.source import NO_ZONES, Column, Source, Written

log = logging.getLogger(__name__)

# Where Tableau looks for the data of an extract.
HYPER_TABLE = ("Extract", "Extract")


def parquet(source: Source, path: Path) -> Written:
    """Write Parquet."""
    import pyarrow as pa  # noqa: PLC0415  # a second that no other command needs
    import pyarrow.parquet as pq  # noqa: PLC0415

    schema = pa.schema([pa.field(column.heading, _arrow_type(pa, column)) for column in source.columns])
    done = 0
    with pq.ParquetWriter(path, schema) as writer:
        for batch in _batches(source, schema, {}):
            writer.write_batch(batch)
            done += batch.num_rows
    return Written(done)


def hyper(source: Source, path: Path) -> Written:
    """Write an extract of Tableau; it knows no zones.

    pantab puts the sign of a negative decimal nearer to 0 than 0.1 behind its point, which ends the export: a column with such a value
    holds double precision numbers instead.
    """
    import pyarrow as pa  # noqa: PLC0415

    doubles = source.columns_between(Decimal("-0.1"), Decimal(0))
    schema = pa.schema(
        [pa.field(one.heading, pa.float64() if one.heading in doubles else _arrow_type(pa, one, zones=False)) for one in source.columns]
    )
    if doubles:
        log.warning("%s: %s hold 15 digits in this format; csv and parquet hold all of them", source.view, ", ".join(doubles))
    done = 0
    failed: list[BaseException] = []

    def batches() -> Iterator[Any]:
        nonlocal done
        try:
            for batch in _batches(source, schema, NO_ZONES):
                done += batch.num_rows
                yield batch
        except BaseException as error:
            failed.append(error)
            raise

    reader = pa.RecordBatchReader.from_batches(schema, batches())
    # Version 3 of the format holds numbers of 38 digits; the log would go into the current folder.
    options = {"default_database_version": "3", "log_dir": str(path.parent)}
    try:
        package_for("hyper").frames_to_hyper({HYPER_TABLE: reader}, path, process_params=options, atomic=False)
    finally:
        # pantab takes an error of ours for the end of the rows, or words it as Tableau's.
        if failed:
            raise failed[0]
    return Written(done)


def _batches(source: Source, schema: Any, shapes: Mapping[str, str]) -> Iterator[Any]:
    """The rows as Arrow record batches."""
    import pandas as pd  # noqa: PLC0415  # half a second
    import pyarrow as pa  # noqa: PLC0415

    for rows in source.batches(shapes):
        frame = pd.DataFrame(rows, columns=schema.names, dtype=object)
        for name in (field.name for field in schema if field.type == pa.float64()):
            frame[name] = frame[name].astype(float)
        yield pa.RecordBatch.from_pandas(frame, schema=schema, preserve_index=False)


def _arrow_type(pa: Any, column: Column, *, zones: bool = True) -> Any:
    """The Arrow type of a column; without `zones` an instant is a UTC clock time."""
    if column.type == "numeric":
        return pa.decimal128((column.modifier - 4) >> 16, (column.modifier - 4) & 0xFFFF)
    return {
        "bigint": pa.int64(),
        "integer": pa.int32(),
        "boolean": pa.bool_(),
        "date": pa.date32(),
        "timestamp without time zone": pa.timestamp("us"),
        "timestamp with time zone": pa.timestamp("us", tz="UTC" if zones else None),
        "double precision": pa.float64(),
    }.get(column.type, pa.string())
