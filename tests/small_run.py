"""A run that takes seconds: two languages of the sample corpus, and a teacher of two blocks."""

import dataclasses
import os
import shutil

from xtremedistil.config import (
    Config,
    DataConfig,
    DistillationConfig,
    RunConfig,
    StudentConfig,
    TeacherConfig,
    options,
)
from xtremedistil.data.sample import corpus_dir


def german_and_hindi(folder):
    """Copies two languages of the sample corpus into a folder, and returns it."""
    for language in ("de", "hi"):
        shutil.copytree(os.path.join(corpus_dir(), language), folder / language)
    return str(folder)


def small(data, out, **changes):
    """A config that runs in seconds; changes are fields of any section."""
    sections = {
        "data": DataConfig(
            data_dir=data,
            max_seq_length=24,
            transfer_per_language=300,
            test_per_language=40,
            long_texts="cut",  # so that there are as many rows as texts
        ),
        "teacher": TeacherConfig(
            teacher="scratch",
            teacher_blocks=2,
            teacher_width=32,
            teacher_heads=2,
            teacher_intermediate=64,
            teacher_epochs=8,
            teacher_learning_rate=3e-3,
        ),
        "student": StudentConfig(embedding_dim=16, hidden_size=12),
        "distillation": DistillationConfig(
            teacher_layer=1,
            batch_size=64,
            learning_rate=1e-3,
            representation_epochs=(1,),
            logit_epochs=(1, 1, 2, 4),
            label_epochs=(1, 1, 1, 1),
        ),
        "run": RunConfig(output_dir=str(out)),
    }
    by_section: dict[str, dict] = {}
    for name, value in changes.items():
        section, _ = options()[name]
        by_section.setdefault(section, {})[name] = value
    for section, values in by_section.items():
        sections[section] = dataclasses.replace(sections[section], **values)
    return Config(**sections)
