"""Distils a BERT teacher into a tiny student: `python run_distil.py --stage=all
--teacher_layer=7`."""

from xtremedistil.cli import programs

if __name__ == "__main__":
    programs.run(__file__, __doc__)
