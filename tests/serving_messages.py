"""TF Serving's messages that a client needs, described as its .proto files have them; its package,
which is large, is not installed for the tests."""

import sys
import types

import tensorflow.core.framework.tensor_pb2  # noqa: F401  (registers TensorProto)
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, wrappers_pb2  # noqa: F401

_PACKAGE = "tensorflow.serving"
_TENSOR, _INT64 = ".tensorflow.TensorProto", ".google.protobuf.Int64Value"
_FIELD = descriptor_pb2.FieldDescriptorProto


def _message(file, name, *fields):
    """A message; a field is (number, name, type), where `map:` stands before a map's values."""
    message = file.message_type.add(name=name)
    for number, field, kind in fields:
        if kind.startswith("map:"):
            entry = message.nested_type.add(name=f"{field.title()}Entry")
            entry.options.map_entry = True
            entry.field.add(name="key", number=1, type=_FIELD.TYPE_STRING, label=1)
            entry.field.add(name="value", number=2, type=11, type_name=kind[4:], label=1)
            nested = f".{_PACKAGE}.{name}.{entry.name}"
            message.field.add(name=field, number=number, type=11, type_name=nested, label=3)
        elif kind == "string":
            message.field.add(name=field, number=number, type=_FIELD.TYPE_STRING, label=1)
        else:
            message.field.add(name=field, number=number, type=11, type_name=kind, label=1)


def messages():
    """The messages by name."""
    file = descriptor_pb2.FileDescriptorProto(
        name="for_tests.proto", package=_PACKAGE, syntax="proto3"
    )
    file.dependency.extend(
        ["tensorflow/core/framework/tensor.proto", "google/protobuf/wrappers.proto"]
    )
    spec = ((1, "name", "string"), (2, "version", _INT64), (3, "signature_name", "string"))
    _message(file, "ModelSpec", *spec)
    model = (f".{_PACKAGE}.ModelSpec",)
    _message(file, "PredictRequest", (1, "model_spec", *model), (2, "inputs", f"map:{_TENSOR}"))
    _message(file, "PredictResponse", (1, "outputs", f"map:{_TENSOR}"), (2, "model_spec", *model))
    _message(file, "PredictLog", (1, "request", f".{_PACKAGE}.PredictRequest"))
    _message(file, "PredictionLog", (6, "predict_log", f".{_PACKAGE}.PredictLog"))
    pool = descriptor_pool.Default()
    pool.Add(file)
    names = ("PredictRequest", "PredictResponse", "PredictionLog")
    found = {name: pool.FindMessageTypeByName(f"{_PACKAGE}.{name}") for name in names}
    return {name: message_factory.GetMessageClass(kind) for name, kind in found.items()}


def stand_in(monkeypatch, found):
    """Makes `tensorflow_serving.apis.predict_pb2` importable."""
    apis = types.ModuleType("tensorflow_serving.apis")
    apis.predict_pb2 = types.SimpleNamespace(**found)
    monkeypatch.setitem(sys.modules, "tensorflow_serving", types.ModuleType("tensorflow_serving"))
    monkeypatch.setitem(sys.modules, "tensorflow_serving.apis", apis)
