"""The demo under bad requests, 64 at once: every answer has a status, it stays up, and its memory
is bounded.

PYTHONPATH=.:tests python tests/soak/trouble_demo.py --requests=10000 --seed=0
"""

import re
import socket
import tempfile
import threading
import time

import numpy as np
from native.students import save_student
from soak.at_once import count_ends, main

from xtremedistil.runtime.machine import peak_memory
from xtremedistil.serving.demo import MAX_REQUEST_BYTES, Demo, make_server
from xtremedistil.serving.load import load

MEMORY = 600 << 20  # bytes that all requests together may add
SECONDS = 2.0  # that the server waits for a request
STATUS = re.compile(rb"HTTP/1\.[01] (\d{3}) ")
STATUSES = {200, 400, 404, 408, 411, 413, 414, 431, 501, 503, 505}
BODIES = (
    b"",
    b"text=Anna+in+Paris",
    b'{"text": "Anna in Paris."}',
    b'{"text": "',
    b'{"text": 7}',
    b'{"text": "\\ud800"}',
    b"[" * 50_000,
    b"text=%FF%00%0d%0a",
    b"text=" + b"a " * 20_000,
    b'{"text": "' + b"x" * 100_000 + b'"}',
)
METHODS = (b"GET", b"POST", b"PUT", b"DELETE", b"HEAD", b"OPTIONS", b"TRACE", b"BREW", b"get")
PATHS = (b"/", b"/api", b"/../../etc/passwd", b"//", b"*", b"/api?x=1", b"/" + b"a" * 70_000)
LENGTHS = (b"-1", b"x", b"1e3", b"9" * 30, str(MAX_REQUEST_BYTES + 1).encode(), "²".encode())


def make_request(rng: np.random.Generator) -> tuple[bytes, str]:
    """A request, and how it is sent: `whole`, `slow`, `cut`, or `held` open to its time's end."""
    method, path = METHODS[rng.integers(len(METHODS))], PATHS[rng.integers(len(PATHS))]
    if rng.random() < 0.5:
        method, path = b"POST", (b"/", b"/api")[rng.integers(2)]
    body = BODIES[rng.integers(len(BODIES))] if rng.random() < 0.8 else rng.bytes(3000)
    length = str(len(body)).encode()
    if rng.random() < 0.2:
        length = LENGTHS[rng.integers(len(LENGTHS))]
    version = (b"HTTP/1.0", b"HTTP/1.1", b"HTTP/9.9", b"HTTP/x")[
        rng.choice(4, p=(0.5, 0.4, 0.05, 0.05))
    ]
    headers = [b"Content-Length: " + length, b"Connection: close"]
    if rng.random() < 0.1:
        headers.append(b"X: " + b"y" * int(rng.integers(1, 70_000)))
    if rng.random() < 0.05:
        headers += [b"A: b"] * 200
    if rng.random() < 0.05:
        headers.append(rng.bytes(40).replace(b"\n", b""))
    request = b"\r\n".join([b" ".join([method, path, version]), *headers, b"", body])
    if rng.random() < 0.05:
        request = rng.bytes(int(rng.integers(1, 2000)))
    way = ("whole", "slow", "cut", "held")[rng.choice(4, p=(0.8, 0.08, 0.08, 0.04))]
    return request, way


def send(address: tuple[str, int], request: bytes, way: str) -> str:
    """Sends a request.

    Returns:
        The status of the answer; `left` where the client left first, or the server hung up while
        more of a refused request still came; `closed` where there was no request to answer.
    """
    with socket.create_connection(address, timeout=120) as connection:
        try:
            if way == "cut":
                connection.sendall(request[: len(request) // 2])
                return "left"
            if way == "slow":
                for start in range(0, min(len(request), 40)):
                    connection.sendall(request[start : start + 1])
                    time.sleep(0.01)
                connection.sendall(request[40:])
            else:
                connection.sendall(request[:-1] if way == "held" else request)
            if way != "held":
                connection.shutdown(socket.SHUT_WR)
            answer = b""
            while part := connection.recv(65536):
                answer = (answer + part)[:65536]
        except TimeoutError:
            return "no answer"
        except OSError:
            return "left"
    found = STATUS.match(answer)
    if found is None:
        return "no status" if answer else "closed"
    return found[1].decode()


def run(requests: int, seed: int) -> dict[str, int]:
    """Sends so many requests.

    Returns:
        How many had each end.

    Raises:
        AssertionError: an answer without a status or with none of `STATUSES`, too much memory, or
            no page at the end.
    """
    with tempfile.TemporaryDirectory() as folder:
        save_student(folder)
        server = make_server(
            Demo({"student": load(folder, quantize="int8")}), 0, "127.0.0.1", SECONDS
        )
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        before = peak_memory()

        def end_of(number: int) -> str:
            request = make_request(np.random.default_rng([seed, number]))
            return send(server.server_address, *request)

        try:
            counts = count_ends(requests, end_of)
            request = b"POST / HTTP/1.0\r\nContent-Length: 9\r\n\r\ntext=Anna"
            assert send(server.server_address, request, "whole") == "200"
        finally:
            server.shutdown()
            thread.join()
            server.server_close()
    odd = {end for end in counts if end.isdigit() and int(end) not in STATUSES}
    odd |= {"no answer", "no status"} & set(counts)
    assert not odd, counts
    grown = peak_memory() - before
    assert grown < MEMORY, f"{grown:,} bytes more"
    return dict(sorted(counts.items())) | {"megabytes": round(grown / 1e6)}


if __name__ == "__main__":
    main(__doc__, run)
