"""The model to distil into."""

from dataclasses import dataclass

from xtremedistil.config.option import Checked, option
from xtremedistil.runtime.errors import ConfigError


@dataclass(frozen=True)
class StudentConfig(Checked):
    """The model to distil into."""

    student: str = option(
        "bilstm",
        "Encoder of the student: one BiLSTM, or Transformer blocks of width --embedding_dim.",
        choices=("bilstm", "transformer"),
        decides=("steps",),
    )
    embedding_dim: int = option(
        300, "Width E of the student's word embeddings.", low=1, decides=("vectors", "steps")
    )
    hidden_size: int = option(
        600, "Units H of each direction of the BiLSTM.", low=1, decides=("steps",)
    )
    depth: int = option(2, "Blocks of a Transformer student.", low=1, decides=("steps",))
    dropout: float = option(
        0.2,
        "Dropout after embeddings, encoder and projection.",
        low=0.0,
        high=0.99,
        decides=("steps",),
    )
    embeddings: str = option(
        "svd",
        "Start of the word embeddings (Table 14). svd: truncated SVD of the fine-tuned teacher's "
        "table; svd-pretrained: of the checkpoint's; teacher: the fine-tuned table itself; "
        "ppa-14, ppa-17: PCA with post-processing; glove, fasttext: --vector_file; random.",
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
        decides=("steps",),
    )
    embedding_map: float = option(
        3.0,
        "What word embeddings learn together, where they start from the teacher's table: a linear "
        "map of the teacher's row of a piece is added to each, and is part of the table once a "
        "step is trained. This is the length that those rows are given (root mean square): the "
        "longer, the faster the map learns. 0: each row learns by itself, as in the paper.",
        low=0.0,
        decides=("steps",),
        before=0.0,
    )
    vector_file: str = option(
        "",
        "Text file of vectors for --embeddings=glove or fasttext: `token v1 ... vE` a line.",
        decides=("vectors", "steps"),
        by_value=False,
    )
    vocabulary_min_count: int = option(
        1,
        "How often a piece must occur in the text that decides the student's vocabulary to have a "
        "row in its table; rarer ones read another's (--other_pieces): a smaller model. 1: every "
        "piece that occurs.",
        low=1,
        decides=("vectors", "rows", "steps"),
        before=1,
    )
    other_pieces: str = option(
        "nearest",
        "What a piece reads that has no row in the student's table. nearest: the row of the piece "
        "that is most alike in the teacher's table; unknown: the unknown piece's.",
        choices=("nearest", "unknown"),
        decides=("steps",),
        before="unknown",
    )
    other_rows: int = option(
        0,
        "Rows to add to the table of a trained student for pieces that have none of their own, "
        "with --other_pieces=nearest: ridge regression from the teacher's table to the trained "
        "rows predicts them, and pieces that are alike share one. 0: none, such pieces read the "
        "nearest trained row; as many as there are such pieces, or more: one for each.",
        low=0,
        decides=("added rows",),
        before=0,
    )
    projection: str = option(
        "gelu",
        "Activation of the projection to the teacher's width. linear: a faster student, since it "
        "is multiplied into the head, at some F1.",
        choices=("gelu", "linear"),
        decides=("steps",),
        before="gelu",
    )
    heads_on: str = option(
        "projection",
        "What the heads read: the projected representation (Table 4), or the encoder's states "
        "(Eq. 1 and 3).",
        choices=("projection", "states"),
        decides=("steps",),
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.other_rows and self.other_pieces == "unknown":
            raise ConfigError(
                "--other_rows adds rows for pieces that --other_pieces=unknown makes the unknown "
                f"piece: give one of them. Received: other_rows={self.other_rows} "
                f"other_pieces={self.other_pieces}"
            )
        if (self.embeddings in ("glove", "fasttext")) != bool(self.vector_file):
            raise ConfigError(
                "--vector_file goes with --embeddings=glove or fasttext, and they with it. "
                f"Received: embeddings={self.embeddings} vector_file={self.vector_file!r}"
            )
