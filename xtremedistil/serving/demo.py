"""A small page to try a student on: text in, entities highlighted, the time it took.

The standard library's server, on the loopback address unless told otherwise. It is for trying out,
not for serving: use TF Serving or ONNX Runtime for that.
"""

import contextlib
import html
import io
import json
import socket
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qs

from absl import logging

from xtremedistil.data.lines import lines_of
from xtremedistil.runtime.errors import DataError, XtremeDistilError
from xtremedistil.serving.python.answers import Classified, Tagged
from xtremedistil.serving.python.entities import entity_types
from xtremedistil.serving.python.predictor import Predictor
from xtremedistil.serving.python.stream import as_json

MAX_REQUEST_BYTES = 1 << 20
_SECONDS_TO_WAIT = 30
_MOST_CONNECTIONS = 64  # at once; others are told to come again
_MOST_ANSWERS = 4  # at once: each of a long text takes memory
_BUSY = b"HTTP/1.0 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n"
_EXAMPLE = "Marie Curie was born in Warsaw, worked in Paris and founded the Curie Institute."
_HUES = 8
_DIGITS = 20  # of a Content-Length
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'"

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>XtremeDistil</title>
<style>
:root { color-scheme: light dark; --text: #222; --page: #fff; --faint: #595959; --line: #ccc;
  --found: 80% 85%; --focus: #0060c0; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e6e6e6; --page: #161616; --faint: #a6a6a6; --line: #555; --found: 60% 25%;
    --focus: #7ab8ff; }
}
body { font: 17px/1.6 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem;
  color: var(--text); background: var(--page); }
textarea { width: 100%; height: 8rem; font: inherit; box-sizing: border-box; padding: .5rem; }
button { font: inherit; padding: .3rem 1.2rem; }
:focus-visible { outline: 3px solid var(--focus); outline-offset: 2px; }
main { display: grid; gap: 0 1.5rem;
  grid-template-columns: repeat(auto-fit, minmax(min(20rem, 100%), 1fr)); }
section { border-top: 1px solid var(--line); margin-top: 1rem; min-width: 0; }
h2 { font-size: 1rem; margin: .6rem 0 0; }
.time { color: var(--faint); font-weight: normal; }
.text { white-space: pre-wrap; overflow-wrap: anywhere; }
/* Each line has its own direction, and so has each entity, with its type after it. */
.text { unicode-bidi: plaintext; }
mark, mark small { unicode-bidi: isolate; }
mark { border-radius: .25rem; padding: 0 .2rem; color: inherit;
  background: hsl(var(--hue) var(--found)); -webkit-box-decoration-break: clone;
  box-decoration-break: clone; }
mark small { font-size: .7rem; margin-inline-start: .3rem; font-weight: bold; }
</style></head><body>
<h1>XtremeDistil</h1>
<form method="post" action="/"><textarea name="text" aria-label="Text to read" dir="auto" autofocus>
@TEXT@</textarea>
<p><button>Read</button></p></form>
<main>
@ANSWERS@
</main></body></html>
"""


def render(found: Tagged | Classified, types: list[str]) -> str:
    """The answer as HTML, with every character of the text escaped.

    Args:
        found: of a predictor.
        types: entity types, each with a colour of its own.
    """
    if isinstance(found, Classified):
        scores = sorted(found.scores.items(), key=lambda item: -item[1])
        rows = "".join(f"<li>{html.escape(k)}: {100 * v:.1f}%</li>" for k, v in scores)
        return f"<ol>{rows}</ol>"
    parts, end = [], 0
    for entity in found.entities:
        parts.append(html.escape(found.text[end : entity.start]))
        hue = 360 * (types.index(entity.type) % _HUES) // _HUES
        parts.append(
            f'<mark dir="auto" style="--hue:{hue}" title="{100 * entity.score:.1f}%">'
            f"{html.escape(entity.text)}<small>{html.escape(entity.type)}</small></mark>"
        )
        end = entity.end
    return "".join(parts) + html.escape(found.text[end:])


class Demo:
    """The page's content, without the server."""

    def __init__(self, models: dict[str, Predictor]):
        """Args:
        models: predictors by the name that the page shows, the student first.
        """
        self.models = models
        self._turns = threading.Semaphore(_MOST_ANSWERS)
        self.answers([_EXAMPLE])  # a first call takes longer than all others

    def answers(self, texts: list[str]) -> dict[str, tuple[list[Any], float]]:
        """What each model says of texts, and the milliseconds it took."""
        found = {}
        for name, predictor in self.models.items():
            read: Callable = predictor.tag if predictor.task == "ner" else predictor.classify
            with self._turns:
                start = time.perf_counter()
                answers = read(texts)
                found[name] = (answers, 1000 * (time.perf_counter() - start))
        return found

    def page(self, text: str | None) -> str:
        """The whole page; None is the first visit. A class is that of the whole text; entities are
        found line by line, as `predict` does."""
        ner = next(iter(self.models.values())).task == "ner"
        texts = _lines(text or "") if ner else [text or ""]
        sections = []
        for name, (found, milliseconds) in self.answers(texts).items() if text else ():
            types = sorted(_types(self.models[name])) if ner else []
            lines = "\n".join(render(answer, types) for answer in found)
            sections.append(
                f"<section><h2>{html.escape(name)} "
                f'<span class="time">{milliseconds:.2f} ms</span></h2>'
                f'<div class="text" dir="auto">{lines}</div></section>'
            )
        shown = _EXAMPLE if text is None else text
        filled = _PAGE.replace("@ANSWERS@", "\n".join(sections))
        return filled.replace("@TEXT@", html.escape(shown), 1)


def _lines(text: str) -> list[str]:
    """The lines of a text as training and `predict` read them."""
    return [
        line for _, line in lines_of(io.BytesIO(text.encode("utf-8", "replace")), "text", False)
    ]


def _types(predictor: Predictor) -> set[str]:
    labels = predictor.labels
    return set(entity_types([labels.names[i] for i in labels.entity_ids]))


def make_server(
    demo: Demo, port: int, host: str, seconds: float = _SECONDS_TO_WAIT
) -> ThreadingHTTPServer:
    """A server that answers until it is shut down.

    `GET /` is the page, `POST /` with the form's field `text` the page with answers, and
    `POST /api` with `{"text": "..."}` the entities or the class as JSON.

    Args:
        demo: the content.
        port: 0 for any that is free.
        host: the address to listen at; others than the loopback address are open to the network.
        seconds: that a request may take to arrive.
    """
    handler = type("Handler", (_Handler,), {"demo": demo, "timeout": seconds})
    return _Server((host, port), handler)


class _Server(ThreadingHTTPServer):
    """A thread for each connection, and no more connections than it can bear."""

    request_queue_size = 2 * _MOST_CONNECTIONS

    def __init__(self, *given: Any):
        self._free = threading.BoundedSemaphore(_MOST_CONNECTIONS)
        super().__init__(*given)

    def process_request(self, request: Any, client_address: Any) -> None:
        if self._free.acquire(blocking=False):
            super().process_request(request, client_address)
            return
        try:
            request.sendall(_BUSY)
        except OSError as error:
            logging.debug("a connection too many went away: %r", error)
        self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """One line: that a client goes away in the middle is no fault."""
        logging.debug("a request from %s was not answered", client_address, exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    demo: Demo
    timeout: ClassVar[float]
    default_request_version = "HTTP/1.0"  # a request that names none gets a status all the same

    def setup(self) -> None:
        super().setup()
        # `timeout` is for each wait; a client that sends a byte now and then has no longer in all.
        self._end = threading.Timer(self.timeout, self._stop_reading)
        self._end.daemon = True
        self._end.start()

    def finish(self) -> None:
        self._end.cancel()
        super().finish()

    def _stop_reading(self) -> None:
        with contextlib.suppress(OSError):  # it is closed already
            self.connection.shutdown(socket.SHUT_RD)

    def do_GET(self) -> None:
        if self.path != "/":
            self._send(HTTPStatus.NOT_FOUND, "no such page", "text/plain")
        else:
            self._send(HTTPStatus.OK, self.demo.page(None), "text/html")

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal():
            self._send(HTTPStatus.LENGTH_REQUIRED, "Content-Length is missing", "text/plain")
        elif len(length) > _DIGITS or int(length) > MAX_REQUEST_BYTES:
            self._send(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"a request has at most {MAX_REQUEST_BYTES} bytes. Received: {length[:_DIGITS]}",
                "text/plain",
            )
        else:
            self._answer_body(int(length))

    def _answer_body(self, length: int) -> None:
        try:
            body = self.rfile.read(length)
        except TimeoutError:
            self._send(HTTPStatus.REQUEST_TIMEOUT, "the request did not end", "text/plain")
            return
        self._answer(body.decode("utf-8", "replace"))

    def _answer(self, body: str) -> None:
        try:
            if self.path == "/api":
                self._send(HTTPStatus.OK, self._json(body), "application/json")
            elif self.path == "/":
                fields = parse_qs(body, keep_blank_values=True)
                text = fields.get("text", [""])[0].replace("\r\n", "\n")
                self._send(HTTPStatus.OK, self.demo.page(text), "text/html")
            else:
                self._send(HTTPStatus.NOT_FOUND, "no such page", "text/plain")
        except XtremeDistilError as error:
            self._send(HTTPStatus.BAD_REQUEST, str(error), "text/plain")
        except MemoryError:
            self._send(HTTPStatus.SERVICE_UNAVAILABLE, "memory is short", "text/plain")

    def _json(self, body: str) -> str:
        try:
            text = json.loads(body)["text"]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise DataError(
                f'a request is {{"text": "..."}}. Received: {body[:60]!r} ({error!r})'
            ) from error
        if not isinstance(text, str):
            raise DataError(f"a text is a string. Received: {type(text).__name__}")
        found, _ = next(iter(self.demo.answers([text]).values()))
        return as_json(found[0])

    def _send(self, status: HTTPStatus, body: str, kind: str) -> None:
        content = body.encode("utf-8", "replace")
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Content-Security-Policy", _POLICY)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """No line for every request."""
