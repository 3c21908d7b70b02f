"""A tiny BERT checkpoint whose every weight is known, for tests of loading and of parity."""

import json
import os

import numpy as np
import safetensors.numpy

PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
PIECES += [
    "the",
    "berlin",
    "visit",
    "##ed",
    "##s",
    "anna",
    "##e",
    "un",
    "##i",
    ".",
    ",",
    "a",
    "b",
    "##c",
    "##d",
]


def write(
    folder: str,
    *,
    activation: str = "gelu",
    epsilon: float = 1e-12,
    blocks: int = 3,
    labels: tuple[str, ...] = (),
    pooler: bool = False,
    prefix: str = "bert.",
    lowercase: bool = True,
    positions: int = 16,
) -> str:
    """Writes a Hugging Face folder of a BERT of width 12 and 3 heads, with weights drawn from a
    fixed seed."""
    width, inner = 12, 20
    rng = np.random.default_rng(7)

    def draw(*shape: int) -> np.ndarray:
        return rng.normal(0, 0.5, shape).astype(np.float32)

    tensors = {
        "embeddings.word_embeddings.weight": draw(len(PIECES), width),
        "embeddings.position_embeddings.weight": draw(positions, width),
        "embeddings.token_type_embeddings.weight": draw(2, width),
        "embeddings.LayerNorm.weight": 1 + draw(width),
        "embeddings.LayerNorm.bias": draw(width),
    }
    for i in range(blocks):
        block = f"encoder.layer.{i}"
        for name in ("query", "key", "value"):
            tensors[f"{block}.attention.self.{name}.weight"] = draw(width, width)
            tensors[f"{block}.attention.self.{name}.bias"] = draw(width)
        for name, out, into in (
            ("attention.output", width, width),
            ("intermediate", inner, width),
            ("output", width, inner),
        ):
            tensors[f"{block}.{name}.dense.weight"] = draw(out, into)
            tensors[f"{block}.{name}.dense.bias"] = draw(out)
        for name in ("attention.output", "output"):
            tensors[f"{block}.{name}.LayerNorm.weight"] = 1 + draw(width)
            tensors[f"{block}.{name}.LayerNorm.bias"] = draw(width)
    if pooler:
        tensors["pooler.dense.weight"] = draw(width, width)
        tensors["pooler.dense.bias"] = draw(width)
    tensors = {f"{prefix}{name}": values for name, values in tensors.items()}
    if labels:
        tensors["classifier.weight"] = draw(len(labels), width)
        tensors["classifier.bias"] = draw(len(labels))
    kind = "ForSequenceClassification" if pooler else "ForTokenClassification"
    config = {
        "model_type": "bert",
        "architectures": [f"Bert{kind}" if labels else "BertModel"],
        "vocab_size": len(PIECES),
        "hidden_size": width,
        "num_hidden_layers": blocks,
        "num_attention_heads": 3,
        "intermediate_size": inner,
        "max_position_embeddings": positions,
        "type_vocab_size": 2,
        "hidden_act": activation,
        "layer_norm_eps": epsilon,
        "hidden_dropout_prob": 0.1,
        "attention_probs_dropout_prob": 0.1,
        "pad_token_id": 0,
    }
    if labels:
        config["id2label"] = {str(i): name for i, name in enumerate(labels)}
        config["label2id"] = {name: i for i, name in enumerate(labels)}
    os.makedirs(folder, exist_ok=True)
    safetensors.numpy.save_file(
        tensors, os.path.join(folder, "model.safetensors"), {"format": "pt"}
    )
    with open(os.path.join(folder, "config.json"), "w", encoding="utf-8") as file:
        json.dump(config, file)
    with open(os.path.join(folder, "vocab.txt"), "w", encoding="utf-8") as file:
        file.write("".join(f"{piece}\n" for piece in PIECES))
    with open(os.path.join(folder, "tokenizer_config.json"), "w", encoding="utf-8") as file:
        json.dump({"tokenizer_class": "BertTokenizer", "do_lower_case": lowercase}, file)
    return folder
