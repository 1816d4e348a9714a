#!/usr/bin/env python3
"""Tests of the command line: options and their environment variables, and programs that cannot be run.

What cannot be run gets one line on standard error that begins with the emulator's name, nothing on standard output, and the
exit status 127 (not found) or 126. One line PASS or FAIL each.
"""
import argparse
import json
import os
import random
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time

LIMIT = 30
results = [0, 0]


def report(name, problem):
    results[problem is not None] += 1
    print(f"FAIL {name}: {problem}" if problem else f"PASS {name}", flush=True)


class Cli:
    def __init__(self, xemu, programs, folder):
        self.xemu, self.programs, self.folder = xemu, programs, folder

    def run(self, *args, env=None, stdin=subprocess.DEVNULL):
        base = {k: v for k, v in os.environ.items() if not k.startswith(("QEMU_", "XEMU_", "T_"))}
        try:
            return subprocess.run([self.xemu, *args], stdin=stdin, capture_output=True, timeout=LIMIT,
                                  env={**base, "XDG_CACHE_HOME": os.path.join(self.folder, "cache"), **(env or {})},
                                  cwd=self.folder)
        except subprocess.TimeoutExpired:
            return None

    def program(self, name):
        return os.path.join(self.programs, name)

    def expect(self, name, args, output=None, status=0, env=None, errors=None):
        done = self.run(*args, env=env)
        if done is None:
            return report(name, "still running")
        out, err = done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")
        problem = None
        if done.returncode != status:
            problem = f"exit status {done.returncode} instead of {status}: {err.strip()[-200:]}"
        elif output is not None and not re.search(output, out):
            problem = f"no '{output}' in output '{out[:200]}'"
        elif errors is not None and not re.search(errors, err):
            problem = f"no '{errors}' in errors '{err[:300]}'"
        return report(name, problem)

    def refused(self, args, statuses=(126, 127), env=None):
        """None if the program is refused as it should be, else what happened."""
        done = self.run(*args, env=env)
        if done is None:
            return "still running"
        err = done.stderr.decode("utf-8", "replace")
        if done.returncode not in statuses:
            return f"exit status {done.returncode}: {err.strip()[-200:]}"
        if done.stdout:
            return "wrote to standard output"
        if err.count("\n") != 1 or not re.match(r"(x|q)emu[-a-z0-9]*: .", err):
            return f"not one clear line: '{err[:300]}'"
        return None


def patch(data, at, form, value):
    out = bytearray(data)
    struct.pack_into("<" + form, out, at, value)
    return bytes(out)


def write(cli, name, data, mode=0o755):
    path = os.path.join(cli.folder, name)
    with open(path, "wb") as file:
        file.write(data)
    os.chmod(path, mode)
    return path


def options(cli):
    show = cli.program("show-O2-static")
    cli.expect("arguments", [show, "a b", "", "--", "-c"], r"^argv\[0\] .*show-O2-static\nargv\[1\] a b\nargv\[2\] \n"
               r"argv\[3\] --\nargv\[4\] -c\n$", 5)
    cli.expect("argv0", ["-0", "other", show, "x"], r"^argv\[0\] other\nargv\[1\] x\n", 2)
    cli.expect("set variable", ["-E", "T_A=1,T_C=x y", "-E", "T_B=", show, "x"], r"T_A=1\nT_B=\nT_C=x y\n$", 2)
    cli.expect("unset variable", ["-U", "T_A", show, "x"], r"^argv.*\n.*\nT_B=2\n$", 2, {"T_A": "1", "T_B": "2"})
    cli.expect("inherited variable", [show, "x"], r"T_A=1\n$", 2, {"T_A": "1"})
    cli.expect("QEMU_SET_ENV", [show, "x"], r"T_A=1\nT_B=2\n$", 2, {"QEMU_SET_ENV": "T_A=1,T_B=2"})
    cli.expect("QEMU_UNSET_ENV", [show, "x"], r"^argv.*\n.*x\nT_B=2\n$", 2,
               {"QEMU_UNSET_ENV": "T_A", "T_A": "1", "T_B": "2"})
    cli.expect("QEMU_ARGV0", [show, "x"], r"^argv\[0\] zero\n", 2, {"QEMU_ARGV0": "zero"})
    cli.expect("stack size", ["-s", "67108864", show, "stack", "50000"], r"^stack 50000\n$")
    cli.expect("stack size by variable", [show, "stack", "50000"], r"^stack 50000\n$", 0, {"XEMU_STACK_SIZE": "67108864"})
    dynamic = cli.program("show-O2-dynamic")
    prefix = "/usr/aarch64-linux-gnu"
    cli.expect("prefix", ["-L", prefix, dynamic, "x"], r"^argv", 2)
    cli.expect("QEMU_LD_PREFIX", [dynamic, "x"], r"^argv", 2, {"QEMU_LD_PREFIX": prefix})
    cli.expect("XEMU_LD_PREFIX", [dynamic, "x"], r"^argv", 2, {"XEMU_LD_PREFIX": prefix})
    cli.expect("prefix found", [dynamic, "x"], r"^argv", 2)
    for word in "-version", "--version":
        cli.expect(word, [word], r"xemu.* \d+\.\d+")
    for word in "-h", "-help", "--help":
        cli.expect(word, [word], r"(?is)usage:(?=.*-strace)(?=.*-L )(?=.*-E )(?=.*--tiers).*")
    cli.expect("strace", ["-strace", show, "x"], status=2, errors=r"write\(1,.*\) = \d+\n(.*\n)*.*exit_group\(2\)")
    cli.expect("QEMU_STRACE", [show, "x"], status=2, env={"QEMU_STRACE": "1"}, errors=r"exit_group\(2\)")
    for tier in "interp", "1":
        cli.expect(f"--tiers={tier}", [f"--tiers={tier}", show, "x"], r"^argv", 2)
        cli.expect(f"XEMU_TIERS={tier}", [show, "x"], r"^argv", 2, {"XEMU_TIERS": tier})
    cli.expect("--stats", ["--stats", show, "x"], r"^argv", 2, errors=r"\w+ +\d+")
    cli.expect("--stats=json", ["--stats=json", show, "x"], r"^argv", 2, errors=r"^\{.*\}\n$")
    cli.expect("--stats, descriptors closed", ["--stats=json", show, "quiet"], r"^$", 0, errors=r"^\{.*\}\n$")
    cli.expect("strace, descriptors closed", ["-strace", show, "quiet"], r"^$", 0, errors=r"exit_group\(0\)")
    log = os.path.join(cli.folder, "quiet-log")
    cli.expect("log to a file, descriptors closed", ["-D", log, "-d", "strace", show, "quiet"], r"^$", 0, errors=r"^$")
    report("that log has lines", None if "exit_group" in open(log, encoding="utf-8").read() else "no exit_group in the log")
    cli.expect("cpu", ["-cpu", "max", show, "x"], r"^argv", 2)
    cli.expect("cpu list", ["-cpu", "help"], r"\bmax\b")
    cli.expect("base", ["-B", "0x100000000", cli.program("hello-O2-static")], r"^hello", 3)
    cli.expect("reserved range", ["-R", "0x1000000000", cli.program("hello-O2-static")], r"^hello", 3)
    log = os.path.join(cli.folder, "log")
    cli.expect("log to a file", ["-D", log, "-d", "strace", show, "x"], r"^argv", 2)
    report("log has lines", None if os.path.exists(log) and "exit_group" in open(log, encoding="utf-8").read()
           else "no exit_group in the log")
    cli.expect("dump", ["--dump=uop", show, "x"], r"^argv", 2)
    for name in "xemu-aarch64", "xemu-aarch64-static":
        other = Cli(os.path.join(os.path.dirname(cli.xemu), name), cli.programs, cli.folder)
        if os.path.exists(other.xemu):
            other.expect(f"as {name}", [show, "x"], r"^argv", 2)
    for args in (["-nonsense"], ["--nonsense", show], ["-L"], ["-E"], ["-s", "many", show], ["-tiers"], [],
                 ["--tiers=7", show], ["-cpu", "nonsense", show], ["-d", "nonsense", show], ["-U", "A=B", show],
                 ["-E", "novalue", show], ["-0"], ["-D", "/nonexistent/log", "-d", "strace", show]):
        done = cli.run(*args)
        problem = "still running" if done is None else None
        if done is not None and (done.returncode not in (1, 2, 125, 126, 127) or not done.stderr):
            problem = f"exit status {done.returncode}, errors '{done.stderr[:200]}'"
        report("bad options: " + " ".join(a.replace(show, "PROG") for a in args), problem)


# A value for each option of tools/xemu/options.def that a user would give: long name, variable, value (None: it takes none).
FORMS = [("ld-prefix", "LD_PREFIX", "/"), ("set-env", "SET_ENV", "T_X=1"), ("unset-env", "UNSET_ENV", "T_X"), ("argv0", "ARGV0", "zero"),
         ("cpu", "CPU", "max"), ("stack-size", "STACK_SIZE", "16M"), ("guest-base", "GUEST_BASE", "0x10000000"),
         ("reserved-va", "RESERVED_VA", "64G"), ("strace", "STRACE", None), ("log-file", "LOG_FILENAME", "log.txt"),
         ("log", "LOG", "strace"), ("one-insn-per-tb", "ONE_INSN_PER_TB", None), ("tiers", "TIERS", "interp"), ("stats", "STATS", None),
         ("dump", "DUMP", "uop"), ("host-features", "HOST_FEATURES", "-avx512")]


def forms(cli):
    """Each option with two dashes and as a variable of either name; what it does is tested above."""
    show = cli.program("show-O2-static")
    for name, variable, value in FORMS:
        words = [[f"--{name}"]] if value is None else [[f"--{name}={value}"], [f"--{name}", value]]
        for word in words:
            cli.expect(" ".join(word), word + [show, "x"], r"^argv", 2)
        for prefix in "QEMU_", "XEMU_":
            cli.expect(prefix + variable, [show, "x"], r"^argv", 2, {prefix + variable: "1" if value is None else value})


def bad_files(cli):
    with open(cli.program("hello-O2-static"), "rb") as file:
        good = file.read()
    with open(cli.program("hello-O2-dynamic"), "rb") as file:
        dynamic = file.read()
    report("not there", cli.refused(["/nonexistent/program"], (127,)))
    report("a folder", cli.refused([cli.folder]))
    report("empty", cli.refused([write(cli, "empty", b"")]))
    report("text", cli.refused([write(cli, "text", b"hello\n" * 100)]))
    report("this machine's", cli.refused([shutil.which("true")]))
    if os.getuid() != 0:
        report("unreadable", cli.refused([write(cli, "unreadable", good, 0o100)]))
    report("no interpreter", cli.refused(["-L", "/nonexistent", write(cli, "nointerp", dynamic.replace(
        b"/lib/ld-linux-aarch64.so.1", b"/lib/ld-linux-nothing.so.1"))]))
    report("interpreter is text", cli.refused(["-L", "/", write(cli, "textinterp", dynamic.replace(
        b"/lib/ld-linux-aarch64.so.1", b"/etc/passwd\0" + bytes(14)))]))

    phoff, = struct.unpack_from("<Q", good, 32)
    phnum, = struct.unpack_from("<H", good, 56)
    loads = [phoff + 56 * i for i in range(phnum) if struct.unpack_from("<I", good, phoff + 56 * i)[0] == 1]
    end = max(sum(struct.unpack_from("<8xQ16xQ", good, at)) for at in loads)
    header_end = phoff + 56 * phnum
    cuts = list(range(0, header_end + 2)) + [header_end + (end - header_end) * i // 60 for i in range(1, 60)] + [end - 1]
    problem = None
    for cut in cuts:
        problem = problem or cli.refused([write(cli, "cut", good[:cut])])
        if problem:
            problem += f" (cut at {cut})"
            break
    report(f"truncated at {len(cuts)} places", problem)
    cli.expect("section headers cut off", [write(cli, "stripped", good[:end])], r"^hello", 3)

    first, second = loads[0], loads[1]
    hostile = [
        ("big endian", patch(good, 5, "B", 2)), ("32-bit class", patch(good, 4, "B", 1)),
        ("bad class", patch(good, 4, "B", 9)), ("bad magic", patch(good, 1, "B", 0)),
        ("relocatable", patch(good, 16, "H", 1)), ("core", patch(good, 16, "H", 4)),
        ("x86-64", patch(good, 18, "H", 62)), ("riscv", patch(good, 18, "H", 243)), ("arm", patch(good, 18, "H", 40)),
        ("no program headers", patch(good, 56, "H", 0)), ("65535 program headers", patch(good, 56, "H", 65535)),
        ("program headers outside", patch(good, 32, "Q", 1 << 62)),
        ("program headers at the end", patch(good, 32, "Q", len(good) - 8)),
        ("program header size", patch(good, 54, "H", 57)),
        ("file size over memory size", patch(good, first + 40, "Q", 16)),
        ("memory size", patch(good, second + 40, "Q", (1 << 64) - 4096)),
        ("address", patch(good, second + 16, "Q", (1 << 64) - 8192)),
        ("kernel address", patch(good, second + 16, "Q", 0xffff000000000000 + struct.unpack_from("<Q", good, second + 16)[0])),
        ("file offset", patch(good, second + 8, "Q", (1 << 63) + struct.unpack_from("<Q", good, second + 8)[0])),
        ("misaligned", patch(good, second + 16, "Q", struct.unpack_from("<Q", good, second + 16)[0] + 1)),
        ("file size", patch(patch(good, second + 32, "Q", 1 << 40), second + 40, "Q", 1 << 40)),
    ]
    at = dynamic.find(b"/lib/ld-linux-aarch64.so.1")
    interp = next(p for p in range(64, 64 + 56 * 20, 56) if struct.unpack_from("<I", dynamic, p)[0] == 3)
    hostile += [
        ("interpreter name without end", patch(dynamic, interp + 32, "Q", 5)),
        ("interpreter name empty", patch(dynamic, interp + 32, "Q", 0)),
        ("interpreter name too long", patch(dynamic, interp + 32, "Q", 1 << 40)),
        ("interpreter name outside", patch(dynamic, interp + 8, "Q", 1 << 40)),
        ("interpreter is a folder", dynamic[:at] + b"/\0" + dynamic[at + 2:]),
    ]
    for name, data in hostile:
        report(f"hostile: {name}", cli.refused([write(cli, "hostile", data)]))

    # Random damage in the headers: it may run and fault as a program does, but not hang or break the emulator.
    generator = random.Random(1)
    problem = None
    for i in range(200):
        data = bytearray(good if i % 2 else dynamic)
        for _ in range(generator.randrange(1, 4)):
            data[generator.randrange(4, header_end)] = generator.choice((0, 1, 0x7f, 0x80, 0xff, generator.randrange(256)))
        path = write(cli, "damaged", bytes(data))
        done = cli.run(path)
        if done is None or done.returncode in (-6, 134) or b"ssert" in done.stderr:
            problem = f"case {i}: " + ("still running" if done is None else f"status {done.returncode} {done.stderr[-200:]}")
            break
    report("200 damaged headers", problem)


def shared_memory(pid):
    """Inodes of the optimizer's memory file that a process has mapped."""
    try:
        with open(f"/proc/{pid}/maps", encoding="utf-8") as maps:
            return {line.split()[4] for line in maps if "memfd:xemu-optimizer" in line}
    except OSError:
        return set()


def optimizers():
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/comm", encoding="utf-8") as comm:
                if comm.read() == "xemu-optimizer\n":
                    yield int(pid)
        except OSError:
            pass


def kill_optimizer(cli):
    """The guest goes on when the optimizer is killed, whenever that is, and prints what it prints in tier 1."""
    program = cli.program("bignum-O2-static")
    want = cli.run("--tiers=1", program)
    if b"promotions" not in cli.run("--stats", program).stderr or cli.run("--tiers=1,2", program).returncode:
        return
    kills = 0
    for attempt in range(6):
        guest = subprocess.Popen([cli.xemu, "--tiers=1,2", "--hot=1", program], stdout=subprocess.PIPE,
                                 stderr=subprocess.DEVNULL, cwd=cli.folder)
        deadline = time.monotonic() + LIMIT
        pause = 0.01 * random.Random(attempt).random()
        while guest.poll() is None and time.monotonic() < deadline and kills < 2 * (attempt + 1):
            mine = shared_memory(guest.pid)
            for pid in optimizers() if mine else ():
                if mine & shared_memory(pid):
                    os.kill(pid, signal.SIGKILL)
                    kills += 1
            time.sleep(pause)
        try:
            out = guest.communicate(timeout=LIMIT)[0]
        except subprocess.TimeoutExpired:
            guest.kill()
            return report("kill -9 of the optimizer", "still running")
        if guest.returncode != want.returncode or out != want.stdout:
            return report("kill -9 of the optimizer", f"attempt {attempt}: exit status {guest.returncode}, {len(out)} bytes")
    report("kill -9 of the optimizer", None if kills else "none was found")


def small_optimizer(cli):
    """The guest goes on in tier 1 when the optimizer hasn't the memory to start, or to compile everything."""
    program = cli.program("bignum-O2-static")
    want = cli.run("--tiers=1", program)
    if cli.run("--tiers=1,2", program).returncode:
        return
    for memory in ("64K", "3M", "64M"):
        done = cli.run("--tiers=1,2", "--hot=1", f"--optimizer-memory={memory}", "--stats", program,
                       env={"XEMU_CACHE": "off"})
        problem = None
        if done is None:
            problem = "still running"
        elif done.returncode != want.returncode or done.stdout != want.stdout:
            problem = f"exit status {done.returncode}, {len(done.stdout)} bytes"
        elif memory == "64K" and not re.search(rb"^regions +0 ", done.stderr, re.M):
            problem = "it compiled"
        report(f"optimizer with {memory} of memory", problem)


def spoilt_regions(cli):
    """What LLVM can't compile kills the optimizer: the guest doesn't notice, and other regions are compiled all the same."""
    program = cli.program("bignum-O2-static")
    want = cli.run("--tiers=1", program)
    if cli.run("--tiers=1,2", program).returncode:
        return
    for tiers, of in (("1,2", 1), ("1,2", 3), ("2", 40)):
        done = cli.run(f"--tiers={tiers}", "--hot=1", f"--spoil={of}", "--stats", program, env={"XEMU_CACHE": "off"})
        counts = dict(re.findall(rb"^(\w+) +(\d+) ", done.stderr, re.M)) if done else {}
        problem = None
        if done is None:
            problem = "still running"
        elif done.returncode != want.returncode or done.stdout != want.stdout:
            problem = f"exit status {done.returncode}, {len(done.stdout)} bytes"
        elif b"regions" not in counts:
            return  # without LLVM
        elif of == 1 and not int(counts[b"optimizers_lost"]):
            problem = "the optimizer survived"
        elif of != 3 and (int(counts[b"regions"]) == 0) != (of == 1):
            problem = f"{counts[b'regions']} regions"
        report(f"a fatal error of LLVM in one region of {of}, --tiers={tiers}", problem)


COUNTERS = """blocks guest_insns regions region_insns promotions optimizers translate_ns lift_ns passes_ns codegen_ns host_bytes region_bytes
tier1_ms tier2_ms other_ms exits_link exits_hot exits_syscall exits_trap exits_interrupt exits_fault ibtc_misses""".split()


def look_inside(cli):
    """--stats and --dump of both tiers."""
    program = cli.program("recursion-O2-static")
    for tiers in "1", "2":
        done = cli.run(f"--tiers={tiers}", "--stats=json", program, env={"XEMU_CACHE": "off"})
        stats = json.loads(done.stderr.splitlines()[-1])
        if tiers == "2" and done.returncode == 0 and not stats["regions"]:
            return  # without LLVM
        wanted = ["blocks", "guest_insns", "exits_syscall", "host_bytes"] + ["regions", "lift_ns", "passes_ns", "codegen_ns",
                                                                           "region_bytes"] * (tiers == "2")
        lacking = [c for c in COUNTERS if c not in stats] + [c for c in wanted if not stats.get(c)]
        report(f"--stats=json, --tiers={tiers}", f"without {lacking}" if lacking else None)
    landing = cli.run("--tiers=1", "--stats=json", cli.program("landing-O2-static"), env={"XEMU_CACHE": "off"})
    misses = json.loads(landing.stderr.splitlines()[-1])["ibtc_misses"]
    report("one function by two kinds of branch", f"{misses} misses" if misses > 2000 else None)
    for stage, text in ("uop", rb"micro-ops"), ("ir", rb"(?m)^define "), ("ir-opt", rb"(?m)^define "), ("asm", rb"(?m)^\s+jmp"), ("host", rb"host code"):
        all_of = cli.run("--tiers=2", f"--dump={stage}", program)
        none = cli.run("--tiers=2", f"--dump={stage}:10-20", program)
        report(f"--dump={stage}", "nothing" if not re.search(text, all_of.stderr) else
               "outside of the range" if re.search(text, none.stderr) else None)


def dump_names(path):
    """The names in a jitdump file whose records fill it; None if they don't."""
    with open(path, "rb") as file:
        data = file.read()
    at, names = 40, set()
    if data[:8] != struct.pack("<II", 0x4a695444, 1):
        return None
    while at < len(data):
        kind, size = struct.unpack_from("<II", data, at)
        length, = struct.unpack_from("<Q", data, at + 40)
        name = data[at + 56:at + size].split(b"\0")[0]
        if kind != 0 or size != 56 + len(name) + 1 + length:
            return None
        names.add(name.decode())
        at += size
    return names


def profile(cli):
    """--perf-map and --jitdump name the guest's functions, of each tier."""
    program = cli.program("recursion-O2-static")
    for tiers in "1", "2":
        done = subprocess.Popen([cli.xemu, f"--tiers={tiers}", "--perf-map", f"--jitdump={cli.folder}", program],
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=cli.folder)
        done.wait()
        path = f"/tmp/perf-{done.pid}.map"
        with open(path, encoding="utf-8") as file:
            lines = [re.fullmatch(r"[0-9a-f]+ [0-9a-f]+ (.+)\n", line) for line in file]
        os.unlink(path)
        names = {line[1] for line in lines if line}
        # Without LLVM there is tier 1 only.
        wanted = {f"{f} [1]" for f in ("main", "ackermann")}, {f"{f} [2]" for f in ("main", "ackermann")}
        report(f"--perf-map, tier {tiers}", "a line has another form" if None in lines else
               None if any(w <= names for w in wanted[:int(tiers)]) else f"{len(names)} names without main and ackermann")
        report(f"--jitdump, tier {tiers}", None if dump_names(os.path.join(cli.folder, f"jit-{done.pid}.dump")) == names
               else "other names than in the map")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--xemu", required=True)
    parser.add_argument("--programs", required=True, help="folder of the built guest programs")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        cli = Cli(os.path.abspath(arguments.xemu), os.path.abspath(arguments.programs), folder)
        options(cli)
        forms(cli)
        bad_files(cli)
        kill_optimizer(cli)
        small_optimizer(cli)
        spoilt_regions(cli)
        profile(cli)
        look_inside(cli)
    print(f"{results[0]} passed, {results[1]} failed")
    return 1 if results[1] else 0


if __name__ == "__main__":
    sys.exit(main())
