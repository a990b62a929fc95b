"""Tell this process's windows that X11 has mapped them. Without a window manager, Qt at times misses it and then never paints.

Qt takes a window for hidden until it has handled the server's MapNotify, and paints nothing before. Where no window manager
holds the mapping back, the notice arrives while Qt is still setting the window up and about one in seven is dropped. The
same notice again does no harm: Qt repaints. libxcb is there wherever Qt's own X11 plugin can be loaded.
"""

import ctypes
import os
import time
from types import TracebackType

_ATTEMPTS, _PAUSE_S = 3, 0.2  # a server that begins anew is away for some milliseconds
_MAP_NOTIFY = 19
_WM_NAME, _ANY_TYPE = 39, 0  # XA_WM_NAME, which every server knows by this number
_LONGEST_NAME = 256  # in units of 4 bytes
_POINTER, _ID = ctypes.c_void_p, ctypes.c_uint32


class _Cookie(ctypes.Structure):
    _fields_ = (("sequence", ctypes.c_uint),)


class _Screen(ctypes.Structure):
    """The beginning of xcb_screen_t."""

    _fields_ = (("root", _ID), ("between", _ID * 4), ("width", ctypes.c_uint16), ("height", ctypes.c_uint16))


class _Screens(ctypes.Structure):
    _fields_ = (("first", ctypes.POINTER(_Screen)), ("left", ctypes.c_int), ("index", ctypes.c_int))


class _MapNotify(ctypes.Structure):
    """xcb_map_notify_event_t, filled to the 32 bytes of every event."""

    _fields_ = (
        ("response_type", ctypes.c_uint8),
        ("pad", ctypes.c_uint8),
        ("sequence", ctypes.c_uint16),
        ("event", _ID),
        ("window", _ID),
        ("override_redirect", ctypes.c_uint8),
        ("rest", ctypes.c_uint8 * 19),
    )


_FUNCTIONS = {
    "xcb_connect": (_POINTER, (ctypes.c_char_p, _POINTER)),
    "xcb_connection_has_error": (ctypes.c_int, (_POINTER,)),
    "xcb_disconnect": (None, (_POINTER,)),
    "xcb_flush": (ctypes.c_int, (_POINTER,)),
    "xcb_get_setup": (_POINTER, (_POINTER,)),
    "xcb_setup_roots_iterator": (_Screens, (_POINTER,)),
    "xcb_query_tree": (_Cookie, (_POINTER, _ID)),
    "xcb_query_tree_reply": (_POINTER, (_POINTER, _Cookie, _POINTER)),
    "xcb_query_tree_children": (ctypes.POINTER(_ID), (_POINTER,)),
    "xcb_query_tree_children_length": (ctypes.c_int, (_POINTER,)),
    "xcb_get_property": (_Cookie, (_POINTER, ctypes.c_uint8, _ID, _ID, _ID, _ID, _ID)),
    "xcb_get_property_reply": (_POINTER, (_POINTER, _Cookie, _POINTER)),
    "xcb_get_property_value": (_POINTER, (_POINTER,)),
    "xcb_get_property_value_length": (ctypes.c_int, (_POINTER,)),
    "xcb_send_event": (_Cookie, (_POINTER, ctypes.c_uint8, _ID, _ID, _POINTER)),
}


class Display:
    """A connection to the X server, or none where there is no X11. Use it in a `with`.

    While it is held, a server that begins anew when its last client leaves (Xvfb does) cannot do so between two clients of ours.
    """

    def __init__(self) -> None:
        self._xcb: ctypes.CDLL | None = None
        self._connection: int | None = None

    def __enter__(self) -> "Display":
        self._xcb = _library() if os.environ.get("DISPLAY") else None
        for _ in range(_ATTEMPTS if self._xcb is not None else 0):
            self._connection = _connect(self._xcb) if self._xcb is not None else None
            if self._connection is not None:
                break
            time.sleep(_PAUSE_S)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._xcb is not None and self._connection is not None:
            self._xcb.xcb_disconnect(self._connection)
            self._connection = None

    def screen_px(self) -> tuple[int, int] | None:
        """Width and height of the first screen, None where there is no X11."""
        if self._xcb is None or self._connection is None:
            return None
        screen = self._xcb.xcb_setup_roots_iterator(self._xcb.xcb_get_setup(self._connection)).first.contents
        return screen.width, screen.height

    def announce_mapped(self, title: str) -> int:
        """Send MapNotify to every window of this title that hangs directly on a screen, as all do without a window manager.

        Returns:
            How many there were.
        """
        xcb, connection = self._xcb, self._connection
        if xcb is None or connection is None or xcb.xcb_connection_has_error(connection):
            return 0
        windows = [window for window in _top_windows(xcb, connection) if _name(xcb, connection, window) == title.encode()]
        for window in windows:
            notice = _MapNotify(response_type=_MAP_NOTIFY, event=window, window=window)
            xcb.xcb_send_event(connection, 0, window, 0, ctypes.byref(notice))  # mask 0: to the client that made the window
        xcb.xcb_flush(connection)
        return len(windows)


def _library() -> ctypes.CDLL | None:
    try:
        xcb = ctypes.CDLL("libxcb.so.1")
    except OSError:
        return None
    for name, (result, arguments) in _FUNCTIONS.items():
        function = getattr(xcb, name)
        function.restype, function.argtypes = result, arguments
    return xcb


def _connect(xcb: ctypes.CDLL) -> int | None:
    connection: int = xcb.xcb_connect(None, None)
    if xcb.xcb_connection_has_error(connection):
        xcb.xcb_disconnect(connection)
        return None
    return connection


def _top_windows(xcb: ctypes.CDLL, connection: int) -> list[int]:
    root = xcb.xcb_setup_roots_iterator(xcb.xcb_get_setup(connection)).first.contents.root
    reply = xcb.xcb_query_tree_reply(connection, xcb.xcb_query_tree(connection, root), None)
    if not reply:
        return []
    children = xcb.xcb_query_tree_children(reply)
    found = [children[index] for index in range(xcb.xcb_query_tree_children_length(reply))]
    _free(reply)
    return found


def _name(xcb: ctypes.CDLL, connection: int, window: int) -> bytes:
    """WM_NAME; empty where the window is gone or has none."""
    cookie = xcb.xcb_get_property(connection, 0, window, _WM_NAME, _ANY_TYPE, 0, _LONGEST_NAME)
    reply = xcb.xcb_get_property_reply(connection, cookie, None)
    if not reply:
        return b""
    name = ctypes.string_at(xcb.xcb_get_property_value(reply), xcb.xcb_get_property_value_length(reply))
    _free(reply)
    return name


def _free(reply: int) -> None:
    free = ctypes.CDLL(None).free
    free.argtypes, free.restype = (_POINTER,), None
    free(reply)
