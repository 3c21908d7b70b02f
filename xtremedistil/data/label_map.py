"""Other names for a ready-made teacher's labels, or none (`--label_map`).

A file of lines `OLD=NEW`. OLD is a label, such as `LABEL_3`, or a type of entity, such as `GPE`,
which stands for the labels of all its tags (`B-GPE`, `I-GPE`); NEW is another, or nothing, for what
is no entity. Several labels that get one name become one class. That must be meant: a label that
keeps its name does so in a line of its own (`LOC=LOC`) where another gets the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from xtremedistil.data.lines import read_lines
from xtremedistil.data.schemes import OUTSIDE, recognise
from xtremedistil.runtime.errors import ConfigError, listed


@dataclass(frozen=True)
class NamedClasses:
    """Classes by their new names.

    Attributes:
        names: of each.
        groups: for each, the old classes that it stands for: every old one is in one group.
    """

    names: tuple[str, ...]
    groups: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class LabelMap:
    """What a file says.

    Attributes:
        path: of the file.
        names: NEW by OLD.
    """

    path: str
    names: Mapping[str, str]

    @classmethod
    def read(cls, path: str) -> "LabelMap":
        """Reads a file.

        Raises:
            ConfigError: a line is not `OLD=NEW`, or names an OLD again.
            DataError: there is no such file, or it is not UTF-8.
        """
        names: dict[str, str] = {}
        for number, line in read_lines(path):
            if not line.strip():
                continue
            old, equals, new = (part.strip() for part in line.partition("="))
            if not equals or not old or old in names:
                rule = "each line is OLD=NEW, and names a label that no other line names"
                raise ConfigError(f"{path}:{number}: {rule} (--label_map). Received: {line!r}")
            names[old] = new
        return cls(path, names)

    def apply(self, labels: Sequence[str], task: str) -> NamedClasses:
        """Renames labels.

        Args:
            labels: of a teacher's head, in its order.
            task: `ner` or `classification`.

        Raises:
            ConfigError: the file names what is not there, drops a class of texts, or gives a label
                the name of one that it does not mention.
        """
        renamed = self._by_label(labels, task)
        groups: dict[str, list[int]] = {}
        for i, label in enumerate(labels):
            groups.setdefault(renamed.get(label, label), []).append(i)
        for name, group in groups.items():
            kept = [labels[i] for i in group if labels[i] not in renamed]
            if kept and len(group) > 1 and name != OUTSIDE:
                raise ConfigError(
                    f"{self.path}: two labels would be {name}, and one of them is not in the file. "
                    f"If they are to be one class, add a line for it too ({kept[0]}={kept[0]}, or "
                    f"that of its type). Received: {', '.join(labels[i] for i in group)}"
                )
        return NamedClasses(tuple(groups), tuple(tuple(group) for group in groups.values()))

    def _by_label(self, labels: Sequence[str], task: str) -> dict[str, str]:
        """The new name of each label that the file mentions by itself or by its type."""
        parts = {}
        if task == "ner":
            scheme = recognise(labels)
            parts = {label: scheme.part(label) for label in labels if label != OUTSIDE}
        types = {part.type for part in parts.values()}
        unknown = [old for old in self.names if old not in labels and old not in types]
        if unknown:
            raise ConfigError(
                f"{self.path}: a line names a label that the teacher has, or a type of its "
                f"entities; it has {listed(labels)} (--label_map). Received: {unknown[0]!r}"
            )
        if task != "ner" and "" in self.names.values():
            raise ConfigError(
                f"{self.path}: labels are dropped to O, which classes of texts do not have: give "
                "each a name (--label_map). Received: task=classification, an empty name"
            )
        renamed = {}
        for label in labels:
            if label in self.names:
                renamed[label] = self.names[label] or OUTSIDE
            elif label in parts and parts[label].type in self.names:
                new, role = self.names[parts[label].type], parts[label].role
                renamed[label] = OUTSIDE if new in ("", OUTSIDE) else scheme.tag(role, new)
        return renamed
