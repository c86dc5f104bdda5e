"""What pgJDBC shows of a schema, as JSON: a separate process, because a Java machine starts once per process and keeps its time zone.

Reads {"address", "user", "password", "jars", "zone", "views", "queries", ...} from standard input.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import jpype


def rows(results: Any, read: Any) -> list[Any]:
    """Apply `read` to every row."""
    found = []
    while results.next():
        found.append(read(results))
    return found


def refusal(connection: Any, statement: str) -> str:
    """The SQLSTATE that a statement is refused with, or an empty text."""
    try:
        connection.createStatement().execute(statement)
    except jpype.JException as error:
        return str(error.getSQLState())
    return ""


def main() -> None:
    """Probe, and print what was found."""
    given = json.load(sys.stdin)
    jpype.startJVM(f"-Duser.timezone={given['zone']}", "-Xmx256m", classpath=given["jars"])
    connection = jpype.JClass("java.sql.DriverManager").getConnection(given["address"], given["user"], given["password"])
    catalogue = connection.getMetaData()
    kinds = jpype.JArray(jpype.JString)

    def query(text: str) -> Any:
        return connection.createStatement().executeQuery(text)

    def text_or_none(value: Any) -> str | None:
        return None if value is None else str(value)

    def exact(value: Any) -> str | None:
        return None if value is None else str(value.toPlainString())

    def tables(schema: str, types: list[str] | None) -> list[Any]:
        results = catalogue.getTables(None, schema, "%", None if types is None else kinds(types))
        return rows(results, lambda row: [str(row.getString(3)), str(row.getString(4)), text_or_none(row.getString(5))])

    (unknown,) = rows(query(given["unknown"]), lambda row: [text_or_none(row.getObject(1)), int(row.getLong(1)), bool(row.wasNull())])
    found = {
        "driver": str(catalogue.getDriverVersion()),
        "session_zone": rows(query("SHOW timezone"), lambda row: str(row.getString(1)))[0],
        "tables": tables("bi", ["TABLE", "VIEW"]),
        "all_tables": tables("bi", None),
        "listed": [rows(query(text), lambda row: str(row.getString(1))) for text in given["lists"]],
        "columns": {
            view: rows(
                catalogue.getColumns(None, "bi", view, "%"),
                lambda row: [
                    str(row.getString(4)),
                    str(row.getString(6)),
                    int(row.getInt(7)),
                    int(row.getInt(9)),
                    text_or_none(row.getString(12)),
                ],
            )
            for view in given["views"]
        },
        "amounts": rows(query(given["amounts"]), lambda row: exact(row.getBigDecimal(1))),
        "unknown": unknown,
        "days": [rows(query(text), lambda row: [str(row.getDate(1)), int(row.getLong(2))]) for text in given["days"]],
        "days_of_the_instant": rows(
            query("SELECT DISTINCT date_trunc('day', bucket_at)::date FROM bi.usage_hourly"), lambda row: str(row.getDate(1))
        ),
        "secret": refusal(connection, given["secret"]),
        "writes": [refusal(connection, statement) for statement in given["writes"]],
        "hidden": tables("warehouse", None),
    }
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main()
