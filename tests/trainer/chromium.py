"""Drive a real Chromium over its DevTools pipe: no driver program, no port, no library in between."""

import base64
import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tracker.frame import Image

PATIENCE_S = 300.0
ALT, CTRL, META, SHIFT = 1, 2, 4, 8  # DevTools' modifier bits
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--remote-debugging-pipe",
    "--disable-background-timer-throttling", "--disable-renderer-backgrounding", "--disable-backgrounding-occluded-windows",
    "--window-size=1200,800",
)  # fmt: skip
# Chromium reads commands from descriptor 3 and writes answers to 4; above 9 first, so that neither overwrites the other
ONTO_PIPES = (
    "import fcntl, os, sys\n"
    "r, w = (fcntl.fcntl(int(n), fcntl.F_DUPFD, 10) for n in sys.argv[1:3])\n"
    "os.dup2(r, 3); os.dup2(w, 4)\n"
    "os.execv(sys.argv[3], sys.argv[3:])\n"
)
KEY_CODES = {
    "Tab": 9,
    "Enter": 13,
    "Escape": 27,
    " ": 32,
    "End": 35,
    "Home": 36,
    "ArrowLeft": 37,
    "ArrowUp": 38,
    "ArrowRight": 39,
    "ArrowDown": 40,
    "Delete": 46,
}


def find_chromium() -> str:
    """Path of the browser; skips the test where there is none."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    return found


class Chromium:
    """One browser with a profile of its own. A context manager."""

    def __init__(self, profile: Path) -> None:
        program = find_chromium()  # before anything is opened that a skip would leave open
        self._unread = b""
        self._last = 0
        self._tabs: list[str] = []
        self.errors: dict[str, list[Any]] = {}  # by tab: exceptions, refused scripts and styles, failed requests
        commands_in, self._commands = os.pipe()
        self._answers, answers_out = os.pipe()
        self._log = (profile.parent / f"{profile.name}.log").open("wb")
        self._process = subprocess.Popen(
            [sys.executable, "-c", ONTO_PIPES, str(commands_in), str(answers_out), program, *FLAGS, f"--user-data-dir={profile}"],
            pass_fds=(commands_in, answers_out),
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,  # so that its helpers can be killed with it
        )
        os.close(commands_in)
        os.close(answers_out)

    def __enter__(self) -> "Chromium":
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        for descriptor in (self._commands, self._answers):
            os.close(descriptor)
        self._log.close()

    def kill(self) -> None:
        """SIGKILL, for it and its helpers: nothing is flushed."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, 9)
        self._process.wait(PATIENCE_S)

    def open(self, address: str, *, width: int = 1200, height: int = 800, pixel_ratio: float = 1.0) -> "Tab":
        """A new tab at an address."""
        target = self.call("Target.createTarget", {"url": "about:blank"})["targetId"]
        self._tabs.append(target)
        session = self.call("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        tab = Tab(self, session)
        for domain in ("Page", "Runtime", "Log"):
            tab.call(f"{domain}.enable")
        tab.call(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": pixel_ratio, "mobile": False},
        )
        tab.call("Page.navigate", {"url": address})
        return tab

    def close_tabs(self) -> None:
        """Close every tab that was opened."""
        while self._tabs:
            self.call("Target.closeTarget", {"targetId": self._tabs.pop()})

    def call(self, method: str, parameters: dict[str, Any] | None = None, *, session: str | None = None) -> dict[str, Any]:
        """One command and its answer."""
        self._last += 1
        message: dict[str, Any] = {"id": self._last, "method": method, "params": parameters or {}}
        if session is not None:
            message["sessionId"] = session
        self._send(message)
        deadline = time.monotonic() + PATIENCE_S
        wanted = self._last
        while True:
            answer = self._read(deadline)
            if answer.get("method") == "Page.javascriptDialogOpening":
                self._last += 1
                accept = {"id": self._last, "method": "Page.handleJavaScriptDialog", "params": {"accept": True}}
                self._send({**accept, "sessionId": answer["sessionId"]})
            if answer.get("method") in ("Runtime.exceptionThrown", "Log.entryAdded"):
                self.errors.setdefault(answer["sessionId"], []).append(answer["params"])
            if answer.get("id") == wanted:
                assert "error" not in answer, f"{method}: {answer['error']}"
                result: dict[str, Any] = answer["result"]
                return result

    def _send(self, message: dict[str, Any]) -> None:
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self._commands, data) :]

    def _read(self, deadline: float) -> dict[str, Any]:
        while b"\0" not in self._unread:
            ready, _, _ = select.select([self._answers], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, "Chromium does not answer"
            received = os.read(self._answers, 1 << 20)
            assert received, "Chromium has gone"
            self._unread += received
        line, self._unread = self._unread.split(b"\0", 1)
        message: dict[str, Any] = json.loads(line)
        return message


class Tab:
    """One page."""

    def __init__(self, browser: Chromium, session: str) -> None:
        self._browser = browser
        self._session = session

    def call(self, method: str, parameters: dict[str, Any] | None = None) -> dict[str, Any]:
        """One command to this page."""
        return self._browser.call(method, parameters, session=self._session)

    def value(self, expression: str) -> Any:
        """What a JavaScript expression comes to."""
        answer = self.call("Runtime.evaluate", {"expression": expression, "awaitPromise": True, "returnByValue": True})
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait(self, expression: str) -> Any:
        """Wait until an expression is true."""
        return wait_for(lambda: self.value(expression), expression)

    def text(self, selector: str) -> str:
        """The text of an element."""
        return str(self.value(f"document.querySelector({json.dumps(selector)}).textContent"))

    def wait_text(self, selector: str, part: str) -> None:
        """Wait until an element's text contains something."""
        wait_for(lambda: part in self.text(selector), f"'{part}' in {selector}: there is '{self.text(selector)}'")

    def errors(self) -> list[Any]:
        """What the page's scripts and the browser reported an error of."""
        self.value("1")  # what was said before the answer has been read then
        return self._browser.errors.get(self._session, [])

    def reload(self) -> None:
        """As F5 does; returns when the old page is gone."""
        self.value("window.isOld = true")
        self.call("Page.reload")
        self.wait("!window.isOld && document.readyState === 'complete'")

    def mouse(self, kind: str, x: float, y: float, *, button: str = "left", modifiers: int = 0, **more: float) -> None:
        """One mouse event at CSS pixels; kind is "Pressed", "Released", "Moved" or "Wheel"."""
        pressed = {"left": 1, "right": 2, "middle": 4}.get(button, 0) if kind != "Released" else 0
        event = {
            "type": f"mouse{kind}",
            "x": x,
            "y": y,
            "button": button,
            "buttons": pressed,
            "modifiers": modifiers,
            "clickCount": 1,
            **more,
        }
        self.call("Input.dispatchMouseEvent", event)

    def drag(self, start: tuple[float, float], end: tuple[float, float], *, button: str = "left") -> None:
        """Press, move in four steps, let go."""
        self.mouse("Pressed", *start, button=button)
        for step in range(1, 5):
            self.mouse("Moved", *(a + (b - a) * step / 4 for a, b in zip(start, end, strict=True)), button=button)
        self.mouse("Released", *end, button=button)

    def click(self, x: float, y: float, *, modifiers: int = 0) -> None:
        """Press and let go."""
        self.mouse("Moved", x, y, button="none")
        self.mouse("Pressed", x, y, modifiers=modifiers)
        self.mouse("Released", x, y, modifiers=modifiers)

    def key(self, key: str, *, modifiers: int = 0, code: str = "") -> None:
        """Press and let go of a key; `code` says which key it is on the keyboard, whatever letter it gives."""
        self.key_down(key, modifiers=modifiers, code=code)
        self.call("Input.dispatchKeyEvent", {"type": "keyUp", "key": key, "modifiers": modifiers})

    def key_down(self, key: str, *, modifiers: int = 0, code: str = "") -> None:
        """Press a key."""
        text = {"text": key} if len(key) == 1 and not modifiers & ~SHIFT else {}
        number = KEY_CODES.get(key, ord(key.upper()[0]))
        event = {"type": "keyDown", "key": key, "code": code, "windowsVirtualKeyCode": number, "modifiers": modifiers}
        self.call("Input.dispatchKeyEvent", {**event, **text})

    def screenshot(self) -> Image:
        """What is seen: uint8 (h, w, 3) RGB, in device pixels."""
        png = base64.b64decode(self.call("Page.captureScreenshot", {"format": "png"})["data"])
        bgr = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)
        assert bgr is not None
        return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)


def wait_for(condition: Callable[[], Any], what: str) -> Any:
    """Wait until a condition holds, and fail saying which one did not."""
    deadline = time.monotonic() + PATIENCE_S
    while not (value := condition()):
        assert time.monotonic() < deadline, f"waited in vain for: {what}"
        time.sleep(0.02)
    return value
