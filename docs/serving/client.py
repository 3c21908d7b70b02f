"""Entities of texts, from TF Serving by gRPC: python client.py HOST:PORT TEXT..."""

import sys

import grpc
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2


def tag(address, texts, model="student", seconds=10):
    """The entities of each text, as (type, text) pairs."""
    request = predict_pb2.PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = model, "tag"
    request.inputs["texts"].CopyFrom(tf.make_tensor_proto(texts))
    # gRPC takes 4 MB of an answer unless told otherwise: some 140,000 words
    with grpc.insecure_channel(address, [("grpc.max_receive_message_length", -1)]) as channel:
        predict = channel.unary_unary(
            "/tensorflow.serving.PredictionService/Predict",
            request_serializer=predict_pb2.PredictRequest.SerializeToString,
            response_deserializer=predict_pb2.PredictResponse.FromString,
        )
        answer = predict(request, timeout=seconds)
    found = {name: tf.make_ndarray(value) for name, value in answer.outputs.items()}
    rows = zip(found["entity_types"], found["entity_texts"], found["entity_counts"], strict=True)
    return [
        [(t.decode(), text.decode()) for t, text in zip(types[:n], spelled[:n], strict=True)]
        for types, spelled, n in rows
    ]


if __name__ == "__main__":
    for entities in tag(sys.argv[1], sys.argv[2:]):
        print(*(f"{kind}:{text}" for kind, text in entities), sep="\t")
