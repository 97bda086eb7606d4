"""Sums up the corpus at the end of a run: what was caught, named, and alarmed about."""


def pytest_terminal_summary(terminalreporter):
    counts: dict[str, list[bool]] = {}
    for outcome in ("passed", "failed"):
        for report in terminalreporter.stats.get(outcome, []):
            for name, value in getattr(report, "user_properties", []):
                if name in ("wrong gradients caught", "mistakes named", "false alarms"):
                    counts.setdefault(name, []).append(value)
    for name, values in counts.items():
        share = 100 * sum(values) / len(values)
        terminalreporter.write_line(f"corpus: {name} {sum(values)} of {len(values)}, {share:.1f} %")
