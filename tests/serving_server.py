"""A gRPC server in this process that answers Predict by a SavedModel's signatures, as TF Serving
does."""

import contextlib
import math
from collections.abc import Iterator
from concurrent import futures
from typing import Any

import grpc
import numpy as np
import tensorflow as tf

SERVICE = "tensorflow.serving.PredictionService"
METHOD = f"/{SERVICE}/Predict"
# What a request that the model cannot answer ends in: TensorFlow says these of one, and of a
# tensor that is none.
_REFUSED = (tf.errors.OpError, KeyError, TypeError, ValueError)


def _array(tensor: Any) -> np.ndarray:
    """The values of a message. One that promises more of them than it has would have its last one
    repeated until memory ends."""
    promised = math.prod(side.size for side in tensor.tensor_shape.dim)
    if not 0 <= promised <= tensor.ByteSize():
        raise ValueError(f"{promised} values in {tensor.ByteSize()} bytes")
    return tf.make_ndarray(tensor)


@contextlib.contextmanager
def serving(saved_model: str, messages: dict, threads: int = 2) -> Iterator[str]:
    """Serves inside the block.

    Args:
        saved_model: folder of the export.
        messages: of `serving_messages.messages`.
        threads: requests that are answered at once.

    Yields:
        The address.
    """
    loaded = tf.saved_model.load(saved_model)
    answer_kind = messages["PredictResponse"]

    def predict(request, context):
        try:
            inputs = {name: _array(value) for name, value in request.inputs.items()}
            run = loaded.signatures[request.model_spec.signature_name]
            found = run(**{name: tf.constant(value) for name, value in inputs.items()})
        except _REFUSED as error:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error)[:500])
        answer = answer_kind()
        for name, value in found.items():
            answer.outputs[name].CopyFrom(tf.make_tensor_proto(value.numpy()))
        return answer

    method = grpc.unary_unary_rpc_method_handler(
        predict,
        request_deserializer=messages["PredictRequest"].FromString,
        response_serializer=answer_kind.SerializeToString,
    )
    server = grpc.server(futures.ThreadPoolExecutor(threads))
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler(SERVICE, {"Predict": method}),)
    )
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait()
