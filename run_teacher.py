"""Fine-tunes the teacher alone, or trains a small one from scratch: `python run_teacher.py
--teacher=FOLDER --data_dir=DIR`."""

from xtremedistil import cli

if __name__ == "__main__":
    cli.run(__file__, stage="teacher")
