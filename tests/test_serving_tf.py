"""TF Serving's side: the documented client against a server in this process, the warm-up requests,
and the files that start a server."""

import pathlib
import runpy

import pytest
import serving_messages
import tensorflow as tf
import yaml
from native.students import save_student
from serving_server import serving

import xtremedistil
from xtremedistil.serving.graph.saved_model import export_saved_model
from xtremedistil.serving.graph.warm_up import FILE

DOCS = pathlib.Path(__file__).parent.parent / "docs"
TEXTS = ["Marie Curie was born in Warsaw.", "", "東京 (Anna)"]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    top = tmp_path_factory.mktemp("serving")
    save_student(str(top / "student"), hidden_size=17)  # whose weights find entities of both types
    export_saved_model(str(top / "student"), str(top / "saved_model"))
    return str(top / "student"), str(top / "saved_model")


@pytest.fixture(scope="module")
def messages():
    return serving_messages.messages()


@pytest.fixture
def address(folders, messages):
    with serving(folders[1], messages) as address:
        yield address


def test_the_documented_client_finds_what_python_finds(folders, messages, address, monkeypatch):
    serving_messages.stand_in(monkeypatch, messages)
    client = runpy.run_path(str(DOCS / "serving" / "client.py"))
    expected = [
        [(e.type, e.text) for e in found.entities]
        for found in xtremedistil.load(folders[0], "keras").tag(TEXTS)
    ]
    assert {kind for text in expected for kind, _ in text} == {"LOC", "PER"}
    assert client["tag"](address, TEXTS, seconds=300) == expected


def test_warm_up_requests_are_of_the_signatures_and_can_be_answered(folders, messages):
    records = list(tf.data.TFRecordDataset(f"{folders[1]}/{FILE}").as_numpy_iterator())
    requests = [messages["PredictionLog"].FromString(r).predict_log.request for r in records]
    assert [r.model_spec.signature_name for r in requests] == ["tag"] * 3 + ["tag_words"] * 3
    texts = [tf.make_ndarray(r.inputs["texts"]).tolist() for r in requests]
    assert [len(own) for own in texts] == [1, 1, 32] * 2
    assert len(texts[1][0].split()) == 1024
    loaded = tf.saved_model.load(folders[1])
    assert loaded.signatures["tag"](texts=tf.constant(texts[1]))["counts"].numpy().tolist() == [
        1024
    ]


def test_the_documentation_shows_the_client_as_it_is():
    assert (DOCS / "serving/client.py").read_text() in (DOCS / "serving.md").read_text()


def test_the_files_that_start_a_server_name_one_model_and_both_ports():
    compose = yaml.safe_load((DOCS / "serving/docker-compose.yml").read_text())
    service = compose["services"]["student"]
    assert service["environment"]["MODEL_NAME"] == "student"
    assert service["volumes"][0].endswith("/models/student/1:ro")
    assert service["ports"] == ["8500:8500", "8501:8501"]
    deployment, kind = yaml.safe_load_all((DOCS / "serving/kubernetes.yaml").read_text())
    pod = deployment["spec"]["template"]
    assert deployment["spec"]["selector"]["matchLabels"] == pod["metadata"]["labels"]
    assert kind["spec"]["selector"] == pod["metadata"]["labels"]
    (container,) = pod["spec"]["containers"]
    assert container["image"] == service["image"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports == {"grpc": 8500, "rest": 8501}
    assert container["readinessProbe"]["httpGet"] == {"path": "/v1/models/student", "port": "rest"}
