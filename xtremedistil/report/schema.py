"""The files that runs and sweeps leave for reports, and all that is in them.

Whoever writes such a file builds these classes, and whoever reads it gets them back
(`runtime.typed_json`), so that no name of a key stands on both sides. A field whose default is None
is left out of a file where it is None: it came later, or belongs to one task. Any other is written,
and must be there to be read unless it may be None.
"""

from dataclasses import dataclass, field
from typing import Any

RESULTS, SWEEP, LATENCY = "results.json", "sweep.json", "latency.json"
DISAGREEMENTS, PAGE = "disagreements.json", "report.html"
METRICS = {"ner": "f1", "classification": "accuracy"}
LABELED, TEST, TRANSFER = "labeled data", "test", "transfer set"  # parts that have a fingerprint
TEACHER, STUDENT = "teacher", "student"
# The flags that are a student's size, by its kind, for results of before they said so.
SIZE_FLAGS = {"bilstm": ("embedding_dim", "hidden_size"), "transformer": ("embedding_dim", "depth")}
WEIGHTS = ("alpha", "beta", "gamma")  # flags: the weights of a joint loss (Eq. 7)


def shown_score(mean: float | None, std: float | None) -> str:
    """Mean and standard deviation for a reader."""
    if mean is None:
        return "undefined (no entity is there)"
    return f"{mean:.2f} (std. dev. {std:.2f})"


@dataclass(frozen=True, kw_only=True)
class Score:
    """A score in percent: its mean over languages, their standard deviation, and each; None where
    nothing was there to be found."""

    mean: float | None
    std: float | None
    per_language: dict[str, float | None]

    def __str__(self) -> str:
        return shown_score(self.mean, self.std)


@dataclass(frozen=True, kw_only=True)
class Metric:
    """The one metric of a model's task."""

    f1: Score | None = None
    accuracy: Score | None = None

    @property
    def score(self) -> Score | None:
        """F1 or accuracy."""
        return self.f1 or self.accuracy


@dataclass(frozen=True, kw_only=True)
class Scores(Metric):
    """All scores of a model on the test set, and what they cost."""

    precision: Score | None = None
    recall: Score | None = None
    f1_strict: Score | None = None
    f1_per_type: dict[str, float] | None = None
    f1_per_class: dict[str, float] | None = None
    precision_per_class: dict[str, float] | None = None
    recall_per_class: dict[str, float] | None = None
    words_cut_off: int | None = None
    seconds: float | None = None
    processor_seconds: float | None = None
    peak_memory_bytes: float | None = None


@dataclass(frozen=True, kw_only=True)
class Agreement(Metric):
    """How far the student's answers are the teacher's, on held-out text without labels. It says
    nothing of how right either is.

    Attributes:
        f1, accuracy: of the student, with the teacher's answers in the place of labels. Text
            without a language counts as the language `all`.
        sentences: how many are compared.
        interval: the 95% interval of the mean.
        word_accuracy: percent of words with the same tag.
        f1_per_type: by type of entity, over all texts.
    """

    sentences: int
    interval: list[float]
    word_accuracy: Score | None = None
    f1_per_type: dict[str, float] | None = None


@dataclass(frozen=True, kw_only=True)
class Epoch:
    """An epoch of training; 0 is the state before the first."""

    epoch: int
    loss: float | None
    validation_loss: float | None
    metric: float | None
    seconds: float | None = None
    waiting_seconds: float | None = None


@dataclass(frozen=True, kw_only=True)
class Teacher(Scores):
    """The teacher, or one per language, which have no parameters and no history here."""

    name: str
    fine_tuned: bool | None = None
    parameters: int | None = None
    history: list[Epoch] | None = None


@dataclass(frozen=True, kw_only=True)
class Student(Scores):
    """The deployed student, or one per language.

    Attributes:
        dev: of the development set; in a run without training labels, the agreement with the
            teacher on development text.
        bytes: of its folder; of several students, the largest one's.
        kind: the flag --student.
        size: its flags and their values, the embeddings' width first.
    """

    parameters: int
    shape: dict[str, Any]
    bytes: int | None = None
    folder: str | None = None
    models: int | None = None
    dev: Metric | None = None
    kind: str | None = None
    size: dict[str, int] | None = None


@dataclass(frozen=True, kw_only=True)
class Step(Metric):
    """A step of distillation: a row of Table 4.

    Attributes:
        newest: the layer that it unfroze, or `all`.
        best_epoch: the place in `history` of the epoch whose weights were kept.
        waiting_seconds: of its time, for batches.
        constant_loss: of one answer for all texts; None where the loss has no such measure.
        agreement: with the teacher, in a run without training labels.
    """

    name: str
    stage: int
    newest: str
    seconds: float
    best_epoch: int
    history: list[Epoch]
    language: str | None
    waiting_seconds: float | None
    constant_loss: float | None
    trained: list[str] | None = None
    processor_seconds: float | None = None
    peak_memory_bytes: float | None = None
    agreement: Score | None = None


@dataclass(frozen=True, kw_only=True)
class Unseen:
    """Scores on test sentences that are in no training or transfer set."""

    sentences: int
    teacher: Score | None = None
    student: Score | None = None


@dataclass(frozen=True, kw_only=True)
class Transfer:
    """The transfer set.

    Attributes:
        sentences: that training reads: texts, and windows of those too long for it.
        texts: that they are of.
        cut_texts, windows: how many of them were too long, and of how many windows they are.
    """

    sentences: int
    pieces: int | None = None
    longest: int | None = None
    held_out: int | None = None
    texts: int | None = None
    cut_texts: int | None = None
    windows: int | None = None


@dataclass(frozen=True, kw_only=True)
class Data:
    """The labeled data and, where there is one, the transfer set."""

    sentences_per_language: dict[str, dict[str, int]]
    splits_from: dict[str, str] | None = None
    repaired_tags: int | None = None
    languages: list[str] | None = None
    labels: list[str] | None = None
    transfer: Transfer | None = None


@dataclass(frozen=True, kw_only=True)
class Timing:
    """Milliseconds for one batch: the median, the 5th, 95th and 99th percentile, and how many calls
    they are of."""

    median: float
    low: float | None = None
    high: float | None = None
    top: float | None = None
    calls: int | None = None


@dataclass(frozen=True, kw_only=True)
class Latency:
    """Timings by batch, such as `batch_32`, of sentences of so many pieces: both models in plain
    TensorFlow, and the student in the fastest form that this machine can serve, named `export`."""

    teacher: dict[str, Timing]
    student: dict[str, Timing]
    exported: dict[str, Timing] | None = None
    export: str | None = None
    pieces: int = 32


@dataclass(frozen=True, kw_only=True)
class AnsweredExample:
    """A test sentence, and the exported student's answer: a word and a tag for each, or a class."""

    text: str
    answer: str | list[list[str]]


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What a part of a run cost.

    Attributes:
        seconds: by the clock.
        processor_seconds: over all cores; of a part that was taken up again, since then.
        peak_memory_bytes: of the run's process.
    """

    seconds: float
    processor_seconds: float | None = None
    peak_memory_bytes: float


@dataclass(frozen=True, kw_only=True)
class Hardware:
    """What the numbers were measured on."""

    cpu: str = ""
    cores: int | None = None
    gpus: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class TeacherResults:
    """`results.json` of a run that ends with its teacher, or with one per language (Table 5)."""

    task: str
    teacher: Teacher
    data: Data
    fingerprints: dict[str, str]
    seeds: dict[str, int]
    config: dict[str, dict[str, Any]]
    versions: dict[str, str] | None = None
    hardware: Hardware = Hardware()


@dataclass(frozen=True, kw_only=True)
class RunResults(TeacherResults):
    """`results.json` of a whole run.

    Attributes:
        retained: percent of the teacher's mean score; None where that is undefined, and, as are the
            scores of teacher and student, where there is no labeled test set.
        retained_interval: its 95% interval.
        agreement: with the teacher, in a run without training labels.
        compression: the teacher's parameters over the student's.
        unknown_piece_rate: percent of the test set's pieces that the student's vocabulary lacks.
        parts: what each part of the run cost, by name.
        processor_seconds: of all of them; None where an older version made one.
        idle_flags: those that do nothing in this run.
    """

    strategy: str
    student: Student
    steps: list[Step]
    retained: float | None
    retained_interval: list[float] | None
    compression: float
    latency: Latency
    seconds: float
    unseen: Unseen = Unseen(sentences=0)
    unknown_piece_rate: float | None = None
    saved_model: str | None
    example: AnsweredExample | None
    parts: dict[str, Cost] = field(default_factory=dict)
    processor_seconds: float | None = None
    peak_memory_bytes: float | None = None
    idle_flags: list[str] | None = None
    agreement: Agreement | None = None


@dataclass(frozen=True, kw_only=True)
class SweepRun:
    """A run of a sweep: its name, its folder below the sweep's, the flags that the sweep gives it,
    and its student's size, flags and values."""

    id: str
    folder: str
    axes: dict[str, Any] = field(default_factory=dict)
    size: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class SweepPlan:
    """`sweep.json`: `chosen` are, by strategy, the weights of its joint loss."""

    runs: list[SweepRun]
    name: str = ""
    chosen: dict[str, dict[str, float]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Timed:
    """What a sweep's students cost, side by side in one process."""

    parameters: int
    compression: float
    latency: Latency


@dataclass(frozen=True, kw_only=True)
class SweepLatency:
    """`latency.json`: `rounds` by batch size, and the machine's `load` at the end."""

    runs: dict[str, Timed]
    hardware: Hardware = Hardware()
    versions: dict[str, str] | None = None
    rounds: dict[str, int] | None = None
    load: float | None = None


@dataclass(frozen=True, kw_only=True)
class Sentence:
    """A sentence of `disagreements.json`, which has a list of them by language.

    Attributes:
        words: of the sentence.
        true, teacher, student: a tag per word, or one class for the whole text; `true` is empty
            for text without labels.
    """

    words: list[str]
    true: list[str]
    teacher: list[str]
    student: list[str]
