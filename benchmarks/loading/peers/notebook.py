"""The notebook way: everything into a data frame, the frame into a staging table, and an upsert from there."""

from __future__ import annotations

import os

import pandas as pd
import sqlalchemy as sa
from usage_api import DIMENSIONS, FIGURES, KEY, pages, rows

TABLE = """
CREATE SCHEMA IF NOT EXISTS {schema};
CREATE TABLE IF NOT EXISTS {schema}.completions (
    bucket_start timestamptz NOT NULL, {dimensions}, {figures}, PRIMARY KEY ({key})
);
"""
UPSERT = """
INSERT INTO {schema}.completions ({names}) SELECT {names} FROM {schema}.staging
ON CONFLICT ({key}) DO UPDATE SET {assignments};
DROP TABLE {schema}.staging;
"""


def main() -> None:
    """Load."""
    schema = os.environ["SCHEMA"]
    frame = pd.DataFrame([row for page in pages() for row in rows(page.json())])
    frame[list(FIGURES)] = frame[list(FIGURES)].astype("Int64")
    words = {
        "schema": schema,
        "dimensions": ", ".join(f"{name} {'boolean' if name == 'batch' else 'text'} NOT NULL" for name in DIMENSIONS),
        "figures": ", ".join(f"{name} bigint" for name in FIGURES),
        "key": ", ".join(KEY),
        "names": ", ".join((*KEY, *FIGURES)),
        "assignments": ", ".join(f"{name} = EXCLUDED.{name}" for name in FIGURES),
    }
    engine = sa.create_engine(os.environ["DATABASE_URL"].replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        connection.execute(sa.text(TABLE.format(**words)))
        frame.to_sql("staging", connection, schema=schema, if_exists="replace", index=False, chunksize=10_000)
        connection.execute(sa.text(UPSERT.format(**words)))


if __name__ == "__main__":
    main()
