"""Admin keys in the settings: what is one, whose it is, and that nothing shows it."""

from __future__ import annotations

import copy
import json
import pickle
from dataclasses import asdict

import pytest

from meterhouse.admin_keys import AdminKey
from meterhouse.errors import FixConfiguration
from meterhouse.settings import describe_settings

from .loaded_settings import KEY, OTHER_KEY, load

__all__ = ["load"]  # a fixture, which pytest finds by its name

# -- keys -----------------------------------------------------------------------------------------------------------------------------


@pytest.mark.fault(30)
@pytest.mark.parametrize(
    "text",
    [
        "short",
        "sk-short",
        "sk-" + "x" * 12,
        f"{KEY[:12]}\n{KEY[12:]}",
        f"{KEY[:12]} {KEY[12:]}",
        f'"{KEY}"',
        f"'{KEY}'",
        f'{KEY}"',
        f"{KEY[:12]}'{KEY[12:]}",
        f"“{KEY}”",
        f"{KEY}\x00",
        f"{KEY}é",
        f"Bearer {KEY}",
        f"OPENAI_ADMIN_KEY={KEY}",
        f"{KEY}\r\nX-Injected: yes",
        f"{KEY}\t{KEY}",
    ],
    ids=ascii,
)
def test_what_is_no_admin_key_is_refused_without_being_shown(load, text):
    with pytest.raises(FixConfiguration, match="OPENAI_ADMIN_KEY does not look like an admin key") as caught:
        load(OPENAI_ADMIN_KEY=text)
    message = str(caught.value)
    assert KEY[3:12] not in message
    assert "\n" not in message
    assert "create one" in message


@pytest.mark.fault(30)
@pytest.mark.parametrize("text", [KEY, f" {KEY}\n", f"\t{KEY}\r\n", "sk-" + "x" * 13, "sk-proj-" + "a_B-9." * 30])
def test_a_key_is_taken_without_the_white_space_around_it(load, text):
    [organization] = load(OPENAI_ADMIN_KEY=text).organizations
    assert organization.admin_key.reveal() == text.strip()


def test_a_key_is_shown_by_nothing_but_reveal(load):
    settings = load(OPENAI_ADMIN_KEY=KEY, OPENAI_ADMIN_KEY_ACME=OTHER_KEY)
    key = settings.organizations[0].admin_key
    shown = [repr(key), str(key), f"{key}", f"{key!r}", f"{key!s}", f"{key}".upper(), "%s %r" % (key, key)]  # noqa: UP031 - one more way
    shown += [repr(settings), str(settings), repr(settings.organizations), repr(describe_settings()), repr(load)]
    for text in shown:
        assert KEY not in text
        assert OTHER_KEY not in text
    assert not hasattr(key, "__dict__")
    for attempt in (pickle.dumps, copy.copy, copy.deepcopy, json.dumps):
        with pytest.raises(TypeError):
            attempt(key)
    for attempt in (pickle.dumps, copy.deepcopy, asdict):
        with pytest.raises(TypeError) as caught:
            attempt(settings)
        assert KEY not in str(caught.value)
    with pytest.raises(TypeError):
        format(key, ">40")
    with pytest.raises(TypeError):
        len(key)
    assert AdminKey(KEY) != KEY


# -- organizations --------------------------------------------------------------------------------------------------------------------


def test_one_key_is_the_default_organization(load):
    [organization] = load(OPENAI_ADMIN_KEY=KEY).require_organizations()
    assert (organization.label, organization.base_url) == ("default", "https://api.openai.com/v1")


def test_further_keys_are_organizations_of_their_own(load):
    settings = load(
        OPENAI_ADMIN_KEY=KEY, OPENAI_ADMIN_KEY_ACME=OTHER_KEY, OPENAI_ADMIN_KEY_R_AND_D=KEY, OPENAI_BASE_URL="https://eu.api.openai.com/v1"
    )
    assert [organization.label for organization in settings.organizations] == ["default", "acme", "r_and_d"]
    assert {organization.base_url for organization in settings.organizations} == {"https://eu.api.openai.com/v1"}
    assert settings.organizations[1].admin_key.reveal() == OTHER_KEY


def test_the_order_of_the_environment_does_not_matter(load):
    forwards = load(OPENAI_ADMIN_KEY_B=KEY, OPENAI_ADMIN_KEY_A=KEY)
    assert [organization.label for organization in forwards.organizations] == ["a", "b"]


def test_a_key_that_is_set_but_blank_is_unset(load):
    assert load(OPENAI_ADMIN_KEY=" ", OPENAI_ADMIN_KEY_ACME="").organizations == ()


@pytest.mark.parametrize("variable", ["OPENAI_ADMIN_KEY_DEMO", "OPENAI_ADMIN_KEY_", "OPENAI_ADMIN_KEY__X", "OPENAI_ADMIN_KEY_" + "X" * 64])
def test_a_label_that_cannot_be_one_is_refused_by_name(load, variable):
    with pytest.raises(FixConfiguration, match="label") as caught:
        load(**{variable: KEY})
    assert str(caught.value).startswith(f"{variable}:")
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    "variables", [("OPENAI_ADMIN_KEY", "OPENAI_ADMIN_KEY_DEFAULT"), ("OPENAI_ADMIN_KEY_ACME", "OPENAI_ADMIN_KEY_Acme")], ids=str
)
def test_two_keys_with_one_label_are_refused_because_their_figures_would_overwrite_each_other(load, variables):
    with pytest.raises(FixConfiguration, match=variables[1]):
        load(**{variables[0]: KEY, variables[1]: OTHER_KEY})


def test_a_bad_key_of_a_further_organization_is_named_by_its_variable(load):
    with pytest.raises(FixConfiguration, match=r"^OPENAI_ADMIN_KEY_ACME does not look like"):
        load(OPENAI_ADMIN_KEY_ACME="nonsense")
