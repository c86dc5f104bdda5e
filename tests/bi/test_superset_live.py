"""A real Superset: the bundle is imported twice, every chart has data, and the dashboard shows the total that SQL says.

Run by `make bi-test`. Superset has a separate environment, made from `bi/superset/requirements.txt` in the folder that
METERHOUSE_SUPERSET_VENV names, or else below `.meterhouse`.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from playwright.sync_api import Page, Request, expect, sync_playwright
from tests.bi.asked import asked
from tests.conftest import Warehouse
from tests.e2e.browser import FLAGS, PROGRAM
from tests.postgres.loaded_organization import LoadedOrganization

from meterhouse.bi_files.questions import QUESTIONS, Question
from meterhouse.bi_files.superset.bundling import bundle
from meterhouse.bi_files.superset.dashboard import SLUG, TITLE
from meterhouse.bi_files.superset.datasets import dataset_name, metric_name

pytestmark = [pytest.mark.bi_tools, pytest.mark.timeout(900)]
ROOT = Path(__file__).parents[2]
LOCK = ROOT / "bi" / "superset" / "requirements.txt"
PICTURE = ROOT / "docs" / "images" / "superset.png"
# The browser may load nothing from outside: Superset's pages ask for a pixel of scarf.sh otherwise.
CONFIG = """
SECRET_KEY = {key!r}
SQLALCHEMY_DATABASE_URI = "sqlite:///{home}/superset.db?check_same_thread=false"
WTF_CSRF_ENABLED = False
TALISMAN_ENABLED = True
TALISMAN_CONFIG = {{
    "content_security_policy": {{
        "base-uri": ["'self'"],
        "default-src": ["'self'"],
        "img-src": ["'self'", "blob:", "data:"],
        "worker-src": ["'self'", "blob:"],
        "connect-src": ["'self'"],
        "object-src": "'none'",
        "style-src": ["'self'", "'unsafe-inline'"],
        "script-src": ["'self'", "'strict-dynamic'"],
    }},
    "content_security_policy_nonce_in": ["script-src"],
    "force_https": False,
    "session_cookie_secure": False,
}}
"""


@dataclass(frozen=True)
class Superset:
    """A Superset that runs, logged in as its administrator."""

    address: str
    password: str
    http: requests.Session

    def get(self, path: str) -> Any:
        answer = self.http.get(self.address + path, timeout=120)
        assert answer.ok, answer.text[:2000]
        return answer.json()


@pytest.fixture(scope="module")
def environment() -> Path:
    """The folder of Superset's own environment, made again when the lock file has changed."""
    folder = Path(os.environ.get("METERHOUSE_SUPERSET_VENV") or ROOT / ".meterhouse" / "superset" / "venv")
    note, wanted = folder / "lock.sha256", hashlib.sha256(LOCK.read_bytes()).hexdigest()
    if note.is_file() and note.read_text() == wanted:
        return folder
    uv = Path(sys.executable).with_name("uv")
    if not uv.exists():
        pytest.skip("uv is not beside this Python: run make bi-test, which installs it")
    subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, folder], check=True, timeout=120)
    install = [uv, "pip", "install", "--quiet", "--python", folder / "bin" / "python", "--require-hashes", "-r", LOCK]
    done = subprocess.run(install, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode:
        pytest.skip(f"Superset cannot be installed here: {done.stderr.strip().splitlines()[-1][:300]}")
    note.write_text(wanted)
    return folder


@pytest.fixture(scope="module")
def loaded(module_warehouse: Warehouse) -> Iterator[LoadedOrganization]:
    """A few weeks of the invented organization, with restatements."""
    with asked(module_warehouse, hours_of_days=3) as organization:
        yield organization


@pytest.fixture(scope="module")
def superset(environment: Path, loaded: LoadedOrganization, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Superset]:
    """From an empty home to a server: upgrade, administrator, roles, the bundle imported twice by the command line, and gunicorn."""
    home = tmp_path_factory.mktemp("superset")
    password = secrets.token_urlsafe(18)
    (home / "superset_config.py").write_text(CONFIG.format(key=secrets.token_urlsafe(42), home=home))
    warehouse = urlsplit(loaded.warehouse.reader_url)
    variables = {
        "PATH": f"{environment / 'bin'}:/usr/bin:/bin",
        "HOME": str(home),
        "SUPERSET_HOME": str(home),
        "SUPERSET_CONFIG_PATH": str(home / "superset_config.py"),
        "FLASK_APP": "superset.app:create_app()",
        # The bundle names the reader and holds no password: the server has it.
        "PGPASSWORD": str(warehouse.password),
    }

    def run(*words: str) -> None:
        command = [str(environment / "bin" / "superset"), *words]
        done = subprocess.run(command, env=variables, cwd=home, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, f"{words[0]}: {done.stdout[-1500:]}{done.stderr[-3000:]}"

    bundle(home / "bundle.zip", f"{warehouse.hostname}:{warehouse.port}{warehouse.path}", str(warehouse.username))
    run("db", "upgrade")
    run("fab", "create-admin", "--username", "admin", "--firstname", "A", "--lastname", "B", "--email", "a@b.c", "--password", password)
    run("init")
    for _ in range(2):
        run("import-dashboards", "--path", str(home / "bundle.zip"), "--username", "admin")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    serve = [str(environment / "bin" / "gunicorn"), "-k", "gthread", "--threads", "8", "-t", "120", "-b", f"127.0.0.1:{port}"]
    with (home / "server.log").open("w") as log:
        server = subprocess.Popen([*serve, "superset.app:create_app()"], env=variables, cwd=home, stdout=log, stderr=log)
        try:
            yield logged_in(f"http://127.0.0.1:{port}", password, server, home / "server.log")
        finally:
            server.terminate()
            server.wait(timeout=30)


def logged_in(address: str, password: str, server: subprocess.Popen[bytes], log: Path) -> Superset:
    http = requests.Session()
    http.trust_env = False
    for _ in range(240):
        assert server.poll() is None, log.read_text()[-3000:]
        try:
            if http.get(f"{address}/health", timeout=30).ok:
                break
        except requests.RequestException:
            time.sleep(0.5)
    login = {"username": "admin", "password": password, "provider": "db"}
    answer = http.post(f"{address}/api/v1/security/login", json=login, timeout=60)
    assert answer.ok, answer.text
    http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
    return Superset(address, password, http)


def test_two_imports_leave_one_of_everything(superset: Superset) -> None:
    dashboards = superset.get("/api/v1/dashboard/")
    assert [(one["dashboard_title"], one["slug"]) for one in dashboards["result"]] == [(TITLE, SLUG)]
    assert superset.get("/api/v1/database/")["count"] == 1
    assert superset.get("/api/v1/chart/?q=(page_size:100)")["count"] == len(QUESTIONS)
    assert superset.get("/api/v1/dataset/?q=(page_size:100)")["count"] == len({dataset_name(question) for question in QUESTIONS})


def test_the_dictionarys_words_are_on_the_columns(superset: Superset, loaded: LoadedOrganization) -> None:
    (dataset,) = [
        one for one in superset.get("/api/v1/dataset/?q=(page_size:100)")["result"] if one["table_name"] == "costs_daily_by_line_item"
    ]
    columns = superset.get(f"/api/v1/dataset/{dataset['id']}")["result"]["columns"]
    said = {column["column_name"]: column["description"] for column in columns if not column["expression"]}
    assert said == dict(loaded.read("SELECT column_name, description FROM bi.data_dictionary WHERE view_name = 'costs_daily_by_line_item'"))


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.name)
def test_every_chart_has_rows_and_adds_up_to_the_question(superset: Superset, loaded: LoadedOrganization, question: Question) -> None:
    charts = {one["slice_name"]: one["id"] for one in superset.get("/api/v1/chart/?q=(page_size:100)")["result"]}
    (result,) = superset.get(f"/api/v1/chart/{charts[question.title]}/data/")["result"]
    assert result["error"] is None
    rows = result["data"]
    with_sql = loaded.read(question.sql())
    assert rows
    assert len(rows) == len(with_sql)
    for column in (question.series, *question.names):
        assert column is None or column in rows[0]
    if question.total:
        ((wanted,),) = loaded.read(f"SELECT sum({question.total}) FROM ({question.sql()}) q")
        metric = metric_name(dataset_name(question), question.total)
        # Superset's JSON carries numerics as floating point.
        found = sum(Decimal(str(row[metric])) for row in rows if row[metric] is not None)
        assert abs(found - wanted) < Decimal("0.0001"), question.name


def test_the_filters_of_the_dashboard_change_the_total_to_what_sql_says(superset: Superset, loaded: LoadedOrganization) -> None:
    (chart,) = [one for one in superset.get("/api/v1/chart/?q=(page_size:100)")["result"] if one["slice_name"] == "Total cost"]
    context = json.loads(superset.get(f"/api/v1/chart/{chart['id']}")["result"]["query_context"])
    ((project,),) = loaded.read("SELECT project_name FROM bi.costs_daily GROUP BY 1 ORDER BY sum(cost) DESC NULLS LAST LIMIT 1")
    # As the browser sends them when both filters are set.
    days = {"col": "usage_date", "op": "TEMPORAL_RANGE", "val": "2026-11-01 : 2026-11-08"}
    context["queries"][0]["filters"] = [days, {"col": "project", "op": "IN", "val": [project]}]
    answer = superset.http.post(f"{superset.address}/api/v1/chart/data", json=context, timeout=120)
    assert answer.ok, answer.text[:2000]
    ((row,),) = [result["data"] for result in answer.json()["result"]]
    ((wanted,),) = loaded.read(
        "SELECT sum(cost) FROM bi.costs_daily WHERE usage_date >= '2026-11-01' AND usage_date < '2026-11-08' AND project_name = %s",
        (project,),
    )
    assert wanted > 0
    assert abs(Decimal(str(row["total_cost_usd"])) - wanted) < Decimal("0.0001")


def open_dashboard(page: Page, superset: Superset) -> None:
    page.goto(f"{superset.address}/login/")
    page.fill("input#username, input[name=username]", "admin")
    page.fill("input#password, input[name=password]", superset.password)
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "login" not in url)
    page.goto(f"{superset.address}/superset/dashboard/{SLUG}/")


def test_the_dashboard_shows_the_total_that_sql_says_and_loads_nothing_from_outside(
    superset: Superset, loaded: LoadedOrganization, tmp_path: Path
) -> None:
    if PROGRAM is None:
        pytest.skip("Chromium is not installed (on Debian: apt-get install chromium)")
    ((wanted,),) = loaded.read("SELECT sum(cost) FROM bi.costs_daily WHERE currency = 'usd'")
    outside: list[str] = []

    def note(request: Request) -> None:
        if request.url.startswith("http") and not request.url.startswith(superset.address):
            outside.append(request.url)

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=PROGRAM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1500, "height": 3350})
        page.on("requestfinished", note)
        page.set_default_timeout(60_000)
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        open_dashboard(page, superset)
        try:
            expect(page.get_by_text(f"${wanted:,.2f}").first).to_be_visible(timeout=90_000)
            for question in QUESTIONS:
                expect(page.get_by_text(question.title, exact=True).first).to_be_visible()
            expect(page.locator(".loading")).to_have_count(0, timeout=90_000)
        finally:
            page.screenshot(path=tmp_path / "superset.png")
        page.wait_for_timeout(2_000)
        page.screenshot(path=tmp_path / "superset.png")
        assert page.get_by_text("Unexpected error").count() == 0
        assert page.locator("[data-test=chart-container] canvas, .echarts canvas, canvas").count() >= 7
        browser.close()
    assert errors == []
    assert outside == []
    if os.environ.get("METERHOUSE_UPDATE_PICTURES"):
        PICTURE.write_bytes((tmp_path / "superset.png").read_bytes())
