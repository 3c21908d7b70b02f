"""Requests that TF Serving answers when it loads a SavedModel, so that the first one of a client is
as fast as the next.

They are records of `PredictionLog`, a message of TF Serving's `prediction_log.proto`, which its
package alone brings; the four fields that are needed are written here.
"""

import os
from collections.abc import Iterator

import tensorflow as tf

from xtremedistil.runtime import files
from xtremedistil.runtime.protobuf import sized

FILE = "assets.extra/tf_serving_warmup_requests"
_SHORT = "Anna lives in Paris."
_TEXTS = 32  # of a full batch
# Numbers of fields: of PredictionLog, PredictLog, PredictRequest, ModelSpec, and of a map's entry.
_PREDICT_LOG, _REQUEST, _MODEL, _INPUTS, _SIGNATURE, _KEY, _VALUE = 6, 1, 1, 2, 3, 1, 2


def write_warm_up(folder: str, signatures: list[str], window: int) -> None:
    """Writes the requests: a short text, one that fills a window, and a batch of short ones.

    Args:
        folder: of a SavedModel.
        signatures: those that read `texts`.
        window: pieces that are read at once; a text of as many words has at least as many.
    """
    path, assets = os.path.join(folder, FILE), os.path.join(folder, "assets")
    if files.exists(assets) and not files.list_folder(assets):
        files.remove(assets)  # TensorFlow's files in memory would mistake ours for a part of it
    files.make_folder(os.path.dirname(path))
    with tf.io.TFRecordWriter(path) as records:
        for signature in signatures:
            for texts in _batches(window):
                records.write(_record(signature, texts))


def _batches(window: int) -> Iterator[list[str]]:
    yield [_SHORT]
    yield [" ".join(["a"] * window)]
    yield [_SHORT] * _TEXTS


def _record(signature: str, texts: list[str]) -> bytes:
    tensor = tf.make_tensor_proto(texts, tf.string).SerializeToString()
    entry = sized(_KEY, b"texts") + sized(_VALUE, tensor)
    model = sized(_SIGNATURE, signature.encode("utf-8"))
    request = sized(_MODEL, model) + sized(_INPUTS, entry)
    return sized(_PREDICT_LOG, sized(_REQUEST, request))
