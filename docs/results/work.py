"""Figure of F1 against processor time, flags/scarce.flags: python docs/results/work.py

Writes figure-work.png beside this file. The numbers are those of docs/method.md, "The recipe", and
docs/results/README.md; those of the second code and of this program as it was are others'
measurements on another machine.
"""

import pathlib

from xtremedistil.report import drawing

# name, style: (processor seconds of the whole run, F1 of the student) of each point
SERIES = {
    "now: halves, all and twice the epochs of flags/scarce.flags": (
        drawing.STUDENT,
        [],
    ),
    "this program before: KL, then squared error with batches of 32": (
        {**drawing.STYLES[2], "linestyle": "none"},
        [(338, 17.9), (349, 41.6)],
    ),
    "the authors' second code": ({**drawing.STYLES[0], "linestyle": "none"}, [(967, 32.6)]),
}


def main() -> None:
    """Draws and writes the figure."""

    def paint(figure: object) -> None:
        axes = figure.subplots()
        for name, (style, points) in SERIES.items():
            seconds, scores = zip(*points, strict=True)
            axes.plot(seconds, scores, label=name, markersize=6, linewidth=1, **style)
        axes.set_xlim(0, 1050)
        axes.set_ylim(0, 60)
        axes.set_xlabel("Processor time of the whole run, teacher included (s)")
        axes.set_ylabel("F1 of the student (%)")
        figure.legend(loc="outside lower center", ncols=1)

    path = pathlib.Path(__file__).with_name("figure-work.png")
    path.write_bytes(drawing.draw(6.5, 4.4, paint))


if __name__ == "__main__":
    main()
