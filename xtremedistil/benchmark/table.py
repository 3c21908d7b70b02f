"""The figures of a benchmark as tables."""

from typing import Any

from xtremedistil.benchmark.candidates import PLAIN_TEACHER, TEACHERS


def format_results(results: dict[str, Any]) -> str:
    """The results: a table with Table 16's columns (parameters, compression, speedup), and below it
    what else was measured."""
    models = results["models"]
    width = max(map(len, models))
    lines = [
        f"{'model':{width}}{'million':>9}{'MB':>8}{'compress':>10}"
        f"{'batch 1: ms (p5, p95, p99)':>42}{'x plain':>9}{'x best':>8}"
        f"{'batch 32: ms (p5, p95, p99)':>42}{'x plain':>9}{'x best':>8}"
    ]
    teachers = [row for name, row in models.items() if name.startswith(f"{TEACHERS[0].name},")]
    plain = models.get(PLAIN_TEACHER)
    for name, row in models.items():
        cells = f"{name:{width}}{row['parameters'] / 1e6:9.2f}{row['bytes'] / 1e6:8.1f}"
        cells += f"{plain['parameters'] / row['parameters']:10.1f}" if plain else f"{'':10}"
        for size in ("batch_1", "batch_32"):
            t = row[size]
            shown = f"{t['median']:.3f} ({t['low']:.3f}, {t['high']:.3f}, {t['top']:.3f})"
            cells += f"{shown:>42}"
            if plain:
                best = min(teacher[size]["median"] for teacher in teachers)
                cells += f"{plain[size]['median'] / t['median']:9.1f}{best / t['median']:8.1f}"
        lines.append(cells)
    lines += ["", *_over_others(models)]
    floor = ", ".join(f"batch {size}: {ms:.3f} ms" for size, ms in results["floor"].items())
    lines += [
        f"{results['machine']['cpu']}, {results['machine']['threads']} threads, load "
        f"{results['machine']['load']:.1f}",
        f"matrix rate {results['matrix_rate'] / 1e9:.0f} GFLOP/s float32; the student's "
        f"operations at that rate: {floor}",
    ]
    for form, times in results["text"].items():
        whole, bare = times["whole"], times["network"]
        lines.append(
            f"text to entities, {form}: {whole['median']:.3f} ms (p95 {whole['high']:.3f}, "
            f"p99 {whole['top']:.3f}); the network alone {bare['median']:.3f} ms: "
            f"{whole['median'] / bare['median']:.2f} times"
        )
    for form, rate in results["predict"].items():
        lines.append(f"predict, {form}: {rate:,.0f} wordpieces/s")
    lines += ["", "sentences of 32 wordpieces at once: wordpieces/s"]
    for form, sizes in results["batches"].items():
        rates = (f"{size}: {row['wordpieces_per_second']:,.0f}" for size, row in sizes.items())
        lines.append(f"  {form}: " + "; ".join(rates))
    lines += _busy(results) + _processes(results["process"])
    lines.append(f"measured in {results['seconds']:.0f} s")
    return "\n".join(lines)


def _over_others(models: dict[str, Any]) -> list[str]:
    """How much faster the fastest export is than the fastest form of each teacher after the first,
    which has columns of its own."""
    exports = [row for name, row in models.items() if name.startswith("student,")]
    lines = []
    for size in TEACHERS[1:]:
        own = [row for name, row in models.items() if name.startswith(f"{size.name},")]
        if own and exports:
            times = (
                f"{label} {_least(own, key) / _least(exports, key):.1f}x"
                for label, key in (("batch 1", "batch_1"), ("batch 32", "batch_32"))
            )
            lines.append(
                f"the fastest form of the student over that of the {size.name}: {', '.join(times)}"
            )
    return lines


def _least(rows: list[dict[str, Any]], size: str) -> float:
    return min(row[size]["median"] for row in rows)


def _busy(results: dict[str, Any]) -> list[str]:
    lines = ["", "with a busy neighbour: another process multiplies matrices on one core meanwhile"]
    width = max(map(len, results["busy"]))
    lines.append(f"{'batch 1, ms':{width}}{'p50':>9}{'p95':>9}{'p99':>9}{'p50 without it':>16}")
    for name, t in results["busy"].items():
        alone = results["models"][name]["batch_1"]["median"]
        cells = "".join(f"{t[key]:9.3f}" for key in ("median", "high", "top"))
        lines.append(f"{name:{width}}{cells}{alone:16.3f}")
    return lines


def _processes(processes: dict[str, Any]) -> list[str]:
    lines = ["", "a process of its own, from the first import to the answer to a first text"]
    lines.append(f"{'form':24}{'seconds':>9}{'anonymous MB':>14}{'peak MB':>9}")
    for form, found in processes.items():
        sizes = f"{found['anonymous_bytes'] / 1e6:14.0f}{found['peak_bytes'] / 1e6:9.0f}"
        lines.append(f"{form:24}{found['ready_seconds']:9.2f}{sizes}")
    return [*lines, ""]
