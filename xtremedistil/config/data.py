"""Which sentences a run reads, and how."""

from dataclasses import dataclass

from xtremedistil.config.option import Checked, option
from xtremedistil.runtime.errors import ConfigError

TASKS = ("ner", "classification")
_LENGTHS = {"ner": 32, "classification": 128}  # what training sees of a text, by default
_LEAST_LENGTH = 3
DATA_FORMATS = ("conll", "tsv", "classification", "jsonl", "csv", "parquet", "fasttext")


@dataclass(frozen=True)
class DataConfig(Checked):
    """Which sentences, read how."""

    data_dir: str = option(
        "",
        "Folder of labeled data: train, dev and test files, or one folder of them per language "
        "(LANG/train.tsv), and perhaps transfer.txt. Without training files, a teacher that has a "
        "head for the task is distilled from unlabeled text alone. Empty: no labeled data where "
        "there is a --transfer_file, else the embedded sample corpus.",
        decides=("labeled", "transfer"),
        by_value=False,
    )
    transfer_file: tuple[str, ...] = option(
        ("",),
        "Unlabeled text for the transfer set, one sentence a line, or JSON lines, CSV or Parquet "
        "with a field of text (--text_field): files, folders of them, or patterns such as "
        "news/*.txt, with commas between them. The training sentences always belong to the "
        "transfer set.",
        decides=("transfer",),
        by_value=False,
    )
    transfer_text: str = option(
        "auto",
        "How unlabeled text is split into words. raw: as a student splits the text that it serves, "
        "punctuation apart. words: at white space, for text in the tokens of labeled data. auto: "
        "raw where there are no training labels, else words.",
        choices=("auto", "raw", "words"),
        decides=("transfer",),
        by_value=False,
    )
    long_texts: str = option(
        "windows",
        "What becomes of transfer text beyond --max_seq_length. windows: it is cut between words "
        "into as many texts as it takes. cut: what is beyond is left out, as in the paper.",
        choices=("windows", "cut"),
        decides=("transfer",),
        by_value=False,
    )
    agreement_test: int = option(
        2000,
        "Unlabeled texts held out of training, at most a tenth, on which the student's answers "
        "are compared with the teacher's, where there are no training labels.",
        low=1,
        decides=("labeled",),
        by_value=False,
    )
    task: str = option(
        "ner",
        "What the labels are: tags of words, or one class per text.",
        choices=TASKS,
        decides=("labeled",),
    )
    data_format: str = option(
        "auto",
        "Format of the labeled files: told by their content, or forced. conll: one "
        "`token<TAB>tag` a line, blank lines between sentences. tsv: `text<TAB>tags`. "
        "classification: `text<TAB>label`. jsonl, csv, parquet: records with named fields. "
        "fasttext: `__label__x text`.",
        choices=("auto", *DATA_FORMATS),
        decides=("labeled",),
    )
    token_column: str = option(
        "",
        "Column or field of the tokens, or of the text, in labeled files: its number from 1, or "
        "its name. Empty: as the file says.",
        decides=("labeled",),
        before="",
    )
    tag_column: str = option(
        "",
        "Column or field of the tags, spans or labels in labeled files: its number from 1, or its "
        "name. Empty: as the file says.",
        decides=("labeled",),
        before="",
    )
    tag_scheme: str = option(
        "auto",
        "How tags mark entities: told by those of each file, or forced. They are read as iob2, "
        "without loss.",
        choices=("auto", "iob2", "iob1", "bioes", "bilou", "io", "brackets"),
        decides=("labeled",),
        before="auto",
    )
    tag_names: tuple[str, ...] = option(
        (),
        "Names of tags or labels that are numbers in JSON lines or Parquet, in the order of the "
        "numbers, with commas.",
        decides=("labeled",),
        before=(),
    )
    text_field: str = option(
        "",
        "Field of the text in transfer files that are JSON lines, CSV or Parquet: its name, or "
        "the number of a column from 1. Empty: the one whose name is known, such as text.",
        decides=("transfer",),
        before="",
    )
    repair_iob2: bool = option(
        False,
        "Turn an I- tag that continues no entity into a B- tag, and count them, instead of "
        "stopping.",
        decides=("labeled",),
    )
    max_seq_length: int = option(
        0,
        "Wordpieces of a sentence that training sees, [CLS] and [SEP] included. 0: 32 for tags of "
        "words, as in the paper; 128 for classes of texts, which are longer than sentences.",
        low=0,
        decides=("teacher", "targets", "steps"),
    )
    truncate_scoring: bool = option(
        False,
        "Cut sentences at --max_seq_length in scoring too, as the paper does: a word cut off "
        "counts as O.",
        decides=("scores",),
        by_value=False,
    )
    max_words: int = option(
        5000,
        "A longer 'sentence' is refused: it is a document that was never split.",
        low=1,
        decides=("labeled",),
    )
    labeled_per_language: int = option(
        0,
        "Labeled training sentences to use per language, sampled (0: all).",
        low=0,
        decides=("labeled",),
    )
    dev_per_language: int = option(
        0, "Development sentences per language, sampled (0: all).", low=0, decides=("labeled",)
    )
    transfer_per_language: int = option(
        0,
        "Transfer sentences to use per language, sampled (0: all); the labeled ones always belong "
        "to them. The transfer set has so many times the number of languages: what the languages' "
        "own sentences leave of that, text without a language (--transfer_file) fills.",
        low=0,
        decides=("transfer",),
    )
    transfer_variants: int = option(
        0,
        "Variants of each transfer sentence that the teacher answers for too, where text is short: "
        "three in ten of its words' pieces are replaced by ones that mean nearly the same in the "
        "teacher's table. They are not counted by --transfer_per_language, and none validates.",
        low=0,
        decides=("transfer",),
        before=0,
    )
    test_per_language: int = option(
        0, "Test sentences per language, sampled (0: all).", low=0, decides=("labeled",)
    )
    vocabulary_transfer: int = option(
        0,
        "Transfer sentences per language that decide the student's vocabulary, so that runs with "
        "smaller transfer sets compare. It counts only where it is above --transfer_per_language "
        "(0, or below it: the transfer set's own).",
        low=0,
        decides=("vocabulary",),
        by_value=False,
    )
    data_seed: int = option(
        0, "Seed of every sampling and shuffling of sentences on disk.", low=0, decides=("labeled",)
    )
    data_workers: int = option(
        0,
        "Processes that encode the transfer set's text, where there is much of it (0: one for each "
        "core). Whatever their number, the result is the same.",
        low=0,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.max_seq_length:
            object.__setattr__(self, "max_seq_length", _LENGTHS[self.task])
        if self.max_seq_length < _LEAST_LENGTH:
            raise ConfigError(
                f"--max_seq_length must be 0 or at least {_LEAST_LENGTH}: a piece between two "
                f"markers. Received: max_seq_length={self.max_seq_length}"
            )
