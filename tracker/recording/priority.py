"""How the recorder's thread stands to the loop."""

import os
import threading
from contextlib import suppress

_NICE = 5  # the encoder gives way to the loop


def give_way() -> None:
    """Let the loop go before this thread: less processor time where it is short, and nobody is displaced when the thread wakes."""
    thread = threading.get_native_id()
    os.setpriority(os.PRIO_PROCESS, thread, _NICE)
    with suppress(OSError):  # where a service may not choose
        os.sched_setscheduler(thread, os.SCHED_BATCH, os.sched_param(0))
