"""`xtremedistil COMMAND`, or `python -m xtremedistil COMMAND`."""

from xtremedistil.cli import programs
from xtremedistil.cli.commands import COMMANDS


def main() -> None:
    """The console command."""
    programs.choose(COMMANDS)


if __name__ == "__main__":
    main()
