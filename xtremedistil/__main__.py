"""`python -m xtremedistil COMMAND`."""

from xtremedistil import cli
from xtremedistil.commands import COMMANDS

if __name__ == "__main__":
    cli.run_command(COMMANDS)
