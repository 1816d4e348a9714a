"""What suites that run guest programs share: one line PASS or FAIL each, and the count at the end."""
import argparse
import os
import sys
import tempfile

results = [0, 0]


def report(name, problem):
    results[problem is not None] += 1
    print(f"FAIL {name}: {problem}" if problem else f"PASS {name}", flush=True)


def test(function):
    function.is_test = True
    return function


def main(suite, name, doc):
    """Runs the tests of `suite`, a class made of (xemu, folder of programs, a folder of its own); ends the process."""
    parser = argparse.ArgumentParser(description=doc)
    parser.add_argument("--xemu", required=True)
    parser.add_argument("--programs", required=True)
    parser.add_argument("--only", default="", help="tests with this in their names")
    args = parser.parse_args()
    if not os.path.exists(os.path.join(args.programs, "hello-O2-static")):
        print("no guest programs: build the target guest-programs first")
        sys.exit(0)
    with tempfile.TemporaryDirectory(prefix=f"xemu-{name}-") as folder:
        os.chmod(folder, 0o755)
        tests = suite(args.xemu, args.programs, folder)
        for t in [n for n in dir(tests) if getattr(getattr(tests, n), "is_test", False) and args.only in n]:
            getattr(tests, t)()
    print(f"{results[0]} passed, {results[1]} failed")
    sys.exit(1 if results[1] else 0)
