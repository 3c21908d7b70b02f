"""The card of a student's folder: true to the results, and read by the hub's own reader."""

import pytest
import yaml
from fake_results import results
from huggingface_hub import ModelCard

from xtremedistil.report.model_card import model_card
from xtremedistil.report.schema import RunResults
from xtremedistil.runtime.typed_json import parse


def card_of(language=None, **flags):
    content = results(**flags)
    content["data"] |= {"languages": ["de", "en", "zz"], "labels": ["O", "B-LOC", "I-LOC"]}
    content["student"] |= {"kind": "bilstm", "size": {"embedding_dim": 50, "hidden_size": 200}}
    content["student"]["shape"] |= {"vocabulary_size": 1234}
    return model_card(parse(RunResults, content, "results:"), language)


def front(card):
    return yaml.safe_load(card.split("---\n")[1])


def test_the_hub_reads_languages_scores_and_task():
    card = ModelCard(card_of(f1=60.0))
    told = card.data.to_dict()
    assert told["language"] == ["de", "en", "zz"]
    assert told["library_name"] == "xtremedistil"
    assert told["pipeline_tag"] == "token-classification"
    assert told["metrics"] == ["f1"]
    (found,) = [r for r in card.data.eval_results if r.metric_type == "f1"]
    assert (found.metric_value, found.dataset_name, found.dataset_split) == (
        60.0,
        "wikiann",
        "test",
    )


def test_scores_speed_and_labels_are_the_results():
    card = card_of(f1=60.0, teacher_f1=64.0, milliseconds=8.0)
    assert "| en | 64.00 | 60.00 |" in card
    assert "| zz | 65.00 | 61.00 |" in card
    assert "| mean | 64.00 | 60.00 |" in card
    assert "| 32 | " in card
    assert " 8.00 |" in card
    assert "labels: `O`, `B-LOC`, `I-LOC`" in card
    assert "embedding_dim 50, hidden_size 200, 1,234 pieces" in card
    assert "It does worst in de (59.00)." in card


def test_a_student_of_one_language_has_its_own_score():
    card = card_of("de", f1=60.0)
    assert front(card)["language"] == ["de"]
    assert front(card)["model-index"][0]["results"][0]["metrics"][0]["value"] == 59.0
    assert "| en |" not in card


def test_no_path_of_the_machine_is_told_and_a_hub_teacher_is_named():
    card = card_of(teacher="/home/somebody/models/minilm")
    assert "somebody" not in card
    assert "`minilm`" in card
    assert "base_model" not in front(card)
    assert front(card_of(teacher="user/minilm"))["base_model"] == "user/minilm"


def test_variants_are_no_sentences():
    assert "30,000 sentences, 2 variants of each that is learned from among them" in card_of(
        transfer_variants=2
    )
    assert "variant" not in card_of()


def test_a_language_that_needs_quotes_and_one_that_is_none():
    content = results(languages=("no", "other text"))
    content["data"] |= {"languages": ["no", "other text"], "labels": ["O"]}
    content["student"] |= {"kind": "bilstm"}
    content["student"]["shape"] |= {"vocabulary_size": 9}
    card = model_card(parse(RunResults, content, "results:"))
    assert front(card)["language"] == ["no"]
    assert "| other text | " in card


@pytest.mark.parametrize(("kind", "shown"), [("bilstm", True), ("transformer", False)])
def test_only_exports_that_there_are_for_its_kind_are_told(kind, shown):
    content = results(task="classification")
    content["data"] |= {"languages": [""], "labels": ["bad", "good"]}
    content["student"] |= {"kind": kind}
    content["student"]["shape"] |= {"vocabulary_size": 9}
    card = model_card(parse(RunResults, content, "results:"))
    assert ("--format=native" in card) == shown
    assert "student.classify" in card
    assert front(card)["pipeline_tag"] == "text-classification"
    assert card.count("```") % 2 == 0
