"""Fine-tunes the teacher alone, or trains a small one from scratch: `python run_teacher.py
--teacher=FOLDER --data_dir=DIR`. The same as `xtremedistil teacher`."""

import sys

from xtremedistil.cli import programs
from xtremedistil.cli.commands import COMMANDS

if __name__ == "__main__":
    programs.run("teacher", COMMANDS["teacher"], sys.argv[1:])
