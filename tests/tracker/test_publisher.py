"""The publishing socket by itself: who newly subscribes gets the last status without waiting for another one."""

import time
from dataclasses import replace
from pathlib import Path

from tracker.client import Client
from tracker.config import PublisherConfig
from tracker.messages import Message, StatusMessage
from tracker.publisher import Publisher

DEADLINE_S = 300.0


def test_a_newcomer_gets_the_last_status_though_none_is_published_any_more(tmp_path: Path, status: StatusMessage) -> None:
    address = f"ipc://{tmp_path}/stream"
    with Publisher(PublisherConfig(bind=(address,), high_water_mark=10, curve_keys=None), camera="top") as publisher:
        publisher.status(replace(status, frame=41))
        publisher.status(replace(status, frame=42))
        with Client(address, kinds=("status",)) as newcomer:
            heard: Message | None = None
            deadline = time.monotonic() + DEADLINE_S
            while heard is None and time.monotonic() < deadline:
                publisher.serve()
                heard = newcomer.receive(0.02)
    assert isinstance(heard, StatusMessage)
    assert heard.frame == 42
