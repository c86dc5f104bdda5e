"""A page as it comes out of a printer: the sheets of its PDF, with their lines of text and their colours."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from html import unescape
from itertools import pairwise
from pathlib import Path

import pytest
from playwright.sync_api import Page

from meterhouse.dashboard.palette import SERIES

DPI = 72
_LINE = re.compile(r'<line xMin="([\d.]+)" yMin="([\d.]+)" xMax="([\d.]+)" yMax="([\d.]+)">(.*?)</line>', re.DOTALL)
_SIZE = re.compile(r'<page width="([\d.]+)" height="([\d.]+)">')


@dataclass(frozen=True)
class Line:
    """A line of text: its sheet, counted from 0, its place in points from the upper left, and its words."""

    sheet: int
    left: float
    top: float
    right: float
    text: str


@dataclass(frozen=True)
class Sheets:
    """What was printed: lines of text, and rows of pixels, one for a point."""

    width: float
    lines: list[Line]
    pixels: list[list[bytes]]

    def words(self) -> set[str]:
        """Return every word on all sheets."""
        return {word for line in self.lines for word in line.text.split()}

    def marks(self, sheet: int, top: float, bottom: float) -> int:
        """Return how many points between two heights of a sheet have the colour of a series."""
        colours = {bytes.fromhex(one[1:]) for one in SERIES}
        return sum(row[at : at + 3] in colours for row in self.pixels[sheet][int(top) : int(bottom)] for at in range(0, len(row), 3))

    def ground(self, sheet: int) -> bytes:
        """Return the colour of a sheet's upper left corner."""
        return self.pixels[sheet][0][:3]


def printed(page: Page, folder: Path) -> Sheets:
    """Print a page as the browser does by itself, and read what came out."""
    if shutil.which("pdftoppm") is None:
        pytest.skip("pdftoppm is not installed (on Debian: apt-get install poppler-utils)")
    file = folder / "page.pdf"
    page.pdf(path=file, format="A4", prefer_css_page_size=True)
    subprocess.run(["pdftoppm", "-r", str(DPI), str(file), str(folder / "sheet")], check=True)
    boxes = subprocess.run(["pdftotext", "-bbox-layout", str(file), "-"], capture_output=True, text=True, check=True).stdout
    starts = [*_SIZE.finditer(boxes)]
    ends = [*(one.start() for one in starts), len(boxes)]
    lines = [
        Line(sheet, float(left), float(top), float(right), " ".join(unescape(re.sub("<[^>]+>", " ", words)).split()))
        for sheet, (start, end) in enumerate(pairwise(ends))
        for left, top, right, _, words in _LINE.findall(boxes[start:end])
    ]
    return Sheets(float(starts[0][1]), lines, [_rows(one) for one in sorted(folder.glob("sheet-*.ppm"))])


def _rows(file: Path) -> list[bytes]:
    """The rows of a picture of three bytes a pixel."""
    magic, size, most, content = file.read_bytes().split(b"\n", 3)
    assert (magic, most) == (b"P6", b"255")
    width, height = map(int, size.split())
    return [content[row * width * 3 : (row + 1) * width * 3] for row in range(height)]
