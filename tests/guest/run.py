#!/usr/bin/env python3
"""Runs the guest programs under xemu and compares what they print with their native twins.

Every program (tests/guest/CMakeLists.txt builds them) runs with each of --tiers; one line PASS or FAIL each. A line of
output that begins with ~N may differ in the hexadecimal numbers in it by up to N units.
With --caches each program runs with a cache of its own: cold, warm, with the shared copies that the second run has made,
and with nothing but what --aot has made of it.
"""
import argparse
import concurrent.futures
import os
import re
import subprocess
import sys
import tempfile

LIMIT = 300  # seconds for one run, on a loaded machine
HEX = re.compile(r"\b[0-9a-f]{16}\b|\b[0-9a-f]{8}\b")


def near(want, got):
    """True if two lines are the same but for the tolerance that they state."""
    match = re.match(r"~(\d+) ", want)
    if not match or HEX.sub("#", want) != HEX.sub("#", got):
        return False
    pairs = zip(HEX.findall(want), HEX.findall(got))
    return all(abs(int(a, 16) - int(b, 16)) <= int(match[1]) for a, b in pairs)


def difference(want, got):
    """The first line that differs, or None."""
    want, got = want.decode("utf-8", "replace").split("\n"), got.decode("utf-8", "replace").split("\n")
    for number, (a, b) in enumerate(zip(want, got), 1):
        if a != b and not near(a, b):
            return f"line {number}: expected '{a}', got '{b}'"
    if len(want) != len(got):
        return f"{len(got)} lines instead of {len(want)}"
    return None


# Translations are kept from one program to the next, but not in the user's own cache.
CACHE = tempfile.TemporaryDirectory(prefix="xemu-guest-")


def run(command, env):
    """(exit status, output, errors); a status of None when the time ran out."""
    with tempfile.TemporaryDirectory() as directory:
        try:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=LIMIT, cwd=directory,
                                  env={**os.environ, "HOME": "/", "LC_ALL": "C", "XDG_CACHE_HOME": CACHE.name,
                                       **({"XEMU_CACHE": "off"} if "XEMU_COVERAGE" in os.environ else {}), **env})
            return done.returncode, done.stdout, done.stderr
        except subprocess.TimeoutExpired:
            return None, b"", b""


def check(emulator, env, program, native):
    """None if the program behaves as its twin, else what differs."""
    if native[0] is None or native[0] < 0:
        return f"the native twin ended with {native[0]}"
    status, out, err = run(emulator + [program], env)
    if status is None:
        return f"still running after {LIMIT} s"
    if status != native[0]:
        tail = err.decode("utf-8", "replace").strip().split("\n")[-1]
        return f"exit status {status} instead of {native[0]}: {tail}"
    return difference(native[1], out)


def check_caches(emulator, env, program, native):
    """None if the program behaves as its twin whatever the cache has of it, else what differs."""
    with tempfile.TemporaryDirectory(prefix="xemu-caches-") as folder:
        def caches(name, **more):
            return {**env, "XEMU_CACHE_PATH": os.path.join(folder, name), "XEMU_CACHE_SHARED": os.path.join(folder, "shared"), **more}
        for state in ("cold", "warm", "shared"):
            problem = check(emulator, caches("learned"), program, native)
            if problem:
                return f"{state}: {problem}"
        # What is made of the libraries serves all programs.
        ahead = {**env, "XEMU_CACHE_PATH": os.path.join(CACHE.name, "ahead"), "XEMU_CACHE_SHARED": "off"}
        status, _, err = run([emulator[0], "--aot", "-j", "1", *emulator[1:], program], ahead)
        if status:
            return f"--aot: {status} {err[-200:]}"
        problem = check(emulator, {**ahead, "XEMU_CACHE": "ro"}, program, native)
        return problem and f"ahead: {problem}"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--xemu", required=True, help="the emulator (any with qemu-user's options)")
    parser.add_argument("--programs", required=True, help="folder of the built programs")
    parser.add_argument("--tiers", default="interp,1", help="values of XEMU_TIERS to run with, 1+2 for 1,2 (default %(default)s)")
    parser.add_argument("--prefix", default="/usr/aarch64-linux-gnu", help="-L for the dynamic ones")
    parser.add_argument("--only", default="", help="regular expression of program names")
    parser.add_argument("--caches", action="store_true", help="each with a cache that is cold, warm, made by --aot")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--quiet", action="store_true", help="print failures and the sum only")
    options = parser.parse_args()

    only = re.compile(options.only)
    folder = os.path.abspath(options.programs)
    emulator = os.path.abspath(options.xemu)
    names = sorted(os.listdir(folder))
    natives = {n[: -len("-native")]: run([os.path.join(folder, n)], {}) for n in names if n.endswith("-native")}
    cases = []
    for name in names:
        match = re.match(r"(.*)-O\d-(static|dynamic)$", name)
        if not match or not only.search(name):
            continue
        for tier in options.tiers.split(","):
            command = [emulator] + (["-L", options.prefix] if match[2] == "dynamic" else [])
            cases.append((f"{name} tiers={tier}", command, {"XEMU_TIERS": tier.replace("+", ",")}, os.path.join(folder, name),
                          natives[match[1]]))
    passed = failed = 0
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for case, problem in zip(cases, pool.map(lambda c: (check_caches if options.caches else check)(*c[1:]), cases)):
            passed += problem is None
            failed += problem is not None
            if problem is not None:
                print(f"FAIL {case[0]}: {problem}", flush=True)
            elif not options.quiet:
                print(f"PASS {case[0]}", flush=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
