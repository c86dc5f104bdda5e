"""The vendors: which ones can be loaded, where each is asked, and what its admin keys look like.

The code that talks to a vendor is in vendors/<name>/; its endpoints are in the catalogue of endpoints.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Vendor:
    """A vendor of usage and costs. `key_shape` says in words what `key_pattern` accepts: a key `must …`."""

    name: str
    base_url: str
    base_url_variable: str
    key_variable: str
    key_pattern: str
    key_shape: str
    key_remedy: str

    @property
    def airflow_connection(self) -> str:
        """Name of the Airflow connection with the key; `_<label>` follows for a further organization."""
        return f"{self.name}_admin"

    def variable_of(self, label: str, default_label: str) -> str:
        """Return the environment variable with the key of one organization."""
        return self.key_variable if label == default_label else f"{self.key_variable}_{label.upper()}"


OPENAI = Vendor(
    name="openai",
    base_url="https://api.openai.com/v1",
    base_url_variable="OPENAI_BASE_URL",
    key_variable="OPENAI_ADMIN_KEY",
    key_pattern=r"sk-[!#-&(-~]{13,}",  # any visible character but quotes
    key_shape="begin with sk-, be at least 16 characters long and hold no spaces, quotes or line breaks",
    key_remedy="create one in the organization's admin keys page and copy it whole",
)

VENDORS: dict[str, Vendor] = {vendor.name: vendor for vendor in (OPENAI,)}
