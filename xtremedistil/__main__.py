"""`python -m xtremedistil COMMAND`."""

from xtremedistil.cli import flags
from xtremedistil.cli.commands import COMMANDS

if __name__ == "__main__":
    flags.run_command(COMMANDS)
