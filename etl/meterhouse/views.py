"""stub to be replaced"""

import sqlalchemy as sa


def rebuild_views(connection: sa.Connection) -> None:
    pass
