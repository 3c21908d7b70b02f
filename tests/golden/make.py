"""Makes the golden values of every encoder family: tiny checkpoints with random weights, and what
the reference implementation computes from them.

The reference is torch and Hugging Face transformers, which the package does not need and which
cannot be imported beside TensorFlow. So this runs by itself, once, in an environment of its own:

    pip install torch==2.13.0 transformers==5.24.0 sentencepiece==0.2.0 "numpy<3"
    python tests/golden/make.py

The committed files are of Python 3.11, torch 2.13.0 (CPU), transformers 5.24.0; the metadata of
each golden file repeats the versions. README.md says what each folder is for and what the arrays
are.

A folder is first saved as the reference saves it, then aged where a case asks for it (the names and
fields of older checkpoints), and only then read back by the reference, so that the golden values
are of the folder as it lies here. They are computed in float64 and stored as float32, so that the
reference's own rounding (below 2e-6 in float32, printed for each folder) takes nothing from the
tolerance of 1e-5.
"""

import dataclasses
import json
import pathlib
import shutil
import sys
from collections.abc import Callable

import numpy as np
import safetensors.torch
import torch
import transformers
from transformers import PreTrainedModel

HERE = pathlib.Path(__file__).parent
VERSIONS = f"transformers {transformers.__version__}, torch {torch.__version__}"
SEED = 20200705
TAGS = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")
TOPICS = ("sport", "music", "travel")
LENGTHS = (10, 7, 3)
LONG_LENGTHS = (18, 9, 3)

SIZES = {
    "vocab_size": 44,
    "hidden_size": 16,
    "num_attention_heads": 4,
    "intermediate_size": 32,
    "max_position_embeddings": 40,
}
# An epsilon far from every default, so that a reader that ignores it is seen.
BERT = SIZES | {"layer_norm_eps": 1e-3}
# The first position is the padding's id plus 1, so the two first rows of the table serve no token.
ROBERTA = BERT | {"type_vocab_size": 1, "pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2}
DISTILBERT = {
    "vocab_size": 44,
    "dim": 16,
    "n_heads": 4,
    "hidden_dim": 32,
    "max_position_embeddings": 40,
}
# Its head has a gelu of its own, whatever the activation of the blocks.
ELECTRA = BERT | {"embedding_size": 12, "hidden_act": "gelu_new"}
# As DeBERTa-v3 and mDeBERTa are: relative positions alone, in 16 buckets of which the farther ones
# are logarithmic from a distance of 4 on.
DEBERTA_V3 = BERT | {
    "type_vocab_size": 0,
    "relative_attention": True,
    "position_biased_input": False,
    "position_buckets": 8,
    "max_relative_positions": -1,
    "norm_rel_ebd": "layer_norm",
    "share_att_key": True,
    "pos_att_type": ["p2c", "c2p"],
}
# As DeBERTa-v2 is (a convolution beside the first block), and the options that v3 turned off.
DEBERTA_V2 = DEBERTA_V3 | {"conv_kernel_size": 3, "conv_act": "gelu"}
DEBERTA_UNSHARED = BERT | {
    "type_vocab_size": 2,
    "relative_attention": True,
    "position_biased_input": True,
    "max_relative_positions": 6,
    "share_att_key": False,
    "pos_att_type": ["p2c", "c2p"],
}
# Blocks 1 and 4 see the whole text, blocks 2 and 3 three tokens to either side.
MODERNBERT = SIZES | {
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "local_attention": 6,
    "global_attn_every_n_layers": 3,
    "global_rope_theta": 1000.0,
    "local_rope_theta": 100.0,
    "norm_eps": 1e-3,
    "pad_token_id": 1,
    "cls_token_id": 0,
    "sep_token_id": 2,
    "bos_token_id": 0,
    "eos_token_id": 2,
}
MODERNBERT_BIASES = MODERNBERT | {
    "classifier_pooling": "cls",
    "attention_bias": True,
    "mlp_bias": True,
    "norm_bias": True,
    "classifier_bias": True,
    "classifier_activation": "silu",
}


@dataclasses.dataclass(frozen=True)
class Case:
    """One checkpoint.

    Attributes:
        saved: the class of the reference that is saved.
        options: its configuration, where it is not the default.
        read: the class that reads the folder, where it is another one.
        blocks: of the encoder.
        lengths: the number of tokens of each text, the longest first.
        spread: the standard deviation of the embeddings.
        dtype: of the weights on disk. Computing is in float64 whatever it is.
        shard: the largest size of a weights file, where there are several.
        age: what turns the folder into one that older tools wrote.
    """

    saved: type[PreTrainedModel]
    options: dict[str, object]
    read: type[PreTrainedModel] | None = None
    blocks: int = 2
    lengths: tuple[int, ...] = LENGTHS
    spread: float = 0.5
    dtype: torch.dtype = torch.float32
    shard: str | None = None
    age: Callable[[pathlib.Path], None] | None = None


def rewrite_config(folder: pathlib.Path, change: Callable[[dict], dict]) -> None:
    path = folder / "config.json"
    config = change(json.loads(path.read_text(encoding="utf-8")))
    path.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def rewrite_tensors(folder: pathlib.Path, change: Callable[[dict], dict]) -> None:
    path = folder / "model.safetensors"
    tensors = change(safetensors.torch.load_file(path))
    safetensors.torch.save_file(tensors, path, metadata={"format": "pt"})


def leave_required_fields(folder: pathlib.Path) -> None:
    """Leaves the sizes and the labels: activation, epsilon, padding, token types and architecture
    are not named."""
    kept = ("model_type", "num_hidden_layers", "id2label", *SIZES)
    rewrite_config(folder, lambda config: {name: config[name] for name in kept})


def use_first_names(folder: pathlib.Path) -> None:
    """Names tensors as the first BERTs do (gamma, beta), and keeps the buffer of positions that
    older versions saved."""

    def change(tensors: dict) -> dict:
        names = {
            name: name.replace("LayerNorm.weight", "LayerNorm.gamma").replace(
                "LayerNorm.bias", "LayerNorm.beta"
            )
            for name in tensors
        }
        renamed = {names[name]: values for name, values in tensors.items()}
        positions = torch.arange(BERT["max_position_embeddings"])[None]
        return renamed | {"bert.embeddings.position_ids": positions}

    rewrite_tensors(folder, change)


def use_version_4_fields(folder: pathlib.Path) -> None:
    """Writes the fields as version 4 of transformers and most published checkpoints do."""

    def change(config: dict) -> dict:
        config = {"torch_dtype": config.pop("dtype")} | config
        config["transformers_version"] = "4.48.0"
        if config["model_type"] == "deberta-v2":
            config["pos_att_type"] = "|".join(config["pos_att_type"])
        if config["model_type"] == "modernbert":
            del config["layer_types"], config["rope_parameters"]
            names = ("global_attn_every_n_layers", "global_rope_theta", "local_rope_theta")
            config |= {name: MODERNBERT[name] for name in names}
        return config

    rewrite_config(folder, change)


t = transformers
CASES = {
    "bert-token": Case(t.BertForTokenClassification, BERT, blocks=3),
    "bert-sequence": Case(t.BertForSequenceClassification, BERT),
    "bert-encoder": Case(t.BertModel, BERT),
    "bert-relu": Case(t.BertForTokenClassification, BERT | {"hidden_act": "relu"}),
    "bert-tanh-gelu": Case(t.BertForTokenClassification, BERT | {"hidden_act": "gelu_new"}),
    "bert-one-type": Case(t.BertForTokenClassification, BERT | {"type_vocab_size": 1}),
    # embeddings so small that the default epsilon shows
    "bert-few-fields": Case(
        t.BertForTokenClassification, SIZES, spread=0.005, age=leave_required_fields
    ),
    "bert-first-names": Case(t.BertForTokenClassification, BERT, age=use_first_names),
    "bert-float16": Case(t.BertForTokenClassification, BERT, dtype=torch.float16),
    "bert-bfloat16": Case(t.BertForTokenClassification, BERT, dtype=torch.bfloat16),
    "bert-sharded": Case(t.BertForTokenClassification, BERT, shard="12KB"),
    "bert-masked-lm": Case(t.BertForMaskedLM, BERT, read=t.BertModel),
    "roberta-token": Case(t.RobertaForTokenClassification, ROBERTA, blocks=3),
    "roberta-sequence": Case(t.RobertaForSequenceClassification, ROBERTA),
    "xlm-roberta-token": Case(t.XLMRobertaForTokenClassification, ROBERTA),
    "camembert-token": Case(t.CamembertForTokenClassification, ROBERTA),
    "distilbert-token": Case(t.DistilBertForTokenClassification, DISTILBERT, blocks=3),
    "distilbert-sequence": Case(t.DistilBertForSequenceClassification, DISTILBERT),
    "electra-token": Case(t.ElectraForTokenClassification, ELECTRA, blocks=3),
    "electra-sequence": Case(t.ElectraForSequenceClassification, ELECTRA),
    "deberta-v3-token": Case(
        t.DebertaV2ForTokenClassification, DEBERTA_V3, blocks=3, lengths=LONG_LENGTHS
    ),
    "deberta-v3-sequence": Case(
        t.DebertaV2ForSequenceClassification, DEBERTA_V3, age=use_version_4_fields
    ),
    "deberta-v2-token": Case(t.DebertaV2ForTokenClassification, DEBERTA_V2),
    "deberta-unshared-token": Case(t.DebertaV2ForTokenClassification, DEBERTA_UNSHARED),
    "modernbert-token": Case(
        t.ModernBertForTokenClassification,
        MODERNBERT,
        blocks=4,
        lengths=LONG_LENGTHS,
        age=use_version_4_fields,
    ),
    "modernbert-mean": Case(
        t.ModernBertForSequenceClassification, MODERNBERT | {"classifier_pooling": "mean"}
    ),
    "modernbert-cls": Case(t.ModernBertForSequenceClassification, MODERNBERT_BIASES),
}


def draw_weights(model: PreTrainedModel, spread: float, rng: np.random.Generator) -> None:
    """Gives every weight a random value, padding's embedding and the norms included, so that a
    wrong activation, mask or order shows."""
    with torch.no_grad():
        for name, weight in sorted(model.named_parameters()):
            is_norm = weight.ndim == 1 and name.endswith("weight")
            is_table = "embeddings" in name and weight.ndim == 2
            values = rng.normal(1 if is_norm else 0, spread if is_table else 0.2, weight.shape)
            weight.copy_(torch.from_numpy(values))


def draw_texts(
    config: transformers.PreTrainedConfig, lengths: tuple[int, ...], rng: np.random.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Draws right-padded texts between two markers.

    Returns:
        The ids and the mask, both `(texts, length)`, int64.
    """
    padding = config.pad_token_id
    first, last = (0, 2) if padding == 1 else (2, 3)
    ids = rng.integers(5, config.vocab_size, (len(lengths), lengths[0]))
    mask = np.arange(lengths[0])[None] < np.array(lengths)[:, None]
    ids[:, 0] = first
    ids[np.arange(len(lengths)), np.array(lengths) - 1] = last
    ids[~mask] = padding
    return torch.from_numpy(ids), torch.from_numpy(mask.astype(np.int64))


def run(model: PreTrainedModel, ids: torch.Tensor, mask: torch.Tensor) -> dict[str, torch.Tensor]:
    """Runs the reference and records what enters every block and leaves the last one.

    Returns:
        `states`, `(texts, length, 1 + blocks, width)`; `output`, `(texts, length, width)`, the
        states that the head reads; `logits` where there is a head.
    """
    encoder = model.base_model
    blocks = next(part for part in encoder.modules() if isinstance(part, torch.nn.ModuleList))
    states: list[torch.Tensor] = []
    hooks = [block.register_forward_pre_hook(lambda _, a: states.append(a[0])) for block in blocks]
    hooks.append(
        blocks[-1].register_forward_hook(
            lambda _, a, left: states.append(left[0] if isinstance(left, tuple) else left)
        )
    )
    outputs: list[torch.Tensor] = []
    hooks.append(encoder.register_forward_hook(lambda _, a, left: outputs.append(left[0])))
    with torch.no_grad():
        answer = model(input_ids=ids, attention_mask=mask)
    for hook in hooks:
        hook.remove()
    found = {"states": torch.stack(states, 2), "output": outputs[0]}
    return found | ({"logits": answer.logits} if "logits" in answer else {})


def run_alone(
    model: PreTrainedModel, ids: torch.Tensor, mask: torch.Tensor
) -> dict[str, torch.Tensor]:
    """Runs each text without its padding, and gives what `run` gives, with 0 at padding."""
    rows = zip(ids, mask, mask.sum(1))
    texts = [run(model, row[None, :n], ones[None, :n]) for row, ones, n in rows]
    return {
        key: torch.nn.utils.rnn.pad_sequence([text[key][0] for text in texts], batch_first=True)
        for key in texts[0]
    }


def make(name: str, folder: pathlib.Path) -> None:
    """Writes one folder.

    Raises:
        RuntimeError: the reference does not read its own folder whole, or padding changes what it
            computes at real tokens.
    """
    case = CASES[name]
    shutil.rmtree(folder, ignore_errors=True)
    rng = np.random.default_rng([SEED, list(CASES).index(name)])
    labels = TAGS if "Token" in case.saved.__name__ else TOPICS
    options = case.options | {"num_hidden_layers": case.blocks}
    options |= {"id2label": dict(enumerate(labels))}
    options["label2id"] = {label: i for i, label in enumerate(labels)}
    model = case.saved(case.saved.config_class(**options))
    draw_weights(model, case.spread, rng)
    shard = {"max_shard_size": case.shard} if case.shard else {}
    model.to(case.dtype).save_pretrained(folder, **shard)
    if case.age:
        case.age(folder)

    reader = case.read or case.saved
    model, info = reader.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager", output_loading_info=True
    )
    missing = {key for key in info["missing_keys"] if not key.startswith("pooler.")}
    if missing or info["mismatched_keys"]:
        raise RuntimeError(f"{name}: the folder is not whole. Received: {info}")
    model.eval()
    ids, mask = draw_texts(model.config, case.lengths, rng)
    together = run(model, ids, mask)
    golden = run_alone(model.double(), ids, mask)
    noise = 0.0
    for key, values in golden.items():
        real = mask.bool() if values.shape[:2] == mask.shape else slice(None)
        noise = max(noise, float((values - together[key])[real].abs().max()))
    if not noise < 5e-6:
        raise RuntimeError(f"{name}: padding changes what is computed. Received: {noise}")
    if torch.equal(golden["output"], golden["states"][:, :, -1]):
        del golden["output"]
    golden["states"] = golden["states"].movedim(2, 0)
    arrays = {"input_ids": ids.int(), "attention_mask": mask.int()}
    arrays |= {key: values.float().contiguous() for key, values in golden.items()}
    safetensors.torch.save_file(
        arrays,
        folder / "golden.safetensors",
        # one entry: the format keeps no order of several, and the files would differ each time
        metadata={"reference": f"{reader.__name__}, {VERSIONS}"},
    )
    size = sum(path.stat().st_size for path in folder.iterdir())
    spread = float(golden["states"].std())
    print(f"{name}: {size:,} bytes, spread {spread:.2f}, noise of float32 {noise:.1e}")


if __name__ == "__main__":
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    for name in sys.argv[1:] or CASES:
        make(name, HERE / name)
