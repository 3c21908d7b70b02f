"""A short walk of the demo and of a SavedModel behind gRPC under bad requests; `make soak` runs the
long ones."""

from soak import trouble_demo, trouble_grpc


def test_the_demo_answers_bad_requests_with_a_status():
    counts = trouble_demo.run(requests=150, seed=1)
    assert {"200", "400", "411", "501"} <= set(counts)


def test_a_saved_model_answers_bad_requests_with_the_status_that_fits():
    counts = trouble_grpc.run(requests=150, seed=1)
    expected = {"good: OK", "odd texts: OK", "other types: INVALID_ARGUMENT", "noise: INTERNAL"}
    assert expected <= set(counts)
