"""A SavedModel behind gRPC under bad requests, 64 at once: every answer has the status that fits,
good texts among them get the answer that they always get, and memory is bounded.

PYTHONPATH=.:tests python tests/soak/trouble_grpc.py --requests=10000 --seed=0
"""

import os
import socket
import tempfile

import grpc
import numpy as np
import serving_messages
import tensorflow as tf
from native.students import save_student
from serving_server import METHOD, serving
from soak.at_once import count_ends, main

from xtremedistil.runtime.machine import peak_memory
from xtremedistil.serving.graph.saved_model import export_saved_model

MEMORY = 1500 << 20  # bytes that all requests together may add: 64 texts of 100,000 words each
GOOD = b"Marie Curie was born in Warsaw."
TEXTS = (b"", b"a " * 50_000, b"x" * 300_000, b"\xff\xfe\x00", "東京 (Anna)".encode(), b"\x00" * 99)
Codes = grpc.StatusCode
# What may become of each kind of request; a message that cannot be read is an internal error to
# gRPC, and one of more than 4 MB is refused before it is read.
ENDS = {
    "good": {Codes.OK},
    "odd texts": {Codes.OK},
    "no signature": {Codes.INVALID_ARGUMENT},
    "other inputs": {Codes.INVALID_ARGUMENT},
    "other types": {Codes.INVALID_ARGUMENT},
    "other shapes": {Codes.INVALID_ARGUMENT},
    "lying shape": {Codes.INVALID_ARGUMENT},
    "odd ids": {Codes.OK, Codes.INVALID_ARGUMENT},
    "noise": {Codes.INTERNAL, Codes.INVALID_ARGUMENT},
    "cut": {Codes.INTERNAL, Codes.INVALID_ARGUMENT},
    "too large": {Codes.RESOURCE_EXHAUSTED},
    "other method": {Codes.UNIMPLEMENTED},
    "no time": {Codes.OK, Codes.DEADLINE_EXCEEDED},
    "left": {Codes.OK, Codes.CANCELLED},
    "no gRPC": set(),
}


class Requests:
    """Makes requests."""

    def __init__(self, messages: dict):
        self.kind = messages["PredictRequest"]

    def make(self, rng: np.random.Generator) -> tuple[str, bytes]:
        """A kind of `ENDS`, and a message."""
        what = list(ENDS)[rng.integers(len(ENDS))]
        if what == "noise":
            return what, b"\x0a" + rng.bytes(int(rng.integers(1, 3000)))
        if what == "too large":
            return what, self.of("tag", texts=[b"a" * (5 << 20)])
        if what == "odd texts":
            return what, self.of("tag", texts=list(rng.choice(np.array(TEXTS, object), 3)))
        if what == "no signature":
            return what, self.of(("", "TAG", "__init__", "tag\x00")[rng.integers(4)], texts=[GOOD])
        if what == "other inputs":
            several = ({}, {"text": [GOOD]}, {"texts": [GOOD], "more": [GOOD]}, {"ids": [[1]]})
            return what, self.of("tag", **several[rng.integers(4)])
        if what == "other types":
            return what, self.of("tag", texts=([1, 2], [0.5], [True], [[1j]])[rng.integers(4)])
        if what == "other shapes":
            return what, self.of("tag", texts=(GOOD, [[GOOD]], [[[GOOD]]])[rng.integers(3)])
        if what == "odd ids":
            low, high = ((0, 50), (-5, 5), (-(2**31), 2**31))[rng.integers(3)]
            shape = ((1, 7), (0, 0), (3, 0), (2, 900))[rng.integers(4)]
            return what, self.of("predict", ids=rng.integers(low, high, shape).astype(np.int32))
        good = self.of("tag", texts=[GOOD])
        if what == "lying shape":
            request = self.kind.FromString(good)
            request.inputs["texts"].tensor_shape.dim[0].size = int(rng.integers(2, 2**40))
            request.inputs["texts"].string_val.extend([GOOD])
            return what, request.SerializeToString()
        return what, good[: rng.integers(3, len(good) - 3)] if what == "cut" else good

    def of(self, signature: str, **inputs: object) -> bytes:
        """A message to a signature."""
        request = self.kind()
        request.model_spec.name, request.model_spec.signature_name = "student", signature
        for name, values in inputs.items():
            request.inputs[name].CopyFrom(tf.make_tensor_proto(values))
        return request.SerializeToString()


def send(channel: grpc.Channel, address: str, what: str, request: bytes) -> tuple[object, bytes]:
    """Sends a request; the status, and the answer. A connection that does not speak gRPC has
    neither."""
    if what == "no gRPC":
        host, port = address.split(":")
        with socket.create_connection((host, int(port)), timeout=60) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\n\r\n" + request)
        return None, b""
    name = METHOD + "More" if what == "other method" else METHOD
    call = channel.unary_unary(name).future(request, timeout=0.001 if what == "no time" else 600)
    if what == "left":
        call.cancel()
    try:
        return Codes.OK, call.result()
    except grpc.FutureCancelledError:
        return Codes.CANCELLED, b""
    except grpc.RpcError as error:
        return error.code(), b""


def run(requests: int, seed: int) -> dict[str, int]:
    """Sends so many requests.

    Returns:
        How many of each kind had each end, and `megabytes`.

    Raises:
        AssertionError: a status that does not fit, another answer to a good text, too much memory,
            or no answer at the end.
    """
    messages = serving_messages.messages()
    made = Requests(messages)
    with tempfile.TemporaryDirectory() as top:
        student, saved_model = os.path.join(top, "student"), os.path.join(top, "saved_model")
        save_student(student)
        export_saved_model(student, saved_model)
        with (
            serving(saved_model, messages, threads=8) as address,
            grpc.insecure_channel(address, [("grpc.max_receive_message_length", -1)]) as channel,
        ):
            good = made.of("tag", texts=[GOOD])
            code, expected = send(channel, address, "good", good)
            assert code is Codes.OK
            before = peak_memory()

            def end_of(number: int) -> tuple[str, object]:
                what, request = made.make(np.random.default_rng([seed, number]))
                code, answer = send(channel, address, what, request)
                assert answer == expected or what != "good", (number, code)
                return what, code

            counts = count_ends(requests, end_of)
            assert send(channel, address, "good", good) == (Codes.OK, expected)
    odd = {end for end in counts if end[1] is not None and end[1] not in ENDS[end[0]]}
    assert not odd, odd
    grown = peak_memory() - before
    assert grown < MEMORY, f"{grown:,} bytes more"
    named = {f"{what}: {code.name if code else 'hung up'}": n for (what, code), n in counts.items()}
    return dict(sorted(named.items())) | {"megabytes": round(grown / 1e6)}


if __name__ == "__main__":
    main(__doc__, run)
