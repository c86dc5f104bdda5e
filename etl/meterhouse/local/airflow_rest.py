"""Airflow's REST API (v2) as this stack needs it: health, DAGs, runs and their task states."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

import requests

from meterhouse.errors import FixConfiguration, TryAgainLater

TIMEOUT_SECONDS = 20
COMPONENTS = ("metadatabase", "scheduler", "dag_processor")
DONE = {"success", "failed"}


class AirflowRest:
    """A client of one Airflow, logged in on first use."""

    def __init__(self, address: str, user: str, password: str) -> None:
        self.address = address
        self._user = user
        self._password = password
        self._session = requests.Session()
        # A proxy of the environment has no business between this process and its own server.
        self._session.trust_env = False
        self._logged_in = False

    def unhealthy(self) -> list[str]:
        """Return the components that are not healthy yet; all of them when the server does not answer."""
        try:
            answer = self._session.get(f"{self.address}/api/v2/monitor/health", timeout=5)
            states = answer.json() if answer.ok else {}
        except (requests.RequestException, ValueError):
            states = {}
        return [name for name in COMPONENTS if (states.get(name) or {}).get("status") != "healthy"]

    def log_in(self) -> None:
        """Get a token; only the server that we started knows our password, so this proves that the port is ours."""
        answer = self._call("POST", "/auth/token", {"username": self._user, "password": self._password})
        self._session.headers["Authorization"] = f"Bearer {answer['access_token']}"
        self._logged_in = True

    def dags(self) -> dict[str, dict[str, Any]]:
        """Return the DAGs that are parsed, by name."""
        return {dag["dag_id"]: dag for dag in self._get("/api/v2/dags?limit=100")["dags"]}

    def ensure_pool(self, name: str, slots: int, description: str) -> None:
        """Make a pool if there is none of that name; one that an operator has resized keeps its size."""
        pools = {pool["name"] for pool in self._get("/api/v2/pools?limit=100")["pools"]}
        if name not in pools:
            body = {"name": name, "slots": slots, "description": description, "include_deferred": False}
            self._get("/api/v2/pools", method="POST", body=body)

    def import_errors(self) -> dict[str, str]:
        """Return file and traceback of each DAG file that could not be parsed."""
        return {error["filename"]: error["stack_trace"] for error in self._get("/api/v2/importErrors?limit=100")["import_errors"]}

    def runs(self, dag: str, states: Iterable[str] = ()) -> list[dict[str, Any]]:
        """Return the newest runs of a DAG, newest first, optionally only those in `states`."""
        wanted = "".join(f"&state={quote(state)}" for state in states)
        found: list[dict[str, Any]] = self._get(f"/api/v2/dags/{quote(dag)}/dagRuns?limit=10&order_by=-run_after{wanted}")["dag_runs"]
        return found

    def trigger(self, dag: str, *, conf: dict[str, Any] | None = None, **times: str | None) -> str:
        """Start a run and return its id; `times` are logical_date and, for a given interval, data_interval_start and _end."""
        body = {"logical_date": None, "conf": conf or {}} | times
        run: dict[str, Any] = self._get(f"/api/v2/dags/{quote(dag)}/dagRuns", method="POST", body=body)
        return str(run["dag_run_id"])

    def state(self, dag: str, run: str) -> str:
        """Return the state of a run: queued, running, success or failed."""
        return str(self._get(f"/api/v2/dags/{quote(dag)}/dagRuns/{quote(run, safe='')}")["state"])

    def task_states(self, dag: str, run: str) -> dict[str, str]:
        """Return the state of each task of a run; a mapped task carries its index."""
        path = f"/api/v2/dags/{quote(dag)}/dagRuns/{quote(run, safe='')}/taskInstances?limit=100"
        return {
            task["task_id"] + (f"[{task['map_index']}]" if task["map_index"] >= 0 else ""): task["state"] or "waiting"
            for task in self._get(path)["task_instances"]
        }

    def _get(self, path: str, *, method: str = "GET", body: dict[str, Any] | None = None) -> Any:
        if not self._logged_in:
            self.log_in()
        return self._call(method, path, body)

    def _call(self, method: str, path: str, body: dict[str, Any] | None) -> Any:
        try:
            answer = self._session.request(method, self.address + path, json=body, timeout=TIMEOUT_SECONDS, allow_redirects=False)
        except requests.RequestException as error:
            raise TryAgainLater(
                f"the local Airflow does not answer {method} {path.split('?', maxsplit=1)[0]}: {type(error).__name__}"
            ) from None
        if not answer.ok:
            reason = f"the local Airflow answered {answer.status_code} to {method} {path.split('?', maxsplit=1)[0]}"
            # Its own words, but never those about a login.
            detail = "" if path.startswith("/auth") else f": {answer.text[:300]}"
            raise (TryAgainLater if answer.status_code >= 500 else FixConfiguration)(reason + detail)
        return answer.json()
