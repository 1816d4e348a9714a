#!/usr/bin/env python3
"""Prints which tests meet which decode patterns, from the files that builds of the preset `coverage` leave behind.

Each argument is a file (XEMU_COVERAGE, frontend/aarch64/coverage.h) of one group of tests, named after it. A pattern is met if code with it
was translated to be run. Ends with status 1 if any pattern is met by none.
"""
import os
import struct
import sys

RECORD = struct.Struct("<28sI")


def read(path):
    with open(path, "rb") as file:
        data = file.read()
    return {name.rstrip(b"\0").decode(): count for name, count in RECORD.iter_unpack(data)}


def main():
    groups = {os.path.basename(path): read(path) for path in sys.argv[1:]}
    patterns = list(next(iter(groups.values())))
    print(f"{'pattern':28}" + "".join(f"{name:>10}" for name in groups))
    for pattern in patterns:
        print(f"{pattern:28}" + "".join(f"{counts[pattern]:10}" for counts in groups.values()))
    for name, counts in groups.items():
        print(f"{name}: {sum(map(bool, counts.values()))} of {len(patterns)} patterns")
    unmet = [p for p in patterns if not any(counts[p] for counts in groups.values())]
    print(f"met by no test: {', '.join(unmet) or 'none'}")
    return 1 if unmet else 0


if __name__ == "__main__":
    sys.exit(main())
