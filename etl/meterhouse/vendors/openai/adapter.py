"""OpenAI, as the loader sees it."""

from __future__ import annotations

import re

from meterhouse.vendors.adapter import Adapter
from meterhouse.vendors.openai.client import Client
from meterhouse.vendors.openai.directory import listed_projects, read_directory
from meterhouse.vendors.openai.rows import decode_page
from meterhouse.vendors.openai.saved.recognition import read_saved
from meterhouse.vendors.openai.spend_limits import read_spend_limits

_A_PROJECT = re.compile(rb'"project_id": ?"[^"]')

ADAPTER = Adapter(
    client=Client,
    decode_page=decode_page,
    names_a_project=lambda text: _A_PROJECT.search(text) is not None,
    read_directory=read_directory,
    listed_projects=listed_projects,
    read_saved=read_saved,
    read_spend_limits=read_spend_limits,
)
