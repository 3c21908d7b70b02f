"""XtremeDistil: multi-stage distillation of BERT-like teachers into tiny students (Mukherjee and
Awadallah, ACL 2020)."""

__version__ = "0.1.0"
