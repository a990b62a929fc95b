"""One output line on a serial port: RTS or DTR, or a byte for a microcontroller. The only file that needs pyserial."""

import time
from collections.abc import Callable

import serial  # type: ignore[import-untyped]
from serial.tools import list_ports  # type: ignore[import-untyped]

from tracker.errors import OutputError
from tracker.latency.settings import Line

_ON, _OFF = b"1", b"0"
_BAUD = 115_200
_WRITE_S = 1.0


class SerialOutput:
    """Use it in a `with`: off at the beginning and at the end.

    Raises:
        OutputError: the port cannot be opened.
    """

    def __init__(self, port: str, *, line: Line, inverted: bool, clock: Callable[[], int] = time.monotonic_ns) -> None:
        """Open the port, the line off.

        Args:
            port: "/dev/ttyUSB0", or any address that pyserial knows.
            line: what to switch; `byte` writes 1 or 0.
            inverted: the light is on while the line is not.
            clock: monotonic ns.
        """
        self._port_name, self._line, self._inverted, self._clock = port, line, inverted, clock
        try:
            self._port = serial.serial_for_url(port, baudrate=_BAUD, write_timeout=_WRITE_S, do_not_open=True)
            self._port.rts = self._port.dtr = line != "byte" and inverted  # before it opens: or the light would flash
            self._port.open()
        except (OSError, ValueError) as problem:  # pyserial's own error is an OSError
            raise OutputError(_refusal(port, problem)) from None
        try:
            self.switch(lit=False)
        except OutputError:
            self._port.close()
            raise

    def __enter__(self) -> "SerialOutput":
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.switch(lit=False)
        except OutputError:
            pass  # unplugged: it was said when it was last switched, or nobody waits for it
        finally:
            self._port.close()

    def switch(self, *, lit: bool) -> int:
        """Switch the light; returns the time just before, ns.

        Raises:
            OutputError: the port has gone or does not take it.
        """
        level = lit != self._inverted
        told_ns = self._clock()
        try:
            if self._line == "byte":
                self._port.write(_ON if level else _OFF)
            else:
                setattr(self._port, self._line, level)
        except OSError as problem:
            raise OutputError(
                f"{self._port_name}: cannot switch {self._line} ({_reason(problem)}); is it still plugged in, and has it that line?"
            ) from None
        return told_ns


def _refusal(port: str, problem: Exception) -> str:
    number = getattr(problem, "errno", None)
    if number == 13:
        return f"{port}: permission denied; add this user to the port's group (`ls -l {port}`, often dialout), then log in again"
    if number == 2:
        found = ", ".join(each.device for each in list_ports.comports()) or "none"
        return f"{port}: there is no such serial port; found on this machine: {found}"
    if number == 16:
        return f"{port}: is in use by another program; close that one"
    return f"{port}: cannot be opened as a serial port ({_reason(problem)}); expected such as /dev/ttyUSB0"


def _reason(problem: Exception) -> str:
    return (getattr(problem, "strerror", None) or str(problem)).partition("\n")[0]
