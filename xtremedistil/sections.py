"""What a run can be asked for, concern by concern: the one place where a default is written.

Each field carries the help text, the legal values and the range of its flag (`cli.py` derives the
flags), and each dataclass checks its own fields once, on construction. The defaults are the paper's
best configuration (Tables 10 to 13) where it gives one; METHOD in `docs/method.md` says how the
others were chosen.
"""

from dataclasses import dataclass

from xtremedistil.errors import ConfigError
from xtremedistil.options import Checked, option

STAGES = ("teacher", "targets", "1", "2", "3", "all")
TASKS = ("ner", "classification")
_EPOCHS = (
    "one number for each step, or four, for head, projection, encoder and embeddings as they "
    "unfreeze (trained end to end, a stage has their sum)"
)
STRATEGIES = ("D0", "D0-S", "D1", "D2", "D3.1", "D3.2", "D4.1", "D4.2")


@dataclass(frozen=True)
class DataConfig(Checked):
    """Which sentences, read how."""

    data_dir: str = option(
        "",
        "Folder of labeled data: train, dev and test files, or one folder of them per language "
        "(LANG/train.tsv), and perhaps transfer.txt. Empty: the embedded sample corpus.",
    )
    transfer_file: tuple[str, ...] = option(
        ("",),
        "Unlabeled text for the transfer set, one sentence a line: a file, or several with commas "
        "between them. The training sentences always belong to the transfer set.",
    )
    task: str = option(
        "ner", "What the labels are: tags of words, or one class per text.", choices=TASKS
    )
    data_format: str = option(
        "auto",
        "Format of the labeled files: told by their content, or forced. conll: one `token<TAB>tag` "
        "a "
        "line, blank lines between sentences. tsv: `text<TAB>tags`. classification: "
        "`text<TAB>label`.",
        choices=("auto", "conll", "tsv", "classification"),
    )
    repair_iob2: bool = option(
        False,
        "Turn an I- tag that continues no entity into a B- tag, and count them, instead of "
        "stopping.",
    )
    max_seq_length: int = option(
        32, "Wordpieces of a sentence that training sees, [CLS] and [SEP] included.", low=3
    )
    truncate_scoring: bool = option(
        False,
        "Cut sentences at --max_seq_length in scoring too, as the paper does: a word cut off "
        "counts as O.",
    )
    max_words: int = option(
        5000, "A longer 'sentence' is refused: it is a document that was never split.", low=1
    )
    labeled_per_language: int = option(
        0, "Labeled training sentences to use per language, sampled (0: all).", low=0
    )
    dev_per_language: int = option(
        0, "Development sentences per language, sampled (0: all).", low=0
    )
    transfer_per_language: int = option(
        0,
        "Transfer sentences to use per language, sampled (0: all); the labeled ones always belong "
        "to them.",
        low=0,
    )
    test_per_language: int = option(0, "Test sentences per language, sampled (0: all).", low=0)
    vocabulary_transfer: int = option(
        0,
        "Transfer sentences per language that decide the student's vocabulary, so that runs with "
        "smaller transfer sets compare (0: the transfer set's own).",
        low=0,
    )
    data_seed: int = option(0, "Seed of every sampling and shuffling of sentences on disk.", low=0)


@dataclass(frozen=True)
class TeacherConfig(Checked):
    """The model to distil from, and how it is fine-tuned."""

    teacher: str = option(
        "",
        "Hugging Face folder (config.json, model.safetensors, tokenizer files) or hub name of a "
        "WordPiece BERT. 'scratch' builds a small one from the --teacher_* flags.",
    )
    finetune: str = option(
        "auto",
        "Whether to fine-tune the teacher. auto: unless its folder already has a head for the "
        "task.",
        choices=("auto", "always", "never"),
    )
    strip_accents: str = option(
        "checkpoint",
        "Whether tokenization removes accents: as the checkpoint says, or forced (the paper's "
        "words).",
        choices=("checkpoint", "yes", "no"),
    )
    teacher_epochs: int = option(3, "Epochs of fine-tuning.", low=1)
    teacher_batch_size: int = option(32, "Sentences in a batch of fine-tuning.", low=1)
    teacher_learning_rate: float = option(
        5e-5, "Peak learning rate of fine-tuning (AdamW).", low=0.0
    )
    teacher_warmup: float = option(
        0.1,
        "Share of the fine-tuning steps that raise the learning rate from zero.",
        low=0.0,
        high=1.0,
    )
    teacher_weight_decay: float = option(
        0.01, "Weight decay of fine-tuning; biases and layer normalization have none.", low=0.0
    )
    teacher_per_language: bool = option(
        False, "One teacher per language, scored together (Table 5). With --stage=teacher only."
    )
    teacher_seed: int = option(0, "Seed of the teacher's new weights, batches and dropout.", low=0)
    teacher_blocks: int = option(8, "Blocks of a teacher built from scratch.", low=1)
    teacher_width: int = option(128, "Hidden width of a teacher built from scratch.", low=1)
    teacher_heads: int = option(4, "Attention heads of a teacher built from scratch.", low=1)
    teacher_intermediate: int = option(
        512, "Feed-forward width of a teacher built from scratch.", low=1
    )
    teacher_vocabulary: str = option(
        "", "Folder with the tokenizer of a teacher built from scratch. Empty: the embedded one."
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.teacher_width % self.teacher_heads:
            raise ConfigError(
                "--teacher_width must be a multiple of --teacher_heads. Received: "
                f"teacher_width={self.teacher_width} teacher_heads={self.teacher_heads}"
            )


@dataclass(frozen=True)
class StudentConfig(Checked):
    """The model to distil into."""

    student: str = option(
        "bilstm",
        "Encoder of the student: one BiLSTM, or Transformer blocks of width --embedding_dim.",
        choices=("bilstm", "transformer"),
    )
    embedding_dim: int = option(300, "Width E of the student's word embeddings.", low=1)
    hidden_size: int = option(600, "Units H of each direction of the BiLSTM.", low=1)
    depth: int = option(2, "Blocks of a Transformer student.", low=1)
    dropout: float = option(
        0.2, "Dropout after embeddings, encoder and projection.", low=0.0, high=0.99
    )
    embeddings: str = option(
        "svd",
        "Start of the word embeddings (Table 14). svd: truncated SVD of the fine-tuned teacher's "
        "table; svd-pretrained: of the checkpoint's; teacher: the fine-tuned table itself; ppa-14, "
        "ppa-17: PCA with post-processing; glove, fasttext: --vector_file; random.",
        choices=(
            "svd",
            "svd-pretrained",
            "teacher",
            "ppa-14",
            "ppa-17",
            "glove",
            "fasttext",
            "random",
        ),
    )
    vector_file: str = option(
        "", "Text file of vectors for --embeddings=glove or fasttext: `token v1 ... vE` a line."
    )
    heads_on: str = option(
        "projection",
        "What the heads read: the projected representation (Table 4), or the encoder's states "
        "(Eq. 1 and 3).",
        choices=("projection", "states"),
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.embeddings in ("glove", "fasttext")) != bool(self.vector_file):
            raise ConfigError(
                "--vector_file goes with --embeddings=glove or fasttext, and they with it. "
                f"Received: embeddings={self.embeddings} vector_file={self.vector_file!r}"
            )


@dataclass(frozen=True)
class DistillationConfig(Checked):
    """What the student learns, in which order."""

    strategy: str = option("D4.2", "Distillation strategy of Table 3.", choices=STRATEGIES)
    teacher_layer: int = option(
        7, "Block whose output the student imitates, counted from 1.", low=1
    )
    unfreeze: tuple[str, ...] = option(
        ("strategy",),
        "Stages that unfreeze layer by layer, with commas: 1,2,3, or none, or as the strategy "
        "says.",
        choices=("strategy", "none", "1", "2", "3"),
    )
    representation_loss: str = option(
        "kld",
        "Loss of stage 1. kld: KL divergence of softmaxed states; mse: squared error (the "
        "projection is then linear, since gelu cannot reach the targets), better where states "
        "hardly differ, as those of [CLS] do in classification.",
        choices=("kld", "mse"),
    )
    alpha: float = option(1.0, "Weight of the label loss in a joint stage (Eq. 7).", low=0.0)
    beta: float = option(
        1.0, "Weight of the representation loss in a joint stage (Eq. 7).", low=0.0
    )
    gamma: float = option(1.0, "Weight of the logit loss in a joint stage (Eq. 7).", low=0.0)
    batch_size: int = option(512, "Sentences in a batch of distillation.", low=1)
    learning_rate: float = option(
        1e-3, "Learning rate at the start of a step (Adam, cosine).", low=1e-12
    )
    final_learning_rate: float = option(1e-8, "Learning rate at the end of a step.", low=0.0)
    label_learning_rate: float = option(
        0.0,
        "Learning rate at the start of the label steps that follow distillation (stage 3 of D4); "
        "0: --learning_rate. A lower one keeps few labels from undoing what was distilled.",
        low=0.0,
    )
    representation_epochs: tuple[int, ...] = option(
        (8,), f"Epochs on the representation loss: {_EPOCHS}.", low=0
    )
    logit_epochs: tuple[int, ...] = option(
        (1, 2, 8, 12),
        f"Epochs on the logit loss, also beside other losses: {_EPOCHS}.",
        low=0,
    )
    label_epochs: tuple[int, ...] = option(
        (10,), f"Epochs on the label loss alone: {_EPOCHS}.", low=0
    )
    select_by: str = option(
        "loss",
        "What chooses the best epoch of a step: validation loss (the paper), or dev F1 or "
        "accuracy.",
        choices=("loss", "metric"),
    )
    transfer_validation: int = option(
        2000, "Transfer sentences held out to validate stages 1 and 2 (at most a tenth).", low=1
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        special = {"strategy", "none"} & set(self.unfreeze)
        if special and len(self.unfreeze) > 1:
            raise ConfigError(
                f"--unfreeze is 'strategy', 'none', or a list of stages. Received: "
                f"unfreeze={','.join(self.unfreeze)}"
            )
        for name in ("learning_rate", "label_learning_rate"):
            start = getattr(self, name) or self.learning_rate
            if self.final_learning_rate > start:
                raise ConfigError(
                    f"--final_learning_rate must not be above --{name}. Received: "
                    f"final_learning_rate={self.final_learning_rate} {name}={start}"
                )


@dataclass(frozen=True)
class RunConfig(Checked):
    """Where, how far, on what."""

    output_dir: str = option("out", "Directory of the run: everything it makes goes there.")
    stage: str = option(
        "all",
        "How far to go; whatever that needs and is not there yet is made first. all: to scores and "
        "export.",
        choices=STAGES,
    )
    seed: int = option(1, "Seed of the student's weights, batches and dropout.", low=0)
    export: bool = option(True, "Export the student as a SavedModel at the end of --stage=all.")
    overwrite: bool = option(False, "Make again what another configuration left in --output_dir.")
    jit_compile: bool = option(
        False, "Compile training with XLA: slower on a CPU, measure it on a GPU."
    )
    mixed_precision: str = option(
        "off", "Half-precision arithmetic in training.", choices=("off", "float16", "bfloat16")
    )
    shared_dir: str = option(
        "",
        "Folder where several runs share the parts that they have in common: data, teacher, "
        "targets, steps. Empty: each run keeps its own in --output_dir.",
    )
    save_every: float = option(
        300.0, "Seconds between two saves of a training step's state.", low=0.0
    )
    deterministic: bool = option(
        False,
        "Make a GPU give the same weights twice (TensorFlow's op determinism); slower. A CPU does "
        "so anyway.",
    )
    targets: str = option(
        "stored",
        "Where the teacher's targets come from. stored: one pass, kept on disk. live: the teacher "
        "runs inside each training step, for a transfer set whose targets the disk cannot hold.",
        choices=("stored", "live"),
    )
    distribution: str = option(
        "none",
        "Devices to train on, with tf.distribute. none: one. mirrored: all GPUs of this machine. "
        "multi_worker: all workers that TF_CONFIG names, which share --output_dir.",
        choices=("none", "mirrored", "multi_worker"),
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.jit_compile and self.distribution != "none":
            raise ConfigError(
                "--jit_compile goes with --distribution=none: replicas exchange gradients inside "
                f"the step, which XLA cannot compile. Received: distribution={self.distribution}"
            )
