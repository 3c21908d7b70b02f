"""Fine-tunes the teacher alone, or trains a small one from scratch: `python run_teacher.py
--teacher=FOLDER --data_dir=DIR`."""

from xtremedistil.cli import programs

if __name__ == "__main__":
    programs.run(__file__, __doc__, stage="teacher")
