#!/usr/bin/env python3
"""Runs the cases of tests/real/cases: real AArch64 programs of Debian under xemu, against recorded output.

The packages are fetched (tests/real/fetch) into --root unless they are there. One line PASS or FAIL for each case and
tier; a test that cannot get the packages (no network) fails, because it has shown nothing.
"""
import argparse
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
LIMIT = 300  # seconds for one case
PRELUDE = 'x() { local p=$1; shift; "$XEMU" -L "$ROOT" "$ROOT/usr/bin/$p" "$@"; }\n'


def read_cases(path):
    """Yields (header, name, exit status, commands, expected output)."""
    with open(path, encoding="utf-8") as file:
        blocks = re.split(r"^== ", file.read(), flags=re.M)
    yield blocks[0]
    for block in blocks[1:]:
        head, rest = block.split("\n", 1)
        commands, expected = re.split(r"^--\n", rest, maxsplit=1, flags=re.M)
        words = head.split()
        yield head, words[0], int(words[1]) if len(words) > 1 else 0, commands, expected.strip("\n")


# Translations are kept from one case to the next, but not in the user's own cache.
CACHE = tempfile.TemporaryDirectory(prefix="xemu-real-")


def run(emulator, root, tier, commands):
    env = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "LC_ALL": "C.UTF-8", "TZ": "UTC", "XEMU": emulator,
           "ROOT": root, "XEMU_TIERS": tier, "XDG_CACHE_HOME": CACHE.name}
    if "XEMU_COVERAGE" in os.environ:
        env["XEMU_COVERAGE"] = os.environ["XEMU_COVERAGE"]
        env["XEMU_CACHE"] = "off"  # what isn't translated isn't counted
    with tempfile.TemporaryDirectory() as directory:
        try:
            done = subprocess.run(["bash", "-c", PRELUDE + commands], stdin=subprocess.DEVNULL, capture_output=True,
                                  timeout=LIMIT, cwd=directory, env=env)
        except subprocess.TimeoutExpired:
            return None, "", ""
    return done.returncode, done.stdout.decode("utf-8", "replace").strip("\n"), done.stderr.decode("utf-8", "replace")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--xemu", required=True)
    parser.add_argument("--root", required=True, help="folder of the unpacked packages")
    parser.add_argument("--tiers", default="1")
    parser.add_argument("--only", default="", help="regular expression of case names")
    parser.add_argument("--cases", default=os.path.join(HERE, "cases"))
    parser.add_argument("--record", action="store_true", help="print the cases with the outputs of this run")
    options = parser.parse_args()

    with open(os.path.join(HERE, "packages"), encoding="utf-8") as file:
        packages = file.read().split()
    if subprocess.run([os.path.join(HERE, "fetch"), "arm64", options.root] + packages, stdin=subprocess.DEVNULL,
                      check=False).returncode:
        print("FAIL fetching the packages")
        return 1
    root, emulator = os.path.abspath(options.root), os.path.abspath(options.xemu)
    cases = list(read_cases(options.cases))
    if options.record:
        print(cases[0], end="")
    passed = failed = 0
    for head, name, status, commands, expected in cases[1:]:
        if not re.search(options.only, name):
            continue
        for tier in options.tiers.split(","):
            got, out, err = run(emulator, root, tier, commands)
            if options.record:
                print(f"== {head}\n{commands}--\n{out}\n")
                continue
            problem = None
            if got is None:
                problem = f"still running after {LIMIT} s"
            elif out != expected:
                pairs = zip(expected.split("\n") + ["<end>"], out.split("\n") + ["<end>"])
                problem = next((f"expected '{a}', got '{b}'" for a, b in pairs if a != b), "output differs")
                problem += " " + " | ".join(err.strip().split("\n")[:2])
            elif got != status:
                problem = f"exit status {got} instead of {status}"
            passed += problem is None
            failed += problem is not None
            print(f"FAIL {name} tiers={tier}: {problem}" if problem else f"PASS {name} tiers={tier}", flush=True)
    if options.record:
        return 0
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
