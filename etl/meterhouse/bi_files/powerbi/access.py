"""Row-level security: a role whose members see the projects that a table of the model gives to their sign-in name."""

from __future__ import annotations

from meterhouse.bi_files.powerbi.star import ANSWERS, TABLES, dax

ACCESS_TABLE = "Project access"
ROLE = "Project scope"


def role_filters() -> dict[str, str]:
    """Return the DAX filter of the role by table: projects of the access table, and only people and keys that appear in those.

    The answers of the first page are about the whole organization: a member sees none of them.
    """
    mine = f"FILTER('{ACCESS_TABLE}', '{ACCESS_TABLE}'[User] = USERPRINCIPALNAME())"
    keys = f"SELECTCOLUMNS({mine}, \"key\", '{ACCESS_TABLE}'[Project key])"

    def appears(fact: str) -> str:
        return f"COUNTROWS(CALCULATETABLE('{fact}', TREATAS({keys}, {dax(TABLES[fact], 'project_key')}))) > 0"

    return {
        "Project": f"{dax('dim_project', 'project_key')} IN {keys}",
        "User": appears("Usage"),
        "API key": f"{appears('Usage')} || {appears('Cost')}",
        **dict.fromkeys(ANSWERS, "FALSE()"),
    }
