"""Served: the vendor's endpoints by path and by the kind of their rows. A copy of the costs is none: it is asked for where they are."""

from __future__ import annotations

from meterhouse.catalogue.endpoints import COPIES_OF_COSTS, offered_by
from meterhouse.catalogue.vendors import OPENAI
from meterhouse.vendors.openai.wire import path_of

SERVED = {name: endpoint for name, endpoint in offered_by(OPENAI).items() if endpoint not in COPIES_OF_COSTS}
BY_PATH = {path_of(endpoint): endpoint for endpoint in SERVED.values()}
BY_OBJECT = {endpoint.object: endpoint for endpoint in SERVED.values()}
