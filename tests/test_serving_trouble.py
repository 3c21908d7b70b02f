"""A short walk of the demo under bad requests; `make soak` runs the long one."""

from soak import trouble_demo


def test_the_demo_answers_bad_requests_with_a_status():
    counts = trouble_demo.run(requests=150, seed=1)
    assert {"200", "400", "411", "501"} <= set(counts)
