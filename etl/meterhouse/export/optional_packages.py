"""The packages that write a format and are installed only with an extra."""

from __future__ import annotations

import importlib
from typing import Any

from meterhouse.errors import FixConfiguration

PACKAGES = {"hyper": ("pantab", "tableau"), "xlsx": ("xlsxwriter", "excel")}


def package_for(file_format: str) -> Any:
    """Import and return the package that writes a format, which may be an extra that is not installed."""
    package, extra = PACKAGES[file_format]
    try:
        return importlib.import_module(package)
    except ModuleNotFoundError:
        raise FixConfiguration(
            f"--format {file_format} needs {package}: pip install {package} (or install meterhouse with its extra, meterhouse[{extra}])"
        ) from None
