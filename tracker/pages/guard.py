"""Who may speak to the server of a page: the browser that was given its address, from the server's own page, and nobody else."""

import secrets
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SAFE_METHODS = ("GET", "HEAD")
SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


class Guard:
    """An ASGI application around another one: refuses strangers, lets in who knows the token, and sets the security headers.

    The token comes once in the address (`/?token=...`) and from then on in a cookie that no script can read. Other sites, and
    pages of other servers on this machine, could make a browser send that cookie: they are known by Host, Origin and
    Sec-Fetch-Site, which no page can forge.

    Args:
        inner: the application.
        port: where it is served on 127.0.0.1.
        token: what a browser must know to be let in.
        command: that printed the address: "trainer label".
    """

    def __init__(self, inner: ASGIApp, *, port: int, token: str, command: str) -> None:
        self._inner, self._command = inner, command
        self._host = f"127.0.0.1:{port}"
        self._origin = f"http://{self._host}"
        self._token = token
        self._cookie = f"rigtrack_{command.rpartition(' ')[2]}_{port}"  # a browser gives one host's cookies to all its ports

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(SECURITY_HEADERS)
                if enters and message["status"] == 200:
                    headers.append("Set-Cookie", f"{self._cookie}={self._token}; Path=/; HttpOnly; SameSite=Strict")
            await send(message)

        enters = self._has_token_in_address(scope)
        refusal = self._refusal(scope, enters=enters)
        answer: ASGIApp = self._inner if refusal is None else JSONResponse({"message": refusal}, status_code=403)
        await answer(scope, receive, send_guarded)

    def _refusal(self, scope: Scope, *, enters: bool) -> str | None:
        headers = Headers(scope=scope)
        if headers.getlist("host") != [self._host]:
            return f"this server is {self._host} and answers to no other name: open http://{self._host}"
        origin = headers.get("origin")
        if (origin is None and scope["method"] not in SAFE_METHODS) or origin not in (None, self._origin):
            return "only this server's own page may ask for that"
        if enters:
            return None
        if headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
            return "only this server's own page may ask for that"
        if not self._has_cookie(headers):
            return f"this browser has not been let in: open the address that `{self._command}` printed when it was started"
        return None

    def _has_token_in_address(self, scope: Scope) -> bool:
        if scope["path"] != "/" or scope["method"] not in SAFE_METHODS:
            return False
        given = parse_qs(scope["query_string"].decode("ascii", "replace")).get("token", [])
        return len(given) == 1 and self._is_token(given[0])

    def _has_cookie(self, headers: Headers) -> bool:
        try:
            found = SimpleCookie(headers.get("cookie", "")).get(self._cookie)
        except CookieError:
            return False
        return found is not None and self._is_token(found.value)

    def _is_token(self, text: str) -> bool:
        return secrets.compare_digest(text.encode(), self._token.encode())
