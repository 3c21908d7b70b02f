"""Tables 1 to 17 of the paper, with what was measured beside what was published.

A measured number stands where a finished run gave it, averaged over the seeds of one setting, with
its spread. Whatever was not measured is shown as missing; nothing is guessed or carried over from
another setting.
"""

from collections.abc import Callable, Mapping
from functools import partial

from xtremedistil.report import tables_choices, tables_ner, tables_texts
from xtremedistil.report.collected import Collected
from xtremedistil.report.table import Table
from xtremedistil.runtime.errors import ConfigError

_BY_FLAG = {11: "dropout", 12: "batch_size", 13: "teacher_layer", 14: "embeddings"}
# Tables of one flag: a single value of it compares nothing.
_VARIED = {3: ("strategy", "transfer_per_language"), **{t: (f,) for t, f in _BY_FLAG.items()}}
BUILDERS: Mapping[int, Callable[[Collected], Table]] = {
    1: tables_texts.table_1,
    2: tables_texts.table_2,
    3: tables_ner.table_3,
    4: tables_ner.table_4,
    5: tables_ner.table_5,
    6: tables_ner.table_6,
    7: tables_texts.table_7,
    8: tables_texts.table_8,
    9: tables_texts.table_9,
    10: tables_choices.table_10,
    **{table: partial(tables_choices.by_flag, table, flag) for table, flag in _BY_FLAG.items()},
    15: tables_choices.table_15,
    16: tables_choices.table_16,
    17: tables_ner.table_17,
}


def build_table(table: int, collected: Collected) -> Table:
    """A table of the paper, with the measured numbers that a folder has for it.

    Args:
        table: its number, 1 to 17.
        collected: the results.

    Raises:
        ConfigError: there is no such table.
        ArtifactError: runs that would enter it do not compare.
    """
    if table not in BUILDERS:
        raise ConfigError(
            f"--table must be one of {', '.join(map(str, BUILDERS))}. Received: table={table}"
        )
    return BUILDERS[table](collected)


def has_something(table: Table, collected: Collected) -> bool:
    """Whether a table belongs on a page: something in it is measured, and what it varies was
    varied."""
    shown = collected.runs.loc[list(table.runs)]
    names = _VARIED.get(table.number, ())
    varied = any(shown[f"--{name}"].nunique() > 1 for name in names)
    return not shown.empty and (varied or not names)
