"""What of each chart can be seen: the box it has, and the marks that are left of it inside of all that clips."""

from __future__ import annotations

from dataclasses import dataclass

from playwright.sync_api import Page

# The marks of plotly's charts, and those of static ones.
MARKS = ", ".join(
    [
        ".bars .point path", ".scatterlayer .js-line", ".pielayer path.surface",
        ".drawn > .shape", ".drawn .slice", ".drawn > path[stroke]:not(.grid-line)", ".drawn > circle",
    ]
)  # fmt: skip
LOOK = """(marks) => [...document.querySelectorAll('.panel')].filter(panel => panel.checkVisibility()).map(panel => {
  const clipped = (node) => {
    const own = node.getBoundingClientRect();
    // A line that is level has no height, and is seen all the same.
    let box = { left: own.left, top: own.top - 0.5, right: own.right, bottom: own.bottom + 0.5 };
    for (let one = node.parentElement; one; one = one.parentElement) {
      const style = getComputedStyle(one);
      if (style.overflow === 'visible' && !one.classList.contains('picture')) continue;
      if (one === document.documentElement || one === document.body) continue;
      const outer = one.getBoundingClientRect();
      box = { left: Math.max(box.left, outer.left), top: Math.max(box.top, outer.top - 0.5),
              right: Math.min(box.right, outer.right), bottom: Math.min(box.bottom, outer.bottom + 0.5) };
    }
    return box;
  };
  const picture = panel.querySelector('.picture');
  const place = picture?.getBoundingClientRect();
  const found = [...(picture?.querySelectorAll(marks) ?? [])]
    .filter(node => node.checkVisibility({ opacityProperty: true, visibilityProperty: true }))
    .map(node => [node.getBoundingClientRect(), clipped(node)]);
  const whole = found.filter(([own, box]) => own.width + own.height > 0 && box.right - box.left >= own.width - 1.5
    && box.bottom - box.top >= own.height - 1.5);
  const boxes = whole.map(([, box]) => box);
  return {
    height: place?.height ?? 0, right: place?.right ?? 0, marks: found.length, whole: whole.length,
    wide: boxes.length ? Math.max(...boxes.map(box => box.right)) - Math.min(...boxes.map(box => box.left)) : 0,
    tall: boxes.length ? Math.max(...boxes.map(box => box.bottom)) - Math.min(...boxes.map(box => box.top)) : 0,
  };
})"""


@dataclass(frozen=True)
class Seen:
    """A chart's box, the marks that are not hidden, how many of them are whole, and the space these take, in pixels."""

    height: float
    right: float
    marks: int
    whole: int
    wide: float
    tall: float


def charts_seen(page: Page) -> list[Seen]:
    """Return what is seen of each chart of a page, in their order."""
    return [Seen(**one) for one in page.evaluate(LOOK, MARKS)]
