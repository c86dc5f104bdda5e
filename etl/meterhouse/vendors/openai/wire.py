"""Wire: OpenAI's paths below the base URL, and the code of the error that says where its history begins."""

from __future__ import annotations

from meterhouse.catalogue.endpoints import Endpoint

# Lists projects with their names, and so shows whose a key is.
PROJECTS_PATH = "/organization/projects"
USERS_PATH = "/organization/users"
ERROR_CODE_BEFORE_HISTORY = "reporting_lookback_exceeded"


def path_of(endpoint: Endpoint) -> str:
    """Return the path of an endpoint, whose name is the last word of it."""
    return "/organization/costs" if endpoint.is_costs else f"/organization/usage/{endpoint.name}"
