"""XtremeDistil: multi-stage distillation of BERT-like teachers into tiny students (Mukherjee and
Awadallah, ACL 2020)."""

import xtremedistil.distil  # noqa: F401 - now, so that the function of that name stays below

__version__ = "0.1.0"


def load(folder: str, backend: str = "auto", quantize: str = "none", threads: int = 0):
    """A student ready for text: `load(DIR).tag("...")`, or `.classify`; see `serving.load`."""
    from xtremedistil.serving.load import load as load_student  # when it is needed, not before

    return load_student(folder, backend, quantize, threads)


def distil(teacher: str, texts, output_dir: str, **options):
    """A tiny student of a fine-tuned teacher, from raw text without labels, ready for text:
    `distil("TEACHER", "texts.txt", "OUT").tag("...")`; see `experiments.distil`."""
    from xtremedistil.experiments.distil import distil as distil_teacher

    return distil_teacher(teacher, texts, output_dir, **options)
