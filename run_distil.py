"""Distils a BERT teacher into a tiny student: `python run_distil.py --stage=all
--teacher_layer=7`. The same as `xtremedistil distil`."""

import sys

from xtremedistil.cli import programs
from xtremedistil.cli.commands import COMMANDS

if __name__ == "__main__":
    programs.run("distil", COMMANDS["distil"], sys.argv[1:])
