"""The button that closes a window, pressed on a display that has no window manager."""

import ctypes


class ClientMessage(ctypes.Structure):
    """XClientMessageEvent of Xlib.h, with room for the union it is part of."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("serial", ctypes.c_ulong),
        ("send_event", ctypes.c_int),
        ("display", ctypes.c_void_p),
        ("window", ctypes.c_ulong),
        ("message_type", ctypes.c_ulong),
        ("format", ctypes.c_int),
        ("data", ctypes.c_long * 5),
        ("rest", ctypes.c_long * 12),
    )


def press_close_button(display: str, windows: list[str]) -> None:
    """Ask windows to close as a window manager does, there being none under Xvfb."""
    xlib = ctypes.CDLL("libX11.so.6")
    xlib.XOpenDisplay.restype = ctypes.c_void_p
    xlib.XInternAtom.restype = ctypes.c_ulong
    xlib.XInternAtom.argtypes = (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int)
    xlib.XSendEvent.argtypes = (ctypes.c_void_p, ctypes.c_ulong, ctypes.c_int, ctypes.c_long, ctypes.c_void_p)
    xlib.XCloseDisplay.argtypes = (ctypes.c_void_p,)
    connection = xlib.XOpenDisplay(display.encode())
    for window in windows:
        message = ClientMessage(type=33, window=int(window), format=32, message_type=xlib.XInternAtom(connection, b"WM_PROTOCOLS", 0))
        message.data[0] = xlib.XInternAtom(connection, b"WM_DELETE_WINDOW", 0)
        xlib.XSendEvent(connection, int(window), 0, 0, ctypes.byref(message))
    xlib.XCloseDisplay(connection)
