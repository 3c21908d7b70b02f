"""XtremeDistil: multi-stage distillation of BERT-like teachers into tiny students (Mukherjee and
Awadallah, ACL 2020)."""

__version__ = "0.1.0"


def load(folder: str, backend: str = "auto", quantize: str = "none", threads: int = 0):
    """A student ready for text: `load(DIR).tag("...")`, or `.classify`; see `serving.load`."""
    from xtremedistil.serving.load import load as load_student  # when it is needed, not before

    return load_student(folder, backend, quantize, threads)
