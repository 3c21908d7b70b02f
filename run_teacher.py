"""Fine-tunes the teacher alone, or trains a small one from scratch: `python run_teacher.py
--teacher=FOLDER --data_dir=DIR`."""

from xtremedistil.cli import flags

if __name__ == "__main__":
    flags.run(__file__, stage="teacher")
