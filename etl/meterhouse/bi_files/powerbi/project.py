"""Power BI's files: the connection file (.pbids), and the project (PBIP) that opens the model and the report."""

from __future__ import annotations

from meterhouse.bi_files.files import Address, Files
from meterhouse.bi_files.powerbi.item_files import NAME, SCHEMAS, as_json
from meterhouse.bi_files.powerbi.report import report
from meterhouse.bi_files.powerbi.tmdl import semantic_model


def files(address: Address | None = None) -> Files:
    """Return the connection file and the project's files, by path below bi/powerbi."""
    where = address or Address()
    return {f"{NAME}.pbids": _pbids(where), f"{NAME}.pbip": _pbip(), **semantic_model(where), **report()}


def _pbids(where: Address) -> str:
    address = {"server": f"{where.server}:{where.port}", "database": where.database}
    connection = {"details": {"protocol": "postgresql", "address": address}, "options": {}, "mode": "Import"}
    return as_json({"version": "0.1", "connections": [connection]})


def _pbip() -> str:
    return as_json({
        "$schema": f"{SCHEMAS}/pbip/pbipProperties/1.0.0/schema.json", "version": "1.0",
        "artifacts": [{"report": {"path": f"{NAME}.Report"}}], "settings": {"enableAutoRecovery": True},
    })  # fmt: skip
