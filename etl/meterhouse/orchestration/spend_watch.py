"""Spend watch: notices about spending, each sent once over the channels of the alerts; from a task, or from the command line."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from meterhouse.control_characters import visible
from meterhouse.counts import counted
from meterhouse.errors import TryAgainLater
from meterhouse.load.claimed_notices import ClaimedNotices, Notice
from meterhouse.load.due_notices import due_notices
from meterhouse.load.store import Store
from meterhouse.orchestration.alerts import MAIL_CONNECTION, WEBHOOK_CONNECTION, alert_channels, sent_over

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SpendReport:
    """The notices that were sent, or would be, without those that say the same; and a line for people on what became of them."""

    texts: tuple[str, ...]
    outcome: str

    @property
    def lines(self) -> list[str]:
        """Return the notices and what became of them, a line each."""
        return [*self.texts, self.outcome]


def report_spending(url: str, link: str = "", *, sends: bool = True) -> SpendReport:
    """Send the notices that are due and were not sent yet, in one message on every channel; `link` ends the message.

    They count as sent when one channel at least has taken the message. Raises `TryAgainLater` when none has: then they are due again.
    Without a channel, or if nothing is to be sent, nothing is claimed.
    """
    channels = alert_channels()
    with Store(url) as store:
        notices = ClaimedNotices(store.connection)
        due = due_notices(store.connection)
        if not sends or not channels:
            texts = _texts(notices.unsent(due))
            why = "this was a dry run" if not sends else f"there is no connection {WEBHOOK_CONNECTION} or {MAIL_CONNECTION}"
            return SpendReport(texts, f"{counted(len(texts), 'notice')} due: nothing was sent, as {why}" if texts else _NOTHING)
        claimed = notices.claim(due)
        if not claimed:
            return SpendReport((), _NOTHING)
        try:
            failed = sent_over(channels, _title(claimed), "\n".join([*_texts(claimed), *(["", link] if link else [])]))
        except BaseException:
            notices.give_back(claimed)
            raise
        if len(failed) == len(channels):
            notices.give_back(claimed)
            raise TryAgainLater(f"no channel has taken the notices ({', '.join(failed)}): look at its connection; they are due again")
        notices.delivered(claimed)
    for name in failed:
        log.warning("one of the channels did not take the notices (%s): look at its connection", name)
    not_all = f", but not by all channels ({', '.join(failed)})" if failed else ""
    return SpendReport(_texts(claimed), f"{counted(len(_texts(claimed)), 'notice')} sent{not_all}")


_NOTHING = "no notice is due that was not sent before"


def _texts(notices: Sequence[Notice]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(visible(notice.text) for notice in notices))


def _title(notices: Sequence[Notice]) -> str:
    count = len(_texts(notices))
    return f"meterhouse: {counted(count, 'notice')} about spending"
