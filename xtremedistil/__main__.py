"""`python -m xtremedistil COMMAND`."""

from xtremedistil.cli import programs
from xtremedistil.cli.commands import COMMANDS

if __name__ == "__main__":
    programs.run_command(COMMANDS)
