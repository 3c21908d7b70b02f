"""What a run has understood (`understood`), as text."""

from xtremedistil.data.unlabeled import AGREEMENT
from xtremedistil.experiments.run import Run
from xtremedistil.experiments.understood import (
    SHOWN_WORDS,
    WHOLE_PERCENT,
    SplitFiles,
    TeacherRead,
    Understood,
)
from xtremedistil.runtime.errors import listed

_WORTH_A_WARNING = 5.0  # percent of the pieces that training does not see
_SHOWN_LANGUAGES = 8


def describe(run: Run, found: Understood) -> str:
    """What was understood as text, a line or two for each thing."""
    languages = len(run.data.prepare_labeled()["languages"])
    lines = [
        f"task      {found.task}, {languages} language{'s' * (languages != 1)}, "
        f"{len(run.data.read_labels())} classes",
        *_file_lines(found),
        *_amount_lines(run, found),
        *_teacher_lines(found.teacher),
        *(f"note      {note}" for note in _notes(run, found)),
        *(f"warning   {warning}" for warning in _warnings(run, found)),
    ]
    return "\n".join(lines)


def _file_lines(found: Understood) -> list[str]:
    lines = []
    for split, read in found.files.items():
        others = f" and {read.number - 1} more" if read.number > 1 else ""
        layout = f": {read.layout}" if read.layout else ""
        lines.append(f"{split:<9} {read.path}{others}, read as {read.format}{layout}")
        lines.append(f"          first: {_shown(read)}")
        if split == "transfer":
            how = "as a student splits raw text" if read.raw_text else "at white space"
            lines.append(f"          words: split {how} (--transfer_text)")
    return lines


def _shown(read: SplitFiles) -> str:
    words = [word if len(word) <= 30 else f"{word[:30]}..." for word in read.words]
    more = " ..." if len(read.words) == SHOWN_WORDS else ""
    if len(read.tags) == len(read.words) and (len(read.tags) > 1 or "O" in read.tags):
        return " ".join(f"{w}[{t}]" for w, t in zip(words, read.tags, strict=True)) + more
    label = f" = {read.tags[0]}" if read.tags else ""
    return f"{' '.join(words)}{more}{label}"


def _amount_lines(run: Run, found: Understood) -> list[str]:
    sizes = {split: sum(n.values()) for split, n in found.sentences_per_language.items()}
    if run.labeled:
        lines = [
            f"labeled   {sizes['train']:,} to train, {sizes['dev']:,} to validate, "
            f"{sizes['test']:,} to score"
        ]
    else:
        scored = f", {sizes['test']:,} labeled ones to score" if "test" in sizes else ""
        lines = [
            f"unlabeled {sizes['dev']:,} texts held out to validate, {sizes[AGREEMENT]:,} to "
            f"compare with the teacher{scored}"
        ]
    by_language: dict[str, list[str]] = {}
    for counts in found.sentences_per_language.values():
        for language, number in counts.items():
            by_language.setdefault(language, []).append(f"{number:,}")
    if len(by_language) > 1:
        shown = [f"{name or 'unnamed'} {'/'.join(n)}" for name, n in sorted(by_language.items())]
        more = len(shown) - _SHOWN_LANGUAGES
        rest = f"; and {more} more languages" if more > 0 else ""
        lines.append(
            f"          {'/'.join(found.sentences_per_language)}: "
            f"{'; '.join(shown[:_SHOWN_LANGUAGES])}{rest}"
        )
    what = "entities" if found.task == "ner" else "texts"
    for split, numbers in found.labels.items():
        counts = listed([f"{name} {number:,}" for name, number in numbers.items()])
        lines.append(f"{what:<9} {split}: {counts}")
    if found.transfer_texts:
        own = ", training sentences among them" if run.labeled else ""
        more = run.config.data.transfer_variants
        own += f"; {more} variant{'s' * (more > 1)} of each that is learned from" if more else ""
        lines.append(f"transfer  {found.transfer_texts:,} texts{own}{_windows(found)}")
    for name, lengths in found.lengths.items():
        if lengths.longer:
            lines.append(
                f"lengths   {name}: {_percent(lengths.longer, lengths.sentences)} of "
                f"{lengths.sentences:,} have more than --max_seq_length={found.max_seq_length} "
                f"pieces; training does not see {lengths.percent_lost:.1f}% of the pieces"
            )
    return lines


def _windows(found: Understood) -> str:
    if not found.cut_texts:
        return ""
    return (
        f"; {found.cut_texts:,} are longer than --max_seq_length={found.max_seq_length} and cut "
        f"between words, into {found.windows:,}"
    )


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / max(1, whole):.1f}%"


def _teacher_lines(teacher: TeacherRead) -> list[str]:
    use = "used as it is" if teacher.ready else "fine-tuned first"
    head = f"head with {len(teacher.head)} classes: {listed(teacher.head)}"
    lines = [
        f"teacher   {teacher.name}: {teacher.family}, {teacher.blocks} blocks of width "
        f"{teacher.width}, {use}; {head if teacher.head else 'no head for the task'}",
        f"          {teacher.tokenizer} tokenizer of {teacher.pieces:,} pieces; {teacher.casing}",
    ]
    if teacher.added_tokens:
        lines.append(f"          added tokens, read as text: {listed(teacher.added_tokens)}")
    return lines


def _notes(run: Run, found: Understood) -> list[str]:
    origin = run.data.prepare_labeled()["splits_from"]
    notes = []
    if not run.labeled:
        notes.append(
            f"there are no training labels: {run.strategy.name} ends with what the teacher says, "
            "and agreement with the teacher is measured"
        )
        if run.sources["test"] and run.sources["dev"]:
            notes.append("the development file is not read: it would need training labels")
    elif origin["test"] != "test":
        notes.append(
            "there is no test file: the development file is scored, and training data validates"
        )
    elif origin["dev"] != "dev":
        notes.append("there is no development file: a slice of the training data validates")
    if found.repaired_tags:
        notes.append(f"{found.repaired_tags:,} I- tags began an entity and were made B-")
    return notes


def _warnings(run: Run, found: Understood) -> list[str]:
    warnings = []
    for name, lengths in found.lengths.items():
        if lengths.percent_lost > _WORTH_A_WARNING:
            warnings.append(
                f"{name}: {lengths.percent_lost:.1f}% of the pieces are beyond --max_seq_length="
                f"{found.max_seq_length} and not learned from; --max_seq_length={lengths.whole} "
                f"reads {WHOLE_PERCENT}% of the texts whole, or as much as the teacher can"
            )
    tested = sum(found.sentences_per_language.get("test", {}).values())
    if found.test_in_train:
        warnings.append(
            f"{_of_test(found.test_in_train, tested)} occur in the training data too: scores on "
            "them say little (results.json has `unseen` for the others)"
        )
    elif found.test_in_transfer:
        rows = found.transfer_looked_at
        looked = "" if rows >= _trained_rows(run) else f" (of {rows:,} rows looked at)"
        warnings.append(
            f"{_of_test(found.test_in_transfer, tested)} occur in the transfer set{looked}, "
            "without their labels (results.json has `unseen` for the others)"
        )
    empty = [split for split, numbers in found.labels.items() if not any(numbers.values())]
    if empty and found.task == "ner":
        warnings.append(f"no entity in {', '.join(empty)}: F1 there is undefined, not 0")
    return warnings


def _of_test(number: int, tested: int) -> str:
    return (
        f"all {tested:,} test sentences"
        if number == tested
        else (f"{number:,} of {tested:,} test sentences")
    )


def _trained_rows(run: Run) -> int:
    return run.data.prepare_transfer()["sentences"]
