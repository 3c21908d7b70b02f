"""Tables, figures and the page of a run or a sweep, from its results on disk. Needs no
TensorFlow."""

import os

from xtremedistil.report.collected import load
from xtremedistil.report.figures import build_figure, caption
from xtremedistil.report.page import build_page
from xtremedistil.report.published import FIGURES
from xtremedistil.report.schema import PAGE
from xtremedistil.report.table import to_markdown, to_text
from xtremedistil.report.tables import BUILDERS, build_table
from xtremedistil.runtime import files
from xtremedistil.runtime.errors import ConfigError


def write_report(
    folder: str,
    table: int | None = None,
    figure: int | None = None,
    page: bool = False,
    output_dir: str = "",
) -> str:
    """Writes what is asked for of a run or a sweep.

    Args:
        folder: of the run (`results.json`) or of the sweep (`sweep.json`), finished or not.
        table: a table of the paper, 1 to 17: written as text and as Markdown.
        figure: a figure of the paper, 1 to 3: written as PNG.
        page: whether to write the page, one HTML file with all that is measured.
        output_dir: where to; `report` in the folder if empty.

    Returns:
        What to print: the table as text and as Markdown, the figure's caption, and what was
        written.

    Raises:
        ConfigError: nothing is asked for, there is no such table or figure, or a figure needs
            matplotlib, which is not installed.
        ArtifactError: the folder holds no results, a file in it is damaged, or runs that would
            share a table or a figure were scored on different test sets.
    """
    if table is None and figure is None and not page:
        raise ConfigError(
            f"a report needs --table (1 to {max(BUILDERS)}), --figure (1 to {max(FIGURES)}) or "
            "--page. Received: none of them"
        )
    collected = load(folder)
    texts: list[str] = []
    written: dict[str, str | bytes] = {}
    if table is not None:
        built = build_table(table, collected)
        texts += [to_text(built), to_markdown(built)]
        written |= {f"table-{table}.txt": texts[0], f"table-{table}.md": texts[1]}
    if figure is not None:
        written[f"figure-{figure}.png"] = build_figure(figure, collected)
        texts.append(caption(figure) + "\n")
    if page:
        written[PAGE] = build_page(collected)
    out = output_dir or os.path.join(folder, "report")
    files.make_folder(out)
    for name, content in written.items():
        path = os.path.join(out, name)
        files.write_bytes(path, content.encode() if isinstance(content, str) else content)
        texts.append(f"written: {path}")
    return "\n".join(texts)
