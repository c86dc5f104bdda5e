"""The FinOps Foundation's validator of FOCUS, which runs in an environment of its own, and the rules that may fail by docs/focus.md."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs" / "focus.md"
# What the vendor's bill has; no currency of prices, no regions, no commitments.
CRITERIA = (
    "ACCOUNT_NAMING_SUPPORTED", "SUB_ACCOUNT_SUPPORTED", "PUBLIC_PRICE_LIST_SUPPORTED", "UNIT_PRICING_SUPPORTED",
    "USAGE_MEASUREMENT_SUPPORTED", "NEGOTIATED_PRICING_SUPPORTED", "TAGGING_SUPPORTED",
)  # fmt: skip
_RULE = r"[A-Za-z]+-[A-Z]-\d{3}-[A-Z]"


def allowed() -> dict[str, str]:
    """Why each rule may fail, by its name."""
    table = DOCS.read_text().partition("| rules that may fail |")[2]
    rows = re.findall(rf"^\| ((?:{_RULE}(?:, )?)+) \| (.+) \|$", table, re.MULTILINE)
    return {rule: why for rules, why in rows for rule in rules.split(", ")}


def failed(program: str, path: Path) -> tuple[set[str], int]:
    """Return the rules that a file fails, and how many it passes."""
    # It opens its list of currencies by a path that begins in the folder above its package.
    (package,) = Path(program).parents[1].glob("lib/python*/site-packages")
    options = ["--validate-version", "1.2", "--block-download", "--applicability-criteria", ",".join(CRITERIA)]
    command = [program, "--data-file", str(path), *options]
    said = subprocess.run(command, cwd=package, capture_output=True, text=True, timeout=250, check=True).stdout
    (passed,) = re.findall(r"Total: \d+ \| Pass: (\d+) ", said)
    return set(re.findall(rf"({_RULE}): FAIL", said)), int(passed)
