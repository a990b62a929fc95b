"""How the recorder's thread stands to the loop."""

import os
import threading
from contextlib import suppress

_NICE = 5  # below the loop, and below most programs: 5 where the tracker itself has more than its share


def give_way() -> None:
    """Let the loop go before this thread: less processor time where it is short, and nobody is displaced when the thread wakes."""
    thread = threading.get_native_id()
    own = os.getpriority(os.PRIO_PROCESS, thread)
    os.setpriority(os.PRIO_PROCESS, thread, max(_NICE, own + _NICE))  # never up: only a privileged user may
    with suppress(OSError):  # where a service may not choose
        os.sched_setscheduler(thread, os.SCHED_BATCH, os.sched_param(0))
