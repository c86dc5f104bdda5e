"""A faithful local stand-in for the vendor's admin API, for trying meterhouse out, the tests and the benchmarks.

Everything in it is invented and deterministic; nothing leaves this machine.

    organization.py  the invented organization as one object       server.py    HTTP on the loopback
    roster.py        who exists                                    replay.py    recorded pages instead of invented ones
    workloads.py     who uses what, as habits                      queries.py   parameters and page tokens
    activity.py      how much was used on a day                    reports.py   buckets and rows
    large_batches.py one odd day a month, for anomalies            directory.py lists of who exists
    lots.py          which minutes of the day it falls into        faults.py    what can go wrong on the way
    billing.py       what was billed                               control.py   for other processes
    restatement.py   how the past changes
"""

from meterhouse.fake_openai.command import run
from meterhouse.fake_openai.organization import FakeOrganization
from meterhouse.fake_openai.replay import ReplayServer
from meterhouse.fake_openai.server import FakeServer

__all__ = ["FakeOrganization", "FakeServer", "ReplayServer", "run"]
