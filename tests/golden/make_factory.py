#!/usr/bin/python3
"""Writes factory.csv: ten minutes of four devices with everything that could differ between
processors: sixteenths and long decimals, negative and huge values, readings in disorder, late,
double, in the same millisecond, at the edges of windows, and lines that are no readings."""

import pathlib
import random

random.seed(20261121)
START_MS = 1767225600000  # 2026-01-01T00:00:00Z
lines = []
for second in range(0, 600, 5):
    at_ms = START_MS + second * 1000
    lines.append((second, at_ms, "oven-1", f"{180 + second % 97 + random.random() * 40:.6f}"))
    lines.append((second, at_ms, "cold-2", f"{-30 + (second % 160) / 16:.4f}"))
    if second % 60 < 30:
        lines.append((second + random.randrange(-20, 20), at_ms, "belt-3",
                      f"{random.uniform(-1, 1):.9f}"))
    if second % 150 == 0:
        lines.append((second, at_ms, "far-4", random.choice(["9999.999999", "-273.15", "1e3"])))
        lines.append((second, at_ms - 1, "far-4", "-0.000001"))
        lines.append((second + 200, at_ms, "oven-1", "1000"))  # far too late
        lines.append((second, at_ms, "oven-1", "hot"))
lines.sort(key=lambda line: line[0])
path = pathlib.Path(__file__).with_name("factory.csv")
path.write_text("".join(f"{at_ms},{device},{value}\n" for _, at_ms, device, value in lines))
