"""F1 against processor time: a run of `flags/scarce.flags`, step by step, and programs before it.

python docs/results/work.py RUN WHOLE PNG

RUN is the run's folder, WHOLE the processor seconds of the whole command (user and system), which
has its start, scores and exports too. The other programs' points were measured by others.
"""

import json
import pathlib
import sys
from typing import Any

from xtremedistil.report import drawing
from xtremedistil.report.averages import Average

BEFORE = {
    "authors' second code": (967, 32.6),
    "this program before: KL, batches of 128": (338, 17.9),
    "this program before: squared error, batches of 32": (349, 41.6),
}


def main(run: str, whole: str, picture: str) -> None:
    """Draws `picture`."""
    results = json.loads(pathlib.Path(run, "results.json").read_text("utf-8"))
    used, line = 0.0, []
    scores = {step["name"]: step["f1"]["mean"] for step in results["steps"] if step.get("f1")}
    for name, part in results["parts"].items():
        used += part["processor_seconds"]
        if name in scores:
            line.append((used, scores[name]))
    line.append((float(whole), line[-1][1]))
    marked = {
        0: ("stage 2: head", drawing.BELOW_RIGHT),
        2: ("+ encoder", drawing.ABOVE_LEFT),
        -1: ("with start, scores, exports", drawing.BELOW_RIGHT),
    }

    def paint(figure: Any) -> None:
        axes = figure.subplots()
        seconds, found = zip(*line, strict=True)
        own = drawing.STUDENT | {"label": "this program, step by step"}
        drawing.plot(axes, seconds, [Average(score) for score in found], **own)
        for (name, point), style in zip(BEFORE.items(), drawing.STYLES[2:], strict=False):
            style = {**style, "linestyle": "none", "label": name}
            drawing.plot(axes, point[:1], [Average(point[1])], **style)
        axes.set(xlim=(0, 1050), ylim=(0, 70))
        axes.set_xlabel("Processor time in all, teacher included (s)")
        axes.set_ylabel("F1 (%), mean of en, de and fr")
        color = drawing.STUDENT["color"]
        for number, (words, side) in marked.items():
            drawing.mark(axes, line[number], words, color, side)
        axes.legend(loc="lower right")

    pathlib.Path(picture).write_bytes(drawing.draw(7, 4, paint))


if __name__ == "__main__":
    main(*sys.argv[1:])
