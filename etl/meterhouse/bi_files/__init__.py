"""Files that BI tools open, made from the views and the data dictionary: one module or package per tool.

`columns` lists every public column with its type, meaning and role; the others are made only from that list, and tests hold
the files in `bi/` to what the modules make. `python -m meterhouse.bi_files` writes all of them, `.<tool>` those of one tool.
"""

from __future__ import annotations

from typing import Any


def as_yaml(content: Any) -> str:
    """Return a file's content as YAML that reads well: keys in their order, SQL line by line."""
    import yaml  # noqa: PLC0415  # needed only to write the files

    class Readable(yaml.SafeDumper):
        def ignore_aliases(self, _: Any) -> bool:
            return True

    def text(dumper: yaml.SafeDumper, data: str) -> yaml.ScalarNode:
        return dumper.represent_scalar("tag:yaml.org,2002:str", data, style="|" if "\n" in data else None)

    Readable.add_representer(str, text)
    return str(yaml.dump(content, Dumper=Readable, sort_keys=False, allow_unicode=True, width=140))
