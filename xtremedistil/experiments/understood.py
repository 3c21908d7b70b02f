"""What a run has understood of its files and of its teacher, said before any long work.

A run that read the wrong column, lost the ends of its texts or scores sentences that it was trained
on would give a number all the same. Here is what its owner can check at a glance. All of it comes
from the beginnings of files and from the data as it is encoded anyway; where there is more than
`_MOST_SHARDS` shards of transfer text, the first ones, which are a random sample, stand for all.
"""

from dataclasses import dataclass

import numpy as np

from xtremedistil.data.formats import Example, layout_of
from xtremedistil.data.labels import LabelSet
from xtremedistil.data.ragged import Ragged
from xtremedistil.data.schemes import BEGIN, END, OUTSIDE, SINGLE
from xtremedistil.data.sources import Reader, reads_raw_text, rules_of
from xtremedistil.data.unlabeled import AGREEMENT, DEV, TEST
from xtremedistil.experiments.agreement import undefined_f1
from xtremedistil.experiments.run import Run
from xtremedistil.teachers.teacher import Checkpoint

UNDERSTOOD = "understood.json"
_SPLITS = ("train", DEV, AGREEMENT, TEST)
_MOST_SHARDS = 50
WHOLE_PERCENT = 99  # percent of the texts that the advice on --max_seq_length has read whole
SHOWN_WORDS = 12


@dataclass(frozen=True, kw_only=True)
class SplitFiles:
    """The files of a split.

    Attributes:
        number: of them.
        path: of the first one.
        format: its format, as `--data_format` says it.
        layout: its columns or fields, in words; "" where the format leaves no choice.
        words, tags: of its first sentence or text, cut; `tags` is empty of unlabeled text.
        raw_text: whether its words are those that a student finds in raw text.
    """

    number: int
    path: str
    format: str
    layout: str
    words: list[str]
    tags: list[str]
    raw_text: bool


@dataclass(frozen=True, kw_only=True)
class Lengths:
    """How much of some sentences training sees.

    Attributes:
        sentences: that were looked at.
        longer: those that have more pieces than `--max_seq_length`.
        pieces: of all of them.
        lost: pieces that training does not see.
        whole: a `--max_seq_length` that reads 99% of the sentences whole.
    """

    sentences: int
    longer: int
    pieces: int
    lost: int
    whole: int

    @property
    def percent_lost(self) -> float:
        """Of the pieces."""
        return 100 * self.lost / max(1, self.pieces)


@dataclass(frozen=True, kw_only=True)
class TeacherRead:
    """The teacher, as its folder describes it.

    Attributes:
        name: as `--teacher` gives it.
        family, blocks, width, max_positions: of its encoder.
        tokenizer: its kind.
        pieces: of its vocabulary.
        casing: what becomes of capitals and accents, in words.
        added_tokens: beyond the vocabulary; none is ever looked for in text.
        head: classes of its head for the task; empty where it has none.
        ready: whether it is used as it is, and not fine-tuned.
    """

    name: str
    family: str
    blocks: int
    width: int
    max_positions: int
    tokenizer: str
    pieces: int
    casing: str
    added_tokens: list[str]
    head: list[str]
    ready: bool


@dataclass(frozen=True, kw_only=True)
class Understood:
    """What a run has understood.

    Attributes:
        task: `ner` or `classification`.
        max_seq_length: pieces of a sentence that training sees.
        files: by split.
        sentences_per_language: by split and language.
        labels: how many entities of each type, or texts of each class, by split.
        repaired_tags: I- tags that began an entity and were made B-.
        lengths: of training sentences and of transfer texts, by `train` and `transfer`.
        transfer_texts: of the transfer set; 0 where none is made.
        cut_texts, windows: how many of them were too long for training, and of how many windows
            they are.
        test_in_train: test sentences that occur in the labeled training data.
        test_in_transfer: test sentences that occur in transfer text.
        transfer_looked_at: transfer rows that were looked at for lengths and for test sentences.
        teacher: its checkpoint.
    """

    task: str
    max_seq_length: int
    files: dict[str, SplitFiles]
    sentences_per_language: dict[str, dict[str, int]]
    labels: dict[str, dict[str, int]]
    repaired_tags: int
    lengths: dict[str, Lengths]
    transfer_texts: int
    cut_texts: int
    windows: int
    test_in_train: int
    test_in_transfer: int
    transfer_looked_at: int
    teacher: TeacherRead


def understand(run: Run, with_transfer: bool) -> Understood:
    """What a run has understood, from its data as it is encoded.

    Args:
        run: whose labeled data, and transfer set if it is asked for, are made where they are not.
        with_transfer: whether the run has a transfer set.

    Raises:
        DataError: the data is not as it must be, or has nothing to choose steps by as asked for.
    """
    data = run.config.data
    known = run.data.prepare_labeled()
    counts = known["sentences_per_language"]
    order = [name for name in _SPLITS if name in counts]
    splits = {name: run.data.split(name, cut=False) for name in order}
    labels = run.data.read_labels()
    lengths: dict[str, Lengths] = {}
    if "train" in splits:
        lengths["train"] = _lengths(run, [splits["train"]])
    shards: list[Ragged] = []
    made = run.data.prepare_transfer() if with_transfer else {}
    if with_transfer:
        names = run.data.read_manifest().names[:_MOST_SHARDS]
        shards = [Ragged.load(run.parts.transfer.path(name)) for name in names]
        lengths["transfer"] = _lengths(run, shards)
    counted = {
        name: _count_labels(rows, labels)
        for name, rows in splits.items()
        if "labels" in {**rows.pieces, **rows.sentences}
    }
    steps = run.student.plan_steps() if with_transfer else []
    if DEV in counted:
        for language in dict.fromkeys(s.language for s in steps if s.select_by == "metric"):
            own = run.data.split(DEV, cut=False, language=language)
            if not any(_count_labels(own, labels).values()):
                raise undefined_f1(run.config.distillation.select_by, language)
    test = splits["test"].sentences["hash"] if "test" in splits else np.zeros(0, np.uint64)
    train = splits["train"].sentences["hash"] if "train" in splits else test[:0]
    others = [shard.sentences["hash"] for shard in shards]
    return Understood(
        task=data.task,
        max_seq_length=data.max_seq_length,
        files=_files(run),
        sentences_per_language={name: counts[name] for name in order},
        labels=counted,
        repaired_tags=known["repaired_tags"],
        lengths=lengths,
        transfer_texts=made.get("texts", 0),
        cut_texts=made.get("cut_texts", 0),
        windows=made.get("windows", 0),
        test_in_train=int(np.isin(test, train).sum()),
        test_in_transfer=int(np.isin(test, np.concatenate([train[:0], *others])).sum()),
        transfer_looked_at=sum(map(len, shards)),
        teacher=_teacher(run),
    )


def _files(run: Run) -> dict[str, SplitFiles]:
    found = {}
    for split, sources in run.sources.items():
        if not sources:
            continue
        raw = split == "transfer" and reads_raw_text(run.read_data, run.sources)
        first = sources[0]
        example: Example = next(Reader(run.read_data, raw).examples(sources[:1]))
        tags = example.tags or []
        found[split] = SplitFiles(
            number=len(sources),
            path=first.path,
            format=first.file_format,
            layout=layout_of(first.path, first.file_format, rules_of(run.read_data)),
            words=example.words[:SHOWN_WORDS],
            tags=tags[:SHOWN_WORDS],
            raw_text=raw,
        )
    return found


def _lengths(run: Run, parts: list[Ragged]) -> Lengths:
    """Lengths of sentences; of transfer text that is cut into windows nothing is lost."""
    limit, most = run.config.data.max_seq_length, run.checkpoint.config.max_positions
    lengths = np.concatenate([np.zeros(0, np.int64), *(part.lengths for part in parts)])
    beyond = np.maximum(lengths - limit, 0)
    whole = int(np.percentile(lengths, WHOLE_PERCENT)) if len(lengths) else limit
    return Lengths(
        sentences=len(lengths),
        longer=int((beyond > 0).sum()),
        pieces=int(lengths.sum()),
        lost=int(beyond.sum()),
        whole=min(most, -(-whole // 8) * 8),
    )


def _count_labels(rows: Ragged, labels: LabelSet) -> dict[str, int]:
    """How many texts there are of each class, or entities of each type."""
    if labels.task != "ner":
        numbers = np.bincount(rows.sentences["labels"], minlength=len(labels))
        return {labels.names[i]: int(numbers[i]) for i in labels.entity_ids}
    places = np.flatnonzero(rows.pieces["first"])
    classes = rows.pieces["labels"][places].astype(int)
    parts = [labels.scheme.part(labels.names[i]) for i in labels.entity_ids]
    types = sorted({part.type for part in parts if part.role != OUTSIDE})
    type_of, starts, ends = np.full((3, len(labels)), -1)
    for i, part in zip(labels.entity_ids, parts, strict=True):
        type_of[i] = types.index(part.type) if part.role != OUTSIDE else -1
        starts[i], ends[i] = part.role in (BEGIN, SINGLE), part.role in (END, SINGLE)
    type_here = type_of[classes]
    type_before = np.concatenate([[-1], type_here[:-1]])[: len(places)]
    ended = np.concatenate([[1], ends[classes][:-1]])[: len(places)] == 1
    sentence = np.searchsorted(rows.offsets, places, side="right")
    begins = np.concatenate([[True], sentence[1:] != sentence[:-1]])[: len(places)]
    begins |= ended | (type_before != type_here) | (starts[classes] == 1)
    if "begins" in rows.pieces:
        begins |= rows.pieces["begins"][places] == 1
    numbers = np.bincount(type_here[begins & (type_here >= 0)], minlength=len(types))
    return dict(zip(types, numbers.tolist(), strict=True))


def _teacher(run: Run) -> TeacherRead:
    checkpoint: Checkpoint = run.checkpoint
    shape, tokenizer = checkpoint.config, checkpoint.tokenizer
    return TeacherRead(
        name=run.config.teacher.teacher,
        family=checkpoint.family.name,
        blocks=shape.blocks,
        width=shape.width,
        max_positions=shape.max_positions,
        tokenizer=tokenizer.kind,
        pieces=len(tokenizer),
        casing=tokenizer.casing,
        added_tokens=list(checkpoint.added_tokens),
        head=list(checkpoint.labels.names) if checkpoint.labels else [],
        ready=run.ready_teacher,
    )
