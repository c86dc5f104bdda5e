"""A client that only fetches: every page, and nothing is done with it."""

from __future__ import annotations

import sys

from usage_api import pages


def main() -> None:
    """Fetch everything and say how much it was."""
    sys.stdout.write(f"{sum(len(page.content) for page in pages())} bytes\n")


if __name__ == "__main__":
    main()
