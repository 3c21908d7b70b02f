"""The model to distil from, and how it is fine-tuned."""

from dataclasses import dataclass

from xtremedistil.config.option import Checked, option
from xtremedistil.runtime.errors import ConfigError


@dataclass(frozen=True)
class TeacherConfig(Checked):
    """The model to distil from, and how it is fine-tuned."""

    teacher: str = option(
        "",
        "Hugging Face folder (config.json, model.safetensors, tokenizer files) or hub name of "
        "a BERT, RoBERTa, XLM-R, CamemBERT, DistilBERT, ELECTRA, DeBERTa (v2, v3) or ModernBERT. "
        "'scratch' builds a small one from the --teacher_* flags.",
        decides=("labeled", "teacher"),
        by_value=False,
    )
    finetune: str = option(
        "auto",
        "Whether to fine-tune the teacher. auto: unless its folder already has a head for the "
        "task.",
        choices=("auto", "always", "never"),
        decides=("labeled", "teacher"),
        by_value=False,
    )
    strip_accents: str = option(
        "checkpoint",
        "Whether tokenization removes accents: as the checkpoint says, or forced (the paper's "
        "words).",
        choices=("checkpoint", "yes", "no"),
        decides=("labeled",),
        by_value=False,
    )
    teacher_epochs: int = option(3, "Epochs of fine-tuning.", low=1, decides=("teacher",))
    teacher_batch_size: int = option(
        32, "Sentences in a batch of fine-tuning.", low=1, decides=("teacher",)
    )
    teacher_learning_rate: float = option(
        5e-5, "Peak learning rate of fine-tuning (AdamW).", low=0.0, decides=("teacher",)
    )
    teacher_warmup: float = option(
        0.1,
        "Share of the fine-tuning steps that raise the learning rate from zero.",
        low=0.0,
        high=1.0,
        decides=("teacher",),
    )
    teacher_weight_decay: float = option(
        0.01,
        "Weight decay of fine-tuning; biases and layer normalization have none.",
        low=0.0,
        decides=("teacher",),
    )
    teacher_per_language: bool = option(
        False,
        "One teacher per language, scored together (Table 5). With --stage=teacher only.",
        decides=("teacher",),
        by_value=False,
    )
    teacher_seed: int = option(
        0, "Seed of the teacher's new weights, batches and dropout.", low=0, decides=("teacher",)
    )
    teacher_blocks: int = option(
        8, "Blocks of a teacher built from scratch.", low=1, decides=("teacher",), by_value=False
    )
    teacher_width: int = option(
        128,
        "Hidden width of a teacher built from scratch.",
        low=1,
        decides=("teacher",),
        by_value=False,
    )
    teacher_heads: int = option(
        4,
        "Attention heads of a teacher built from scratch.",
        low=1,
        decides=("teacher",),
        by_value=False,
    )
    teacher_intermediate: int = option(
        512,
        "Feed-forward width of a teacher built from scratch.",
        low=1,
        decides=("teacher",),
        by_value=False,
    )
    teacher_vocabulary: str = option(
        "",
        "Folder with the tokenizer of a teacher built from scratch. Empty: the embedded one.",
        decides=("labeled", "teacher"),
        by_value=False,
    )
    label_map: str = option(
        "",
        "File of lines OLD=NEW: other names for a ready-made teacher's labels (LABEL_3=B-LOC), or "
        "for types of entities (GPE=LOC); without a NEW, O. Equal NEWs become one class.",
        decides=("labeled", "teacher"),
        by_value=False,
        before="",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.teacher_width % self.teacher_heads:
            raise ConfigError(
                "--teacher_width must be a multiple of --teacher_heads. Received: "
                f"teacher_width={self.teacher_width} teacher_heads={self.teacher_heads}"
            )
