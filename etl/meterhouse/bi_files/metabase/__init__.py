"""Metabase: the questions as models, questions and one dashboard, over Metabase's REST and as files of its serialization format.

`content` says what is shown, `provisioning` brings a server to it, `serialization` writes it as files.
`python -m meterhouse.bi_files.metabase` rewrites `bi/metabase`.
"""

from __future__ import annotations

from meterhouse.bi_files.metabase.provisioning import provision

__all__ = ["provision"]
