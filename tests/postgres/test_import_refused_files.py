"""Files that are refused, or say less than they seem to: another organization's, a misspelt label, a bad cell."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from meterhouse.catalogue.endpoints import COMPLETIONS
from meterhouse.errors import FixConfiguration
from meterhouse.fake_openai import FakeOrganization
from meterhouse.imports.saved_files import Chosen, import_files

from .comparison import assert_equals_source
from .fingerprints import places
from .imported_files import END, FIRST, Files, acme, files
from .loaded_organization import NOW, LoadedOrganization, served
from .saved_exports import costs_export, empty_export, usage_export

__all__ = ["acme", "files"]  # fixtures, which pytest finds by their names


def test_a_file_of_another_organization_is_refused_and_nothing_is_written(acme: LoadedOrganization, files: Files) -> None:
    acme.backfill(END, END + timedelta(days=1), ["costs", "completions"]).raise_first()
    stood = places(acme.warehouse.superuser_url)
    other = FakeOrganization(NOW, seed=2, scale=0.2)
    costs = files.write("cost_other.csv", costs_export(other, FIRST, END))
    usage = files.write("completions_usage_other.csv", usage_export(other, COMPLETIONS, FIRST, END))
    ours = files.write("cost_ours.csv", costs_export(acme.fake, FIRST, END))
    with pytest.raises(FixConfiguration, match=f"cost_other.csv is of the organization {other.roster.organization_id}, and the label acme"):
        files.costs(ours, costs)
    with pytest.raises(FixConfiguration, match=r"none of its .* projects is known under the label acme"):
        files.usage(usage)
    mixed = costs_export(acme.fake, FIRST, END) + "".join(costs_export(other, FIRST, END).splitlines(keepends=True)[1:])
    with pytest.raises(FixConfiguration, match="rows of several organizations"):
        files.costs(files.write("mixed.csv", mixed))
    assert places(acme.warehouse.superuser_url) == stood


def test_a_misspelt_label_is_no_new_organization(acme: LoadedOrganization, files: Files) -> None:
    path = files.write("cost_x.csv", empty_export(FIRST, 2))
    with pytest.raises(FixConfiguration, match="no organization is called 'acem': give one of acme"):
        files.costs(path, organization="acem")
    assert acme.query("SELECT count(*) FROM warehouse.dim_organization") == [(0,)]


@pytest.mark.parametrize("line", [3, 40])
def test_one_bad_cell_is_one_line_and_nothing_is_stored(line: int, acme: LoadedOrganization, files: Files) -> None:
    rows = costs_export(acme.fake, FIRST, END).splitlines()
    cells = rows[line - 1].split(",")
    rows[line - 1] = ",".join([*cells[:4], "$1.50", *cells[5:]])
    good = files.write("cost_good.csv", costs_export(acme.fake, END, END + timedelta(days=1)))
    with pytest.raises(FixConfiguration) as told:
        files.costs(good, files.write("cost_bad.csv", "\n".join(rows)))
    assert str(told.value) == f"cost_bad.csv, line {line}: amount_value is '$1.50': write a plain number such as 0.0125"
    assert acme.query("SELECT count(*) FROM ops.coverage") == [(0,)]


def test_of_several_organizations_a_file_finds_its_own_and_one_that_says_nothing_needs_the_label(
    acme: LoadedOrganization, files: Files, tmp_path: Path
) -> None:
    acme.backfill(END, END + timedelta(days=1), ["costs"]).raise_first()
    with served(FakeOrganization(NOW, seed=2, scale=0.2), acme.warehouse, "globex") as globex:
        globex.backfill(END, END + timedelta(days=1), ["costs"]).raise_first()
        theirs = Files(tmp_path, globex)
        costs = files.write("cost_theirs.csv", costs_export(globex.fake, FIRST, END))
        usage = files.write("completions_usage_theirs.csv", usage_export(globex.fake, COMPLETIONS, FIRST, END))
        nobodys = files.write("cost_2026-03-02.csv", empty_export(FIRST - timedelta(days=30), 2))
        both = acme.settings(organizations=(*acme.settings().organizations, *globex.settings().organizations))

        def bring(is_costs: bool, path: Path, label: str | None = None) -> list[str]:
            return list(import_files(both, [path], Chosen(is_costs, label), clock=acme.fake.clock.now))

        with pytest.raises(FixConfiguration, match="does not say which of acme, globex it belongs to: give it with --organization"):
            bring(True, nobodys)
        with pytest.raises(FixConfiguration, match="and the label acme holds"):
            bring(True, costs, "acme")
        with pytest.raises(FixConfiguration, match=r"is of the project proj_.*, and the label globex holds it"):
            bring(False, usage, "acme")
        assert "for globex" in bring(True, costs)[0]
        assert "for globex" in bring(False, usage)[0]
        assert "for acme" in bring(True, nobodys, "acme")[0]
        assert theirs.costs(costs)[-1].startswith("imported 1 file: nothing changes")
        assert_equals_source(globex, FIRST, END, ["costs", "completions"])
    assert acme.read("SELECT count(*) FROM bi.costs_daily WHERE organization = 'acme' AND usage_date < %s", [END]) == [(0,)]
