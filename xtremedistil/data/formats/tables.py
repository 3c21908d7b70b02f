"""Parquet files, and the Arrow files of the `datasets` library: a row group at a time."""

import json
from collections.abc import Iterator
from typing import Any

from xtremedistil.data.formats import records
from xtremedistil.data.formats.example import Example, Rules
from xtremedistil.data.formats.head import Head
from xtremedistil.data.lines import check_is_file
from xtremedistil.runtime import files
from xtremedistil.runtime.errors import ConfigError, DataError

PARQUET, ARROW = b"PAR1", b"\xff\xff\xff\xff"  # how such files begin
_BATCH = 1024


def is_table(magic: bytes) -> bool:
    """Whether a file that begins so is one of these."""
    return magic.startswith((PARQUET, ARROW))


def recognise(head: Head) -> bool:
    """Whether a file begins as these do."""
    return is_table(head.magic)


def _rows(path: str) -> tuple[Any, Iterator[records.Record]]:
    """The schema, and the rows."""
    try:
        import pyarrow.ipc
        import pyarrow.parquet
    except ImportError as error:
        raise ConfigError(
            f"{path}: Parquet and Arrow files need pyarrow: pip install 'xtremedistil[hub]'."
        ) from error
    check_is_file(path)
    file = files.open_read(path)
    magic = file.read(4)
    file.seek(0)
    if magic == PARQUET:
        table = pyarrow.parquet.ParquetFile(file)
        schema, batches = table.schema_arrow, table.iter_batches(_BATCH)
    else:
        table = pyarrow.ipc.open_stream(file)
        schema, batches = table.schema, iter(table)

    def rows() -> Iterator[records.Record]:
        with file:
            for batch in batches:
                for start in range(0, len(batch), _BATCH):
                    yield from batch.slice(start, _BATCH).to_pylist()

    return schema, rows()


def _numbered(path: str) -> tuple[Any, Iterator[tuple[int, records.Record]]]:
    try:
        schema, rows = _rows(path)
    except (DataError, ConfigError):
        raise
    except Exception as error:  # of Arrow and of its codecs: many kinds, of no common base
        raise _damaged(path, error) from error

    def numbered() -> Iterator[tuple[int, records.Record]]:
        number, source = 0, iter(rows)
        while True:
            try:
                row = next(source, None)
            except Exception as error:
                raise _damaged(path, error) from error
            if row is None:
                return
            number += 1
            yield number, row

    return schema, numbered()


def _damaged(path: str, error: Exception) -> DataError:
    return DataError(
        f"{path}: a damaged Parquet or Arrow file. Received: {type(error).__name__}: {error!s:.200}"
    )


def _names_of_numbers(schema: Any) -> dict[str, tuple[str, ...]]:
    """The names of tags or labels that are numbers, by column, as `datasets` writes them."""
    try:
        described = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))
        features = described["info"]["features"]
        found = {}
        for column, feature in features.items():
            inner = feature.get("feature", feature) if isinstance(feature, dict) else feature
            inner = inner[0] if isinstance(inner, list) and inner else inner
            if isinstance(inner, dict) and isinstance(inner.get("names"), list):
                found[column] = tuple(map(str, inner["names"]))
        return found
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}


def read(path: str, language: str, rules: Rules) -> Iterator[Example]:
    """Labeled texts."""
    schema, rows = _numbered(path)
    known = _names_of_numbers(schema)
    return records.labeled(rows, path, language, rules, known)


def read_text(path: str, language: str, rules: Rules) -> Iterator[Example]:
    """Texts alone."""
    return records.unlabeled(_numbered(path)[1], path, language, rules)


def layout(path: str, rules: Rules) -> str:
    """Which fields are read."""
    return records.layout(_numbered(path)[1], path, rules)
