"""What the vendor publishes about its endpoints: the official SDK and the specification; here are those that one of them lacks."""

from __future__ import annotations

import openai
import pytest
from openai.resources.admin.organization.usage import Usage

from meterhouse.catalogue.endpoints import COPIES_OF_COSTS, COSTS, Endpoint

# Endpoints that even the newest SDK has no method for: what compares them with the SDK is skipped, and fails once it has one.
NOT_YET_IN_THE_SDK: frozenset[str] = frozenset()
# Endpoints that the copy of the vendor's specification in METERHOUSE_CONTRACT does not describe; only the SDK knows these.
NOT_IN_THE_SPECIFICATION = frozenset({"decisions"})


def sdk_name(endpoint: Endpoint) -> str:
    """What the SDK calls an endpoint: a copy of the costs is the same endpoint, grouped otherwise."""
    return COSTS.name if endpoint.name in {copy.name for copy in COPIES_OF_COSTS} else endpoint.name


def sdk_methods() -> set[str]:
    return {name for name in vars(Usage) if not name.startswith(("_", "with_"))}


def unknown_to_the_sdk(name: str) -> str:
    """What to do about an endpoint that the SDK has no method for."""
    return (
        f"openai {openai.__version__} has no method {name!r}. Is the name of the entry in etl/meterhouse/catalogue/endpoints.py"
        " the last word of the vendor's path? If the endpoint is newer than that release, make lock and make install-dev install"
        f" the newest; if that has none either, add {name!r} to NOT_YET_IN_THE_SDK in tests/published.py."
    )


def require_sdk_method(endpoint: Endpoint) -> None:
    """Skip what compares an endpoint with the SDK if it has no method for it, which is a failure of its own in test_endpoints.py."""
    if (name := sdk_name(endpoint)) not in sdk_methods():
        pytest.skip(
            unknown_to_the_sdk(name) if name not in NOT_YET_IN_THE_SDK else f"openai {openai.__version__} has no method {name!r} yet"
        )
