"""Fuzz the page decoder, guided by coverage (`make fuzz`): any bytes are a page or a refusal in one line, in bounded time and memory."""

from __future__ import annotations

import sys
from decimal import Decimal
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["meterhouse"]):
    from meterhouse.catalogue.endpoints import ENDPOINTS
    from meterhouse.errors import RejectedAnswer
    from meterhouse.vendors.openai.bounded_json import decode
    from meterhouse.vendors.openai.rows import decode_page

ROOT = Path(__file__).resolve().parents[2]
RECORDINGS = ROOT / "tests" / "recordings"
# libFuzzer ends the process itself, so nothing could be cleaned up: `make clean` does.
PLACE = ROOT / ".meterhouse" / "fuzz"
NAMES = (
    "object", "page", "bucket", "data", "results", "start_time", "end_time", "has_more", "next_page", "amount", "value", "currency", "usd",
    "line_item", "quantity", "input_tokens", "num_model_requests", "\\u0000", "\\ud800",
)  # fmt: skip
VALUES = ("null", "true", "1e999999999", "-1", "1.50", "NaN", "9223372036854775808", "[[[[", "{}", '"x":1,"x":2')
WORDS = (*(f'"{name}"' for name in NAMES), *VALUES)
LONGEST_LINE = 500


def one_input(data: bytes) -> None:
    """Decode bytes as every answer is decoded; the first byte chooses the endpoint, the second how it was grouped."""
    if len(data) < 2:
        return
    endpoint = list(ENDPOINTS.values())[data[0] % len(ENDPOINTS)]
    dimensions = [dimension for i, dimension in enumerate(endpoint.dimensions) if data[1] >> i % 8 & 1]
    body = data[2:]
    try:
        page = decode_page(endpoint, body, dimensions)
    except RejectedAnswer as refusal:
        line = str(refusal)
        if "\n" in line or len(line) > LONGEST_LINE:
            raise AssertionError(f"not one short line: {line[:1000]!r}") from None
    else:
        for bucket in page.buckets:
            for values in bucket.rows.values():
                if any(isinstance(value, Decimal) and not value.is_finite() for value in values):
                    raise AssertionError(f"no number: {values!r}")
                "".join(value for value in values if isinstance(value, str)).encode()
    try:
        decode(body.decode())
    except (ValueError, RecursionError):
        return


def main() -> None:
    """Begin with the recorded pages and what earlier runs found worth keeping, and go on as libFuzzer's options say."""
    corpus, words = PLACE / "corpus", PLACE / "words"
    corpus.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(ENDPOINTS):
        for grouping in (0, 255):
            (corpus / f"{name}-{grouping}").write_bytes(bytes([number, grouping]) + (RECORDINGS / f"{name}.json").read_bytes())
    words.write_text("".join('"' + word.replace("\\", "\\x5c").replace('"', '\\"') + '"\n' for word in WORDS))
    options = ["-timeout=10", "-rss_limit_mb=1024", "-max_len=20000", f"-artifact_prefix={PLACE}/", f"-dict={words}"]
    atheris.Setup([sys.argv[0], *options, *sys.argv[1:], str(corpus)], one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
