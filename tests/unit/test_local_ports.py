"""Busy ports are reported in one line with what to set."""

from __future__ import annotations

import socket

import pytest

from meterhouse.errors import FixConfiguration
from meterhouse.ports import free_port, is_free, require_free


def test_a_free_port_is_free() -> None:
    require_free(free_port(), "a test", "METERHOUSE_TEST_PORT")


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0"])
def test_a_busy_port_names_port_service_and_variable(address: str) -> None:
    with socket.create_server((address, 0)) as server:
        port = server.getsockname()[1]
        assert not is_free(port)
        with pytest.raises(FixConfiguration, match=rf"port {port}, wanted by Airflow, .*METERHOUSE_AIRFLOW_PORT"):
            require_free(port, "Airflow", "METERHOUSE_AIRFLOW_PORT")
