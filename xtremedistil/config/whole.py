"""The whole configuration of a run: the rules between its sections, and the way to JSON and
back."""

import dataclasses
import json
from dataclasses import dataclass, field
from typing import Any

from absl import logging

from xtremedistil import __version__
from xtremedistil.config.data import DataConfig
from xtremedistil.config.distillation import DistillationConfig
from xtremedistil.config.run import RunConfig
from xtremedistil.config.student import StudentConfig
from xtremedistil.config.teacher import TeacherConfig
from xtremedistil.runtime.errors import ConfigError

_UNKNOWN = (
    f"a configuration holds what xtremedistil {__version__} does not know: another version wrote "
    "it, or a name is misspelt."
)


@dataclass(frozen=True)
class Config:
    """One whole run."""

    data: DataConfig = field(default_factory=DataConfig)
    teacher: TeacherConfig = field(default_factory=TeacherConfig)
    student: StudentConfig = field(default_factory=StudentConfig)
    distillation: DistillationConfig = field(default_factory=DistillationConfig)
    run: RunConfig = field(default_factory=RunConfig)

    def __post_init__(self) -> None:
        both = ("jsonl", "csv", "parquet")
        formats = {
            "ner": ("auto", "conll", "tsv", *both),
            "classification": ("auto", "classification", *both, "fasttext"),
        }
        if self.teacher.teacher_per_language and self.run.stage != "teacher":
            raise ConfigError(
                "--teacher_per_language goes with --stage=teacher: students are distilled from "
                f"one teacher of all languages. Received: stage={self.run.stage}"
            )
        if self.teacher.teacher_per_language and self.run.distribution == "multi_worker":
            raise ConfigError(
                "--teacher_per_language trains on the GPUs of one machine: --distribution=none or "
                "mirrored. Received: distribution=multi_worker"
            )
        if self.data.data_format not in formats[self.data.task]:
            raise ConfigError(
                f"--task={self.data.task} reads --data_format "
                f"{', '.join(formats[self.data.task])}. Received: "
                f"data_format={self.data.data_format!r}"
            )

    def to_dict(self) -> dict[str, dict[str, Any]]:
        """The config as nested dicts of JSON values."""
        return json.loads(json.dumps(dataclasses.asdict(self)))

    @classmethod
    def from_dict(cls, values: dict[str, dict[str, Any]]) -> "Config":
        """The inverse of `to_dict`.

        A field that is not there (an older version of the package had fewer) has the value that
        says what was done before, or its default; one warning names them all.

        Raises:
            ConfigError: not a configuration, a section is missing, a section or a field is
                unknown, or a value is illegal.
        """
        if not isinstance(values, dict):
            raise ConfigError(f"a configuration is a JSON object. Received: {values!r:.80}")
        sections = {field.name: field.type for field in dataclasses.fields(cls)}
        if unknown := sorted(set(values) - set(sections)):
            raise ConfigError(f"{_UNKNOWN} Received: sections {', '.join(unknown)}")
        made, absent = {}, []
        for name, section in sections.items():
            given = values.get(name)
            if not isinstance(given, dict):
                raise ConfigError(f"a configuration needs a section '{name}'. Received: {given!r}")
            known = {field.name: _before(field) for field in dataclasses.fields(section)}
            if unknown := sorted(set(given) - set(known)):
                raise ConfigError(f"{_UNKNOWN} Received: {name}: {', '.join(unknown)}")
            lacking = {field: known[field] for field in known if field not in given}
            made[name] = section(**given, **lacking)
            absent += [f"{field}={value!r}" for field, value in lacking.items()]
        if absent:
            logging.warning("not in the configuration, so as before: %s", ", ".join(absent))
        return cls(**made)


def _before(field: dataclasses.Field) -> Any:
    before = field.metadata["before"]
    return field.default if before is None else before


def options(cls: type = Config) -> dict[str, tuple[str, dataclasses.Field]]:
    """Every flag's name, with the section and the field that it stands for."""
    return {
        field.name: (section.name, field)
        for section in dataclasses.fields(cls)
        for field in dataclasses.fields(section.type)
    }
