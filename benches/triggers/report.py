"""Shows figures as Markdown, and how they stand to the goals."""

COLUMNS = "cold p50 | worst | processor | warm p50 | p99 | processor | peak RSS | zip"


def report(job, figures):
    results, alone = figures["functions"], figures["requests_alone"]
    lines = [f"| {job.NAME} | {COLUMNS} |", "|---|--:|--:|--:|--:|--:|--:|--:|--:|"]
    lines += [row(name, figures) for name, figures in results.items()]
    floor, ours = results["empty (the floor)"], results[job.NAME]
    cold, busy = (ours[name] / floor[name] for name in ("cold_p50", "cold_cpu"))
    unhindered = (ours["cold_p50"] - alone["cold_p50"]) / floor["cold_p50"]
    times = lambda name: results[name]["cold_p50"] / ours["cold_p50"]
    beyond = ours["warm_p50"] - alone["warm_p50"]
    return "\n".join(
        [
            *lines,
            "",
            f"Alone, {job.WAITS_FOR}, take p50 {milliseconds(alone['warm_p50'], 2)}, p99 "
            f"{milliseconds(alone['warm_p99'], 2)}; all requests of a cold start and its first event "
            f"{milliseconds(alone['cold_p50'])}.",
            "",
            "| goal | measured |",
            "|---|---|",
            f"| cold ≤ 3 × the floor | {busy:.1f} × in processor time; {cold:.1f} × by the clock, "
            f"{unhindered:.1f} × without the requests alone |",
            f"| cold ≥ 5 × faster than Node.js | {times('Node.js'):.1f} × |",
            f"| cold ≥ 5 × faster than Python | {times('Python'):.1f} × |",
            f"| warm p50 ≤ 1 ms beyond the requests alone | {milliseconds(beyond, 2)}, "
            f"{milliseconds(ours['warm_cpu'], 2)} of processor |",
            f"| zip ≤ 2.5 MB | {ours['zip'] / 1e6:.2f} MB |",
        ]
    )


def row(name, figures):
    return (
        f"| {name} | {milliseconds(figures['cold_p50'])} | {milliseconds(figures['cold_worst'])} "
        f"| {milliseconds(figures['cold_cpu'])} "
        f"| {milliseconds(figures['warm_p50'], 2)} | {milliseconds(figures['warm_p99'], 2)} "
        f"| {milliseconds(figures['warm_cpu'], 2)} "
        f"| {figures['peak_rss'] / 2**20:.1f} MiB | {figures['zip'] / 1e6:.2f} MB |"
    )


def milliseconds(seconds, digits=1):
    return f"{seconds * 1e3:.{digits}f} ms"
