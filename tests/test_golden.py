"""The golden files are whole, of the shapes that their README gives, and say what made them."""

import json
import pathlib

import numpy as np
import pytest
import safetensors
import safetensors.numpy
import tokenizers

GOLDEN = pathlib.Path(__file__).parent / "golden"
ENCODERS = sorted(path.parent for path in GOLDEN.glob("*/golden.safetensors"))
TOKENIZERS = sorted(path.parent for path in GOLDEN.glob("*/golden.json"))
OTHER_NAMES = {"num_hidden_layers": "n_layers", "hidden_size": "dim"}


def read_json(path: pathlib.Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


def tensors_of(folder: pathlib.Path) -> set[str]:
    names: set[str] = set()
    for path in folder.glob("model*.safetensors"):
        with safetensors.safe_open(path, framework="np") as stored:
            names |= set(stored.keys())
    return names


def test_the_readme_names_every_folder_and_no_other():
    named = {
        part.strip("` ")
        for line in (GOLDEN / "README.md").read_text(encoding="utf-8").splitlines()
        if line.startswith("| `")
        for part in line.split("|")[1].split(",")
        if "-" in part
    }
    assert named == {folder.name for folder in ENCODERS + TOKENIZERS}
    assert named == {path.name for path in GOLDEN.iterdir() if "-" in path.name}


def test_they_stay_small():
    sizes = [path.stat().st_size for path in GOLDEN.rglob("*") if path.is_file()]
    assert sum(sizes) < 1_500_000


@pytest.mark.parametrize("folder", ENCODERS, ids=lambda folder: folder.name)
def test_an_encoder_has_its_values(folder):
    config = read_json(folder / "config.json")
    blocks, width = (config.get(name, config.get(OTHER_NAMES[name])) for name in OTHER_NAMES)
    with safetensors.safe_open(folder / "golden.safetensors", framework="np") as stored:
        assert "transformers 5." in stored.metadata()["reference"]
        assert "torch 2." in stored.metadata()["reference"]
    arrays = safetensors.numpy.load_file(folder / "golden.safetensors")
    real = arrays["attention_mask"].astype(bool)
    texts, length = arrays["input_ids"].shape
    lengths = real.sum(1)
    assert lengths.tolist() == sorted(set(lengths.tolist()), reverse=True)
    np.testing.assert_array_equal(real, np.arange(length) < lengths[:, None])
    assert arrays["input_ids"].max() < config["vocab_size"]
    assert arrays["states"].shape == (1 + blocks, texts, length, width)
    assert ("output" in arrays) == (config["model_type"] == "modernbert")
    has_head = folder.name not in ("bert-encoder", "bert-masked-lm")
    assert ("logits" in arrays) == has_head
    if has_head:
        classes = len(config["id2label"])
        per_token = (texts, length, classes)
        assert arrays["logits"].shape == (
            per_token if config["id2label"]["0"] == "O" else (texts, classes)
        )
    for name in {"states", "output", "logits"} & set(arrays):
        values = np.moveaxis(arrays[name], 0, 2) if name == "states" else arrays[name]
        assert values.dtype == np.float32
        assert np.isfinite(values).all()
        if values.shape[:2] == real.shape:
            assert not values[~real].any()
            values = values[real]
        assert 0.05 < values.std() < 2


@pytest.mark.parametrize("folder", ENCODERS, ids=lambda folder: folder.name)
def test_an_encoder_has_its_weights(folder):
    names = tensors_of(folder)
    index = folder / "model.safetensors.index.json"
    if index.exists():
        assert set(read_json(index)["weight_map"]) == names
    blocks = {part for name in names for part in name.split(".") if part.isdigit()}
    config = read_json(folder / "config.json")
    assert len(blocks) == config.get("num_hidden_layers", config.get("n_layers"))


@pytest.mark.parametrize("folder", TOKENIZERS, ids=lambda folder: folder.name)
def test_a_tokenizer_has_its_ids(folder):
    golden = read_json(folder / "golden.json")
    assert set(golden["versions"]) == {"sentencepiece", "tokenizers", "transformers"}
    tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    assert tokenizer.get_vocab_size() == golden["size"]
    config = read_json(folder / "tokenizer_config.json")
    markers = read_json(folder / "special_tokens_map.json")
    for role, number in golden["special"].items():
        assert markers[f"{role}_token"] == config[f"{role}_token"]
        assert tokenizer.token_to_id(markers[f"{role}_token"]) == number
    for token, number in read_json(folder / "added_tokens.json").items():
        assert tokenizer.token_to_id(token) == number
    has_model = len(list(folder.glob("*.model"))) == 1
    assert len({row["text"] for row in golden["rows"]}) == len(golden["rows"]) >= 80
    for row in golden["rows"]:
        encoded = tokenizer.encode(row["text"], add_special_tokens=False)
        assert encoded.ids == row["tokenizers"], row["text"]
        assert ("sentencepiece" in row) == has_model
        assert all(0 <= i < golden["size"] for i in row.get("sentencepiece", []))
