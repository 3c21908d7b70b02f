"""The kinds of students that there are.

`--student` lists the same names, since flags and their help are there before this room is; a test
compares the two.
"""

from xtremedistil.runtime.errors import ConfigError
from xtremedistil.students.bilstm import BILSTM
from xtremedistil.students.kind import StudentKind
from xtremedistil.students.transformer import TRANSFORMER

KINDS = {kind.name: kind for kind in (BILSTM, TRANSFORMER)}


def kind_named(name: str) -> StudentKind:
    """The kind of a name.

    Raises:
        ConfigError: there is none.
    """
    if name not in KINDS:
        raise ConfigError(
            f"the encoder of a student is one of {', '.join(KINDS)}. Received: encoder={name!r}"
        )
    return KINDS[name]
