"""The figures of a benchmark as a table."""

from typing import Any

from xtremedistil.benchmark.candidates import PLAIN_TEACHER


def format_results(results: dict[str, Any]) -> str:
    """The results as a table, with Table 16's columns: parameters, compression, speedup."""
    models = results["models"]
    lines = [
        f"{'model':38}{'million':>9}{'MB':>8}{'compress':>10}"
        f"{'batch 1: ms (p5, p95, p99)':>36}{'x plain':>9}{'x best':>8}"
        f"{'batch 32: ms (p5, p95, p99)':>36}{'x plain':>9}{'x best':>8}"
    ]
    teachers = [row for name, row in models.items() if name.startswith("teacher")]
    plain = models.get(PLAIN_TEACHER)
    for name, row in models.items():
        cells = f"{name:38}{row['parameters'] / 1e6:9.2f}{row['bytes'] / 1e6:8.1f}"
        cells += f"{plain['parameters'] / row['parameters']:10.1f}" if plain else f"{'':10}"
        for size in ("batch_1", "batch_32"):
            t = row[size]
            shown = f"{t['median']:.3f} ({t['low']:.3f}, {t['high']:.3f}, {t['top']:.3f})"
            cells += f"{shown:>36}"
            if plain:
                best = min(teacher[size]["median"] for teacher in teachers)
                cells += f"{plain[size]['median'] / t['median']:9.1f}{best / t['median']:8.1f}"
        lines.append(cells)
    floor = ", ".join(f"batch {size}: {ms:.3f} ms" for size, ms in results["floor"].items())
    lines += [
        "",
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
        process = results["process"][form]
        lines.append(
            f"predict, {form}: {rate:,.0f} wordpieces/s; a process needs "
            f"{process['peak_bytes'] / 1e6:.0f} MB, and answers after "
            f"{process['ready_seconds']:.2f} s"
        )
    lines += ["", "sentences of 32 wordpieces at once: wordpieces/s"]
    for form, sizes in results["batches"].items():
        rates = (f"{size}: {row['wordpieces_per_second']:,.0f}" for size, row in sizes.items())
        lines.append(f"  {form}: " + "; ".join(rates))
    lines.append(f"measured in {results['seconds']:.0f} s")
    return "\n".join(lines)
