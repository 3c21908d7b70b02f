"""Distils a BERT teacher into a tiny student: `python run_distil.py --stage=all
--teacher_layer=7`."""

from xtremedistil import cli

if __name__ == "__main__":
    cli.run(__file__)
