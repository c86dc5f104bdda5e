"""Export: one public view as a file, streamed, with exact decimals; the file appears whole or not at all.

`view_file` is the door; `matching` knows what there is to select, `source` reads the rows, `text_formats`, `columnar` and `workbook` each
write a family of formats.
"""

from __future__ import annotations

from meterhouse.export.matching import limits
from meterhouse.export.row_progress import shown
from meterhouse.export.source import Selection
from meterhouse.export.view_file import FORMATS, export_view

__all__ = ["FORMATS", "Selection", "export_view", "limits", "shown"]
