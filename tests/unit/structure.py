"""Counts the structure of a checkout, one figure per line, to compare two: python -m tests.unit.structure [CHECKOUT]."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

_GROUND = "ground"


def figures(checkout: Path) -> dict[str, str]:
    """Return what there is of modules, folders and arrows between them, and the largest and most tangled of it."""
    source = checkout / "etl"
    paths = {_name(path, source): path for path in sorted((source / "meterhouse").rglob("*.py"))}
    trees = {name: ast.parse(path.read_text()) for name, path in paths.items()}
    arrows = {name: _imports(tree, set(paths)) & set(paths) - {"meterhouse", name} for name, tree in trees.items()}
    folders = {name: _folder(name, paths[name], source) for name in paths}
    between = {(folders[name], folders[target]) for name, targets in arrows.items() for target in targets} - {
        (folder, folder) for folder in folders.values()
    }
    functions = [
        (node.end_lineno - node.lineno + 1, f"{name}.{node.name}")
        for name, tree in trees.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno
    ]
    largest = max((len(path.read_text().splitlines()), name) for name, path in paths.items())
    longest, tangled = max(functions), _most_tangled(source)
    return {
        "modules": f"{len(paths)}",
        "modules beside the folders": f"{sum(folder == _GROUND for folder in folders.values())}",
        "folders": f"{len(set(folders.values()) - {_GROUND})}",
        "arrows between modules": f"{sum(map(len, arrows.values()))}",
        "arrows between folders": f"{len(between)}",
        "pairs of folders that need each other": f"{sum((b, a) in between for a, b in between) // 2}",
        "cycles of modules": f"{sum(name in _reachable(name, arrows) for name in arrows)}",
        "largest module": f"{largest[0]} lines ({largest[1]})",
        "longest function": f"{longest[0]} lines ({longest[1]})",
        "most complex function": f"{tangled[0]} ({tangled[1]})",
    }


def _name(path: Path, source: Path) -> str:
    parts = path.relative_to(source).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _folder(name: str, path: Path, source: Path) -> str:
    """The folder of the first level that a module is in."""
    parts = path.relative_to(source / "meterhouse").parts
    if name == "meterhouse.__main__":
        return "command_line"
    return parts[0] if len(parts) > 1 else _GROUND


def _imports(tree: ast.AST, known: set[str]) -> set[str]:
    """Every module that is named; of `from package import module` the module, not the package."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= names if names <= known else {*names, node.module}
    return found


def _reachable(start: str, arrows: dict[str, set[str]]) -> set[str]:
    seen: set[str] = set()
    todo = [start]
    while todo:
        for name in arrows[todo.pop()] - seen:
            seen.add(name)
            todo.append(name)
    return seen


def _most_tangled(source: Path) -> tuple[int, str]:
    """The highest cyclomatic complexity of a function, as ruff counts it."""
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--select", "C901", "--config", "lint.mccabe.max-complexity=1"]
    done = subprocess.run([*command, "--output-format", "concise", str(source)], capture_output=True, text=True, check=False)
    found = re.findall(r"C901 `(\w+)` is too complex \((\d+) > 1\)", done.stdout)
    return max(((int(count), name) for name, count in found), default=(1, ""))


if __name__ == "__main__":
    for what, figure in figures(Path(sys.argv[1] if len(sys.argv) > 1 else ".")).items():
        sys.stdout.write(f"{what:40}{figure}\n")
