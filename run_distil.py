"""Distils a BERT teacher into a tiny student: `python run_distil.py --stage=all
--teacher_layer=7`."""

from xtremedistil.cli import flags

if __name__ == "__main__":
    flags.run(__file__)
