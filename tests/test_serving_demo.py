"""The demo page: answers, escapes everything, survives bad requests, listens on loopback."""

import http.client
import json
import socket
import threading

import numpy as np
import pytest
from test_serving import make

import xtremedistil
from xtremedistil.serving.demo import MAX_REQUEST_BYTES, Demo, make_server, render
from xtremedistil.serving.python.answers import Classified, Entity, Tagged


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    student = xtremedistil.load(make(tmp_path_factory.mktemp("ner")))
    server = make_server(Demo({"student <1>": student, "teacher": student}), 0, "127.0.0.1")
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def raw(server, request):
    """What comes back for bytes that a client library would not send."""
    with socket.create_connection(server.server_address, timeout=60) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        return connection.makefile("rb").read().decode()


def ask(server, method, path, body=None, headers=None):
    connection = http.client.HTTPConnection(*server.server_address, timeout=60)
    connection.request(method, path, body, headers or {})
    response = connection.getresponse()
    return response.status, response.read().decode("utf-8")


def test_listens_on_loopback_unless_told_otherwise(server):
    assert server.server_address[0] == "127.0.0.1"


def test_every_character_of_a_text_is_escaped(server):
    text = "<script>alert(1)</script> & \"Anna\" @ANSWERS@ 東京 'x'"
    body = "text=" + "".join(f"%{b:02X}" for b in text.encode())
    status, page = ask(server, "POST", "/", body)
    assert status == 200
    assert "<script" not in page
    assert "student &lt;1&gt;" in page
    assert page.count("東") == 3  # the box, and each model's answer
    assert "@ANSWERS@ 東京" in page.split("</textarea>")[0]
    assert page.count("<section>") == 2
    assert ask(server, "GET", "/")[1].count("<section>") == 0


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        (b"POST /api HTTP/1.0\r\n\r\n", "411"),
        (b"POST /api HTTP/1.0\r\nContent-Length: \xb2\r\n\r\n", "411"),
        (b"POST /api HTTP/1.0\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n", "413"),
        (b"PUT / HTTP/1.0\r\n\r\n", "501"),
        (b"nonsense\r\n\r\n", "Error code: 400"),
    ],
    ids=["no length", "odd length", "huge length", "method", "nonsense"],
)
def test_requests_that_are_none(server, request_line, status):
    assert status in raw(server, request_line)
    assert ask(server, "GET", "/")[0] == 200


def test_names_of_labels_are_escaped():
    found = Tagged("x", [], [], [], [Entity('"><script>', "x", 0, 1, 1.0)])
    assert "<small>&quot;&gt;&lt;script&gt;</small>" in render(found, ['"><script>'])
    classes = Classified("x", "<b>", {"<b>": 0.75, "'c": 0.25})
    assert render(classes, []) == "<ol><li>&lt;b&gt;: 75.0%</li><li>&#x27;c: 25.0%</li></ol>"


def test_entities_are_marked_in_place():
    entities = [Entity("PER", "A&B", 0, 3, 0.5), Entity("LOC", "x", 5, 6, 1.0)]
    found = Tagged("A&B <x>", [], [], [], entities)
    page = render(found, ["LOC", "PER"])
    mark = '<mark dir="auto" style="--hue:'  # an entity of another script has its own direction
    assert page.startswith(f'{mark}45" title="50.0%">A&amp;B<small>PER</small></mark>')
    assert page.endswith(f' &lt;{mark}0" title="100.0%">x<small>LOC</small></mark>&gt;')


def test_lines_are_texts_of_their_own(server):
    page = ask(server, "POST", "/", "text=Anna%0Ain Paris")[1]
    alone = [ask(server, "POST", "/", f"text={line}")[1] for line in ("Anna", "in Paris")]
    inside = [p.split('<div class="text" dir="auto">')[1].split("</div>")[0] for p in alone]
    assert "\n".join(inside) in page


def test_the_api_answers_json(server):
    status, body = ask(server, "POST", "/api", json.dumps({"text": "Anna in Paris"}))
    assert status == 200
    assert json.loads(body)["text"] == "Anna in Paris"


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/api", "{", 400),
        ("/api", '{"text": 3}', 400),
        ("/api", "[" * 100_000, 400),
        ("/api", '{"text": ""}', 200),
        ("/api", '{"text": []}', 400),
        ("/api", "", 400),
        ("/", "", 200),
        ("/other", "x", 404),
        ("/", b"text=%FF\xff", 200),
        ("/", np.zeros(MAX_REQUEST_BYTES + 1, np.uint8).tobytes(), 413),
    ],
    ids=["cut", "number", "deep", "empty", "batch", "no body", "no form", "path", "bytes", "large"],
)
def test_bad_requests_get_an_answer_and_the_server_lives(server, path, body, status):
    try:
        assert ask(server, "POST", path, body)[0] == status
    except (BrokenPipeError, ConnectionResetError):
        assert status == 413  # it may hang up while the rest of the body still comes
    assert ask(server, "GET", "/")[0] == 200
    assert ask(server, "GET", "/missing")[0] == 404
