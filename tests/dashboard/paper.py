"""A page as it comes out of a printer: the sheets of its PDF, with their lines of text and their colours."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from html import unescape
from pathlib import Path

import pytest
from playwright.sync_api import Page

from meterhouse.dashboard.palette import SERIES

DPI = 72
_PLACE = r' xMin="([\d.]+)" yMin="([\d.]+)" xMax="([\d.]+)" yMax="([\d.]+)">(.*?)</'
_SIZE = re.compile(r'<page width="([\d.]+)" height="[\d.]+">')


@dataclass(frozen=True)
class Word:
    """A word or a line of text: its sheet, counted from 0, its place in points from the upper left, and what it says."""

    sheet: int
    left: float
    top: float
    right: float
    bottom: float
    text: str


@dataclass(frozen=True)
class Sheets:
    """What was printed: lines of text and their words, and rows of pixels, one for a point."""

    width: float
    lines: list[Word]
    words: list[Word]
    pixels: list[list[bytes]]

    def marks(self, sheet: int, top: float, bottom: float) -> int:
        """Return how many points between two heights of a sheet have the colour of a series."""
        colours = {bytes.fromhex(one[1:]) for one in SERIES}
        return sum(row[at : at + 3] in colours for row in self.pixels[sheet][int(top) : int(bottom)] for at in range(0, len(row), 3))

    def overprinted(self) -> list[tuple[Word, Word]]:
        """Return words that overlap by more than a point, which is as much as letter boxes of neighbouring lines may."""
        found = []
        for sheet in range(len(self.pixels)):
            words = sorted((word for word in self.words if word.sheet == sheet), key=lambda word: word.top)
            for place, one in enumerate(words):
                for other in words[place + 1 :]:
                    if other.top > one.bottom - 1:
                        break
                    if min(one.right, other.right) - max(one.left, other.left) > 1:
                        found.append((one, other))
        return found

    def ground(self, sheet: int) -> bytes:
        """Return the colour of a sheet's upper left corner."""
        return self.pixels[sheet][0][:3]


def printed(page: Page, folder: Path) -> Sheets:
    """Print a page with the browser's defaults, and read the result."""
    if shutil.which("pdftoppm") is None:
        pytest.skip("pdftoppm is not installed (on Debian: apt-get install poppler-utils)")
    file = folder / "page.pdf"
    page.pdf(path=file, format="A4", prefer_css_page_size=True)
    subprocess.run(["pdftoppm", "-r", str(DPI), str(file), str(folder / "sheet")], check=True)
    boxes = subprocess.run(["pdftotext", "-bbox-layout", str(file), "-"], capture_output=True, text=True, check=True).stdout
    sheets = _SIZE.split(boxes)[2::2]
    width = _SIZE.search(boxes)
    assert width is not None
    return Sheets(
        float(width[1]), _found("line", sheets), _found("word", sheets), [_rows(one) for one in sorted(folder.glob("sheet-*.ppm"))]
    )


def _found(kind: str, sheets: list[str]) -> list[Word]:
    return [
        Word(number, float(left), float(top), float(right), float(bottom), " ".join(unescape(re.sub("<[^>]+>", " ", text)).split()))
        for number, sheet in enumerate(sheets)
        for left, top, right, bottom, text in re.findall(f"<{kind}{_PLACE}{kind}>", sheet, re.DOTALL)
    ]


def _rows(file: Path) -> list[bytes]:
    """The rows of a picture of three bytes a pixel."""
    magic, size, most, content = file.read_bytes().split(b"\n", 3)
    assert (magic, most) == (b"P6", b"255")
    width, height = map(int, size.split())
    return [content[row * width * 3 : (row + 1) * width * 3] for row in range(height)]
