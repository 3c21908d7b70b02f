"""The numbers of the paper, as printed: Tables 1 to 17, and what its text says of Figures 1 to 3.

S. Mukherjee and A. Awadallah, *Multi-stage Distillation Framework for Massive Multi-lingual NER*
(ACL 2020). None stands for a cell that the paper leaves empty. Counts that the paper abbreviates
(705K, 7.2MM) are written out. The figures' points are given in no other place than these tables.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Published:
    """One table of the paper.

    Attributes:
        title: its caption, shortened.
        columns: a name for each column, good as a key.
        rows: the cells: scores in percent, parameters in millions, sizes in sentences (those of
            Table 17 in thousands); the paper prints no unit of Table 15's latency.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]

    def records(self) -> list[dict[str, Any]]:
        """The rows, each by column name."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]

    def column(self, name: str) -> list[Any]:
        """All cells of a column, from the top."""
        return [row[self.columns.index(name)] for row in self.rows]


@dataclass(frozen=True)
class PublishedFigure:
    """One figure of the paper.

    Attributes:
        title: its caption, shortened.
        table: the table that prints its points.
        says: what the text concludes from it.
    """

    title: str
    table: int
    says: str


TABLES: Mapping[int, Published] = {
    1: Published(
        "Data sets",
        ("dataset", "labels", "train", "test", "unlabeled"),
        (
            ("Wikiann-41", 11, 705_000, 329_000, 7_200_000),
            ("IMDB", 2, 25_000, 25_000, 50_000),
            ("DBPedia", 14, 560_000, 70_000, None),
            ("AG News", 4, 120_000, 7_600, None),
            ("Elec", 2, 25_000, 25_000, 200_000),
        ),
    ),
    2: Published(
        "Distillation strategies of related work",
        ("work", "pretraining", "constrained by teacher architecture", "strategy"),
        (
            ("Sanh (2019)", "Y", "Y", "D1"),
            ("Turc et al. (2019)", "Y", "N", "D1"),
            (
                "Liu et al. (2019); Zhu et al. (2019); Shi et al. (2019); Tsai et al. (2019); "
                "Tang et al. (2019); Izsak et al. (2019); Clark et al. (2019)",
                *("N", "N", "D1"),
            ),
            ("Sun et al. (2019)", "N", "Y", "D2"),
            ("Jiao et al. (2019)", "N", "N", "D2"),
            ("Zhao et al. (2019)", "Y", "N", "D2"),
            ("TinyMBERT (ours)", "N", "N", "D4"),
        ),
    ),
    3: Published(
        "Strategies by transfer set: F1 (standard deviation across languages)",
        ("strategy", "features", "f1_0.7", "std_0.7", "f1_1.4", "std_1.4", "f1_7.2", "std_7.2"),
        (
            ("D0", "Labels per lang.", 71.26, 6.2, None, None, None, None),
            ("D0-S", "Labels across all lang.", 81.44, 5.3, None, None, None, None),
            ("D1", "Labels and Logits", 82.74, 5.1, 84.52, 4.8, 85.94, 4.8),
            ("D2", "Labels, Logits and Repr.", 82.38, 5.2, 83.78, 4.9, 85.87, 4.9),
            ("D3.1", "(S1) Repr. (S2) Labels and Logits", 83.10, 5.0, 84.38, 5.1, 86.35, 4.9),
            ("D3.2", "+ Gradual unfreezing", 86.77, 4.3, 87.79, 4.0, 88.26, 4.3),
            ("D4.1", "(S1) Repr. (S2) Logits (S3) Labels", 84.82, 4.7, 87.07, 4.2, 87.87, 4.1),
            ("D4.2", "+ Gradual unfreezing", 87.10, 4.2, 88.64, 3.8, 88.52, 4.1),
        ),
    ),
    4: Published(
        "F1 after every stage and unfrozen layer",
        ("stage", "layer", "f1", "std"),
        (
            (2, "Linear", 0.0, 0.0),
            (2, "Projection", 2.85, 3.9),
            (2, "BiLSTM", 81.64, 5.2),
            (2, "Word Emb", 85.99, 4.4),
            (3, "Softmax", 86.38, 4.2),
            (3, "Projection", 87.65, 3.9),
            (3, "BiLSTM", 88.08, 3.9),
            (3, "Word Emb", 88.64, 3.8),
        ),
    ),
    5: Published(
        "Models, average over languages",
        ("model", "f1", "std"),
        (
            ("MBERT-single", 90.76, 3.1),
            ("MBERT", 91.86, 2.7),
            ("MMNER", 89.20, 2.8),
            ("TinyMBERT", 88.64, 3.8),
        ),
    ),
    6: Published(
        "100 labeled sentences per language, by transfer set",
        ("model", "transfer", "f1"),
        (
            ("MMNER", None, 62.1),
            ("MBERT", None, 79.54),
            ("TinyMBERT", 4_100, 19.12),
            ("TinyMBERT", 705_000, 76.97),
            ("TinyMBERT", 1_300_000, 77.17),
            ("TinyMBERT", 7_200_000, 77.26),
        ),
    ),
    7: Published(
        "SST-2, development set",
        ("model", "transfer", "accuracy"),
        (
            ("BERT Large Teacher", None, 94.95),
            ("TinyBERT", "SST+Imdb", 93.35),
            ("BERT Base Teacher", None, 92.78),
            ("TinyBERT", "SST+Imdb", 92.89),
            ("Sun et al. (2019)", "SST", 92.70),
            ("Turc et al. (2019)", "SST+IMDB", 91.10),
        ),
    ),
    8: Published(
        "Text classification, all labels: accuracy",
        ("dataset", "student", "distil_base", "distil_large", "bert_base", "bert_large"),
        (
            ("Ag News", 89.71, 92.33, 94.33, 92.12, 94.63),
            ("IMDB", 89.37, 91.22, 91.70, 91.70, 93.22),
            ("Elec", 90.62, 93.55, 93.56, 93.46, 94.27),
            ("DbPedia", 98.64, 99.10, 99.06, 99.26, 99.20),
        ),
    ),
    9: Published(
        "Text classification, 500 labels per class: accuracy",
        ("dataset", "student", "distil_large", "bert_large"),
        (
            ("AG News", 85.85, 90.45, 90.36),
            ("IMDB", 61.53, 89.08, 89.11),
            ("Elec", 65.68, 91.00, 90.41),
            ("DBpedia", 96.30, 98.94, 98.94),
        ),
    ),
    10: Published(
        "The best configuration (F1 88.64)",
        ("parameter", "value"),
        (
            ("SVD + MBERT word emb. dim.", "E = 300"),
            ("BiLSTM hidden states", "H = 2 × 600"),
            ("Dropout", "0.2"),
            ("Batch size", "512"),
            ("Teacher layer", "7"),
            ("Optimizer", "Adam"),
        ),
    ),
    11: Published(
        "Dropout",
        ("dropout", "f1"),
        ((1e-4, 87.94), (0.1, 88.36), (0.2, 88.49), (0.3, 88.46), (0.6, 87.26), (0.8, 85.49)),
    ),
    12: Published(
        "Batch size",
        ("batch_size", "f1"),
        ((128, 87.96), (512, 88.4), (1024, 88.24), (2048, 88.13), (4096, 87.63)),
    ),
    13: Published(
        "Teacher layer that the student imitates",
        ("teacher_layer", "f1", "std"),
        (
            (11, 88.46, 3.8),
            (9, 88.31, 3.8),
            (7, 88.64, 3.8),
            (6, 88.64, 3.8),
            (4, 88.19, 4.0),
            (2, 88.50, 4.0),
            (1, 88.51, 4.0),
        ),
    ),
    14: Published(
        "Word embeddings that the student starts from",
        ("embeddings", "f1", "std"),
        (
            ("SVD + MBERT (fine-tuned)", 88.64, 3.8),
            ("MBERT (fine-tuned)", 88.60, 3.9),
            ("SVD + MBERT (pre-trained)", 88.54, 3.9),
            ("PCA + PPA (d=14)", 88.35, 3.9),
            ("PCA + PPA (d=17)", 88.25, 4.0),
            ("Glove", 88.16, 4.0),
            ("FastText", 87.91, 3.9),
            ("Random", 87.43, 4.1),
        ),
    ),
    # A row pairs a BiLSTM with a Transformer of about equal latency, whose unit is not printed.
    15: Published(
        "BiLSTM and Transformer students without distillation (D0-S)",
        (
            *("embedding_dim", "hidden_size", "f1", "parameters", "latency"),
            *("transformer_dim", "depth", "transformer_parameters", "transformer_latency"),
            "transformer_f1",
        ),
        (
            (50, 100, 80.26, 4.7, 0.311, 48, 2, 4.4, 0.307, 76.67),
            (200, 100, 79.21, 18.1, 0.354, 144, 1, 13.4, 0.357, 78.49),
            (300, 100, 79.63, 27.0, 0.385, 72, 2, 6.7, 0.388, 77.98),
            (50, 200, 81.22, 5.1, 0.472, 96, 2, 9.0, 0.47, 79.19),
            (300, 200, 80.04, 27.7, 0.593, 132, 2, 12.5, 0.6, 80.0),
            (50, 400, 81.98, 6.5, 0.892, 204, 2, 19.7, 0.88, 80.96),
            (200, 400, 80.61, 20.2, 0.978, 228, 2, 22.1, 0.979, 80.87),
            (100, 400, 81.54, 11.1, 1.0, 240, 2, 23.3, 1.03, 80.79),
            (300, 400, 80.16, 29.4, 1.06, 252, 2, 24.6, 1.075, 80.84),
            (50, 600, 81.78, 8.5, 1.5, 228, 3, 22.7, 1.448, 83.75),
            (100, 600, 81.94, 13.1, 1.53, 240, 3, 24.0, 1.498, 84.07),
            (200, 600, 80.7, 22.5, 1.628, 252, 3, 25.3, 1.591, 84.08),
            (300, 600, 81.42, 31.8, 1.766, 276, 3, 28.0, 1.742, 84.06),
        ),
    ),
    # Speed at batch 1 on a Xeon E5-2690 v4, at batch 32 on a P100; strategy D4.
    16: Published(
        "Compression and speedup by embedding width E and BiLSTM width H",
        (
            *("embedding_dim", "hidden_size", "f1", "std", "parameters", "compression"),
            *("speedup_batch_32", "speedup_batch_1"),
        ),
        (
            (300, 600, 88.64, 3.8, 31.8, 5.6, 14, 8),
            (200, 600, 88.5, 3.8, 22.5, 8.0, 15, 9),
            (300, 400, 88.21, 4.0, 29.4, 6.1, 23, 11),
            (200, 400, 88.16, 3.9, 20.2, 8.9, 25, 12),
            (100, 600, 87.93, 4.1, 13.1, 13.7, 16, 9),
            (100, 400, 87.7, 4.0, 11.1, 16.1, 24, 13),
            (50, 600, 87.67, 4.0, 8.5, 21.1, 16, 10),
            (300, 200, 87.54, 4.1, 27.7, 6.5, 40, 15),
            (200, 200, 87.47, 4.2, 18.7, 9.6, 46, 16),
            (50, 400, 87.19, 4.3, 6.5, 27.5, 27, 13),
            (100, 200, 86.89, 4.2, 9.6, 18.6, 49, 15),
            (50, 200, 86.46, 4.3, 5.1, 35.1, 51, 16),
            (300, 100, 86.19, 4.3, 27.0, 6.6, 62, 16),
            (200, 100, 85.88, 4.4, 18.1, 9.9, 68, 17),
            (100, 100, 85.64, 4.5, 9.2, 19.5, 74, 15),
            (50, 100, 84.6, 4.7, 4.7, 38.1, 77, 16),
        ),
    ),
    17: Published(
        "F1 by language",
        ("language", "train", "TinyMBERT", "MBERT-single", "MBERT", "MMNER"),
        (
            ("af", 5, 87, 89, 91, 84),
            ("hi", 5, 84, 85, 88, 85),
            ("sq", 5, 91, 93, 93, 88),
            ("bn", 10, 91, 83, 95, 95),
            ("lt", 10, 87, 89, 90, 86),
            ("lv", 10, 90, 92, 93, 91),
            ("mk", 10, 92, 93, 94, 91),
            ("tl", 10, 94, 88, 95, 93),
            ("bs", 15, 91, 93, 93, 92),
            ("et", 15, 89, 92, 91, 90),
            ("sl", 15, 92, 93, 94, 92),
            ("ta", 15, 77, 82, 84, 84),
            ("ar", 20, 85, 88, 89, 88),
            ("bg", 20, 90, 93, 93, 90),
            ("ca", 20, 91, 94, 93, 91),
            ("cs", 20, 91, 92, 93, 90),
            ("da", 20, 91, 93, 93, 90),
            ("de", 20, 84, 89, 89, 86),
            ("el", 20, 86, 90, 90, 89),
            ("en", 20, 78, 83, 84, 81),
            ("es", 20, 90, 92, 93, 90),
            ("fa", 20, 90, 92, 93, 93),
            ("fi", 20, 89, 91, 92, 89),
            ("fr", 20, 87, 91, 91, 88),
            ("he", 20, 79, 85, 85, 85),
            ("hr", 20, 90, 92, 93, 89),
            ("hu", 20, 90, 93, 93, 90),
            ("id", 20, 92, 92, 93, 91),
            ("it", 20, 88, 93, 92, 89),
            ("ms", 20, 90, 92, 93, 91),
            ("nl", 20, 89, 93, 92, 89),
            ("no", 20, 91, 93, 93, 90),
            ("pl", 20, 88, 91, 92, 89),
            ("pt", 20, 89, 92, 93, 90),
            ("ro", 20, 93, 94, 94, 92),
            ("ru", 20, 85, 88, 90, 86),
            ("sk", 20, 92, 93, 94, 91),
            ("sv", 20, 94, 95, 95, 93),
            ("tr", 20, 90, 92, 93, 90),
            ("uk", 20, 88, 92, 93, 89),
            ("vi", 20, 89, 91, 92, 88),
        ),
    ),
}

FIGURES: Mapping[int, PublishedFigure] = {
    1: PublishedFigure(
        "F1 of the student against parameter compression and inference speedup",
        16,
        "Narrower embeddings compress much and lose little F1, but hardly speed up; a narrower "
        "BiLSTM speeds up, and loses more. E 50, H 200 is 35 times smaller and 51 times faster.",
    ),
    2: PublishedFigure(
        "F1 by language, with the number of training sentences",
        17,
        "All models follow one trend, with aberrations where training labels are few.",
    ),
    3: PublishedFigure(
        "BiLSTM and Transformer students at equal latency, without distillation (D0-S)",
        15,
        "At low latency BiLSTMs beat Transformers of two blocks; from three blocks on, at a "
        "higher latency, Transformers are better.",
    ),
}
