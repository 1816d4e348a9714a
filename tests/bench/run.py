#!/usr/bin/env python3
"""Measures xemu side by side with native execution and with qemu-aarch64.

Every benchmark runs --runs times under each of them, in alternation, so that what disturbs the machine disturbs all alike.
What counts is processor time (user + system, with descendants); the medians are compared. The outputs must agree.
`xemu` runs without a cache, so that every run is a first one; `warm` has the cache that two earlier runs left behind.
With --scale=N the compiled benchmarks do their work N times, natively and under xemu: in less than half a second
there is no time for the optimizer. qemu, whose speed is the same throughout, does it once, beside a native run of its own.
xemu's optimizer is a process of its own whose time isn't in these figures: it is waited for, so that it disturbs nobody.
Prints a table of ratios to native, the geometric means of the groups and of all, and writes results.json to --work.
"""
import argparse
import json
import math
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import threading
import time

LIMIT = 120  # seconds for one run
HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
PREFIX = "/usr/aarch64-linux-gnu"

# Real programs: name, group, command. {data} and {big} are files made below, {python} ... scripts.
REAL = [
    ("python-start", "start", ["python3", "-S", "-c", "pass"]),
    ("python", "interpreters", ["python3", "-S", "{python}"]),
    ("perl", "interpreters", ["perl", "{perl}"]),
    ("lua", "interpreters", ["lua5.4", "{lua}"]),
    ("gawk", "interpreters", ["gawk", "{n[$1 % 97] += length($0); s += $1 * 0.5} END {print s, n[5]}", "{data}"]),
    ("bash", "interpreters", ["bash", "-c", "i=0; while ((i < 100000)); do ((i++, s += i * i % 7)); done; echo $s"]),
    ("sqlite", "sqlite", ["sqlite3", ":memory:", "{sql}"]),
    ("gzip", "compression", ["gzip", "-6nc", "{data}"]),
    ("bzip2", "compression", ["bzip2", "-c", "{data}"]),
    ("xz", "compression", ["xz", "-1c", "-T1", "{data}"]),
    ("zstd", "compression", ["zstd", "-q", "-9c", "--single-thread", "{data}"]),
    ("openssl-sha256", "crypto", ["openssl", "dgst", "-sha256", "-r", "{big}"]),
    ("openssl-aes", "crypto", ["openssl", "enc", "-aes-256-ctr", "-K", "00" * 32, "-iv", "00" * 16, "-in", "{big}"]),
    ("sort", "coreutils", ["sort", "-r", "{data}"]),
    ("sha512sum", "coreutils", ["sha512sum", "{data}"]),
]
PACKAGES = ["python3", "perl", "lua5.4", "gawk", "bash", "sqlite3", "gzip", "bzip2", "xz-utils", "zstd", "openssl",
            "coreutils"]
SCRIPTS = {
    "python": """
import re, json
class P:
    def __init__(s, x): s.x = x
    def add(s, o): return P(s.x + o.x)
def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)
a = P(0)
for i in range(60000): a = a.add(P(i & 3))
d = {}
for i in range(60000): d[i % 1000] = d.get(i % 1000, 0) + i * 0.5
print(a.x, fib(20), sum(d.values()), len(json.dumps(list(range(20000)))), sorted(str(i) for i in range(20000))[77])
print(len(re.findall(r"\\w+", " ab c" * 20000)), 3 ** 3000 % 10 ** 9)
""",
    "perl": """
my (%h, $s); for my $i (1 .. 150000) { $h{$i % 997} += $i; $s .= chr(97 + $i % 26) if $i % 3; }
my $n = () = $s =~ /[aeiou]\\w/g; sub fib { my $n = shift; $n < 2 ? $n : fib($n - 1) + fib($n - 2) }
print fib(20), " $n ", join(",", (sort { $a <=> $b } values %h)[0 .. 3]), "\\n";
""",
    "lua": """
local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end
local t = {} for i = 1, 100000 do t[i] = (i * 7919) % 100003 end table.sort(t)
local s = 0 for i = 1, 2000000 do s = s + i % 7 * 0.5 end
print(fib(26), t[500], s, #(("x"):rep(100000):gsub("x", "yz")))
""",
    "sql": """
create table t(i integer primary key, s text, r real);
with recursive c(n) as (select 1 union all select n + 1 from c where n < 40000)
insert into t select n, 'row' || (n * 7919 % 10007), n / 7.0 from c;
create index k on t(s);
select count(*), max(s), round(sum(r), 3) from t where s like 'row1%';
select count(*) from t a join t b on a.s = b.s where a.i < 8000;
update t set r = r * 2 where i % 3 = 0; select round(avg(r), 6) from t; delete from t where i % 2; select count(*) from t;
""",
}


def geometric_mean(values):
    return math.exp(sum(map(math.log, values)) / len(values)) if values else float("nan")


def optimizers(of=None):
    """Whether an optimizer of xemu's (of the one executable) runs on this machine."""
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/cmdline", "rb") as file:
                    if file.read(14) == b"xemu-optimizer" and (not of or os.path.samefile(f"/proc/{name}/exe", of)):
                        return True
            except OSError:
                pass
    return False


def measure(command, out, environment=None):
    """(seconds of processor time, exit status) of a command whose output goes to a file; it is ended after LIMIT seconds."""
    with open(out, "wb") as file, open(os.devnull, "rb") as null:
        process = subprocess.Popen(command, stdin=null, stdout=file, stderr=subprocess.DEVNULL, env=environment or ENVIRONMENT)
        timer = threading.Timer(LIMIT, process.kill)
        timer.start()
        _, status, usage = os.wait4(process.pid, 0)
        timer.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
    patience = time.monotonic() + 20
    while optimizers(next((c for c in command if os.path.basename(c).startswith("xemu")), None)) and time.monotonic() < patience:
        time.sleep(0.02)
    return usage.ru_utime + usage.ru_stime, process.returncode


ENVIRONMENT = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "LC_ALL": "C", "TZ": "UTC"}


class Benchmark:
    def __init__(self, name, group, native, guest, prefix=None, scale=1):
        self.name, self.group, self.native, self.guest, self.prefix = name, group, native, guest, prefix
        self.scale, self.units = scale, None
        self.times, self.problem = {}, {}

    def command(self, who, emulator):
        scale = [f"x{self.scale}"] if self.scale > 1 and who not in ("qemu", "once") else []
        if who in ("native", "once"):
            return self.native + scale
        return emulator + (["-L", self.prefix] if self.prefix else []) + self.guest + scale

    def base(self, who):
        """Which native run it is compared with."""
        return "once" if self.scale > 1 and who in ("qemu", "once") else "native"

    def each(self, who):
        """Microseconds for one unit of work."""
        if not self.units or who in self.problem or not self.times.get(who):
            return None
        return statistics.median(self.times[who]) / (self.units * (1 if who == "qemu" else self.scale)) * 1e6

    def ratio(self, who):
        base = self.times.get(self.base(who))
        if who in self.problem or not self.times.get(who) or not base:
            return None
        return statistics.median(self.times[who]) / statistics.median(base)


def compiled(work, scale):
    """The programs of this folder."""
    for source in sorted(os.listdir(HERE)):
        name, kind = os.path.splitext(source)
        if kind not in (".c", ".cc") or name == "hello":
            continue
        with open(os.path.join(HERE, source), encoding="utf-8") as file:
            text = file.read()
        group = re.match(r"// group: (.*)", text)[1]
        bench = Benchmark(name, group, [os.path.join(work, name + "-native")], [os.path.join(work, name + "-guest")],
                          scale=scale)
        units = re.search(r"^BENCH\((\d+), (?:system|rewriting)\)", text, re.M)
        bench.units = int(units[1]) if units else None
        yield bench


def fetched(work):
    """Debian's programs, for arm64 and for amd64, of the same versions."""
    roots = {}
    for arch in "arm64", "amd64":
        roots[arch] = os.path.join(work, "root-" + arch)
        subprocess.run([os.path.join(ROOT, "tests/real/fetch"), arch, roots[arch]] + PACKAGES, check=True)
    files = {"data": os.path.join(work, "data"), "big": os.path.join(work, "big")}
    with open(files["data"], "w", encoding="ascii") as file:
        state = 1
        for i in range(150000):
            state = (state * 1103515245 + 12345) & 0x7fffffff
            file.write(f"{i} {'abcdefgh'[state >> 8 & 7] * (state >> 16 & 15)} word{state >> 20}\n")
    with open(files["big"], "wb") as file:
        file.truncate(100 << 20)
    for name, text in SCRIPTS.items():
        files[name] = os.path.join(work, "script." + name)
        with open(files[name], "w", encoding="ascii") as file:
            file.write(text)
    loader = os.path.join(roots["amd64"], "lib64/ld-linux-x86-64.so.2")
    libraries = os.path.join(roots["amd64"], "usr/lib/x86_64-linux-gnu")
    for name, group, command in REAL:
        arguments = [SCRIPTS["sql"] if a == "{sql}" else files.get(a[1:-1], a) for a in command[1:]]
        yield Benchmark(name, group,
                        [loader, "--library-path", libraries, os.path.join(roots["amd64"], "usr/bin", command[0])] + arguments,
                        [os.path.join(roots["arm64"], "usr/bin", command[0])] + arguments, roots["arm64"])


def translation(emulator, work):
    """Guest instructions translated a second while Python starts, from the counters of --stats=json."""
    root = os.path.join(work, "root-arm64")
    rates = []
    counters = {}
    for _ in range(5):
        done = subprocess.run(emulator + ["--stats=json", "-L", root, os.path.join(root, "usr/bin/python3"), "-S", "-c", "pass"],
                              capture_output=True, env=ENVIRONMENT, check=False)
        line = [l for l in done.stderr.decode("utf-8", "replace").split("\n") if l.startswith("{")]
        if done.returncode or not line:
            return None
        counters = json.loads(line[-1])
        rates.append(counters["guest_insns"] / (counters["translate_ns"] * 1e-9))
    return {"insns": counters["guest_insns"], "rate": statistics.median(rates), "counters": counters}


def start_cost(emulators, build, warm):
    """Milliseconds of processor time that a static hello takes, by emulator: medians of 30."""
    times = {who: [] for who in emulators}
    for number in range(32):
        for who, emulator in emulators.items():
            program = os.path.join(build, "bench", "hello-native" if who == "native" else "hello-guest")
            seconds, _ = measure(emulator + [program], os.devnull, warm if who == "warm" else None)
            if number >= 2:
                times[who].append(seconds)
    return {who: statistics.median(t) * 1e3 for who, t in times.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--xemu", required=True)
    parser.add_argument("--work", required=True, help="folder for programs, packages and results")
    parser.add_argument("--qemu", default=shutil.which("qemu-aarch64"))
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--scale", type=int, default=1, help="how often the compiled benchmarks do their work")
    parser.add_argument("--only", default="", help="regular expression of benchmark names")
    parser.add_argument("--options", default="", help="options for xemu, e.g. --options=--tiers=interp")
    parser.add_argument("--no-real", action="store_true", help="leave Debian's programs out")
    parser.add_argument("--json", action="store_true", help="print the results as JSON instead of a table")
    arguments = parser.parse_args()

    work = os.path.abspath(arguments.work)
    os.makedirs(work, exist_ok=True)
    build = os.path.dirname(os.path.abspath(arguments.xemu))
    subprocess.run(["ninja", "-C", build, "bench-programs"], check=True, stdout=subprocess.DEVNULL)
    xemu = [os.path.abspath(arguments.xemu)] + arguments.options.split()
    emulators = {"native": [], "qemu": [arguments.qemu], "xemu": xemu + ["--cache=off"], "warm": xemu}
    cache = os.path.join(work, "cache")
    shutil.rmtree(cache, ignore_errors=True)
    warm = dict(ENVIRONMENT, XDG_CACHE_HOME=cache)
    if not arguments.qemu:
        del emulators["qemu"]
    benchmarks = list(compiled(os.path.join(build, "bench"), arguments.scale)) + ([] if arguments.no_real else list(fetched(work)))
    benchmarks = [b for b in benchmarks if re.search(arguments.only, b.name)]

    for bench in benchmarks:
        for _ in range(2):
            measure(bench.command("warm", xemu), os.devnull, warm)
    for number in range(arguments.runs):
        for bench in benchmarks:
            expected = {}
            for who, emulator in [("once", [])] * (bench.scale > 1) + list(emulators.items()):
                if who in bench.problem:
                    continue
                out = os.path.join(work, "output-" + who)
                seconds, status = measure(bench.command(who, emulator), out, warm if who == "warm" else None)
                with open(out, "rb") as file:
                    output = file.read()
                if who in ("native", "once"):
                    expected[who] = output
                if status != 0:
                    bench.problem[who] = f"exit status {status}"
                elif output != expected.get(bench.base(who)):
                    bench.problem[who] = "other output"
                else:
                    bench.times.setdefault(who, []).append(seconds)
        print(f"run {number + 1} of {arguments.runs} done", file=sys.stderr)

    others = [who for who in emulators if who != "native"]
    rows = []
    for bench in sorted(benchmarks, key=lambda b: (b.group, b.name)):
        rows.append({"name": bench.name, "group": bench.group, "problems": bench.problem,
                     "native": statistics.median(bench.times["native"]) if bench.times.get("native") else None,
                     "microseconds": {who: bench.each(who) for who in emulators},
                     **{who: bench.ratio(who) for who in others}})
    good = [r for r in rows if all(r[who] for who in others)]
    groups = {}
    for row in good:
        groups.setdefault(row["group"], []).append(row)
    means = {g: {who: geometric_mean([r[who] for r in rs]) for who in others} for g, rs in groups.items()}
    means["all"] = {who: geometric_mean([r[who] for r in good]) for who in others}
    speed = None if arguments.no_real else translation(emulators["xemu"], work)
    hello = start_cost(emulators, build, warm)
    results = {"benchmarks": rows, "means": means, "runs": arguments.runs, "translation": speed, "hello_ms": hello}
    with open(os.path.join(work, "results.json"), "w", encoding="ascii") as file:
        json.dump(results, file, indent=1)
    if arguments.json:
        print(json.dumps(results, indent=1))
    else:
        show(rows, means, others, speed, hello)
    return 1 if len(good) < len(rows) else 0


def show(rows, means, others, speed, hello):
    def cell(value):
        return f"{value:8.2f}" if value else "  failed"

    print(f"Processor time as a multiple of native; {platform.processor() or platform.machine()}\n")
    print("| benchmark | group | native ms | " + " | ".join(others) + " | xemu / qemu |")
    print("|---|---|---:|" + "---:|" * (len(others) + 1))
    for row in rows:
        pair = row["xemu"] / row["qemu"] if row.get("xemu") and row.get("qemu") else None
        native = f"{row['native'] * 1e3:.1f}" if row["native"] else "failed"
        print(f"| {row['name']:14} | {row['group']} | {native} | " + " | ".join(cell(row[w]) for w in others) + f" | {cell(pair)} |"
              + "".join(f" {w}: {p}" for w, p in row["problems"].items()))
    print("\n| geometric mean of | " + " | ".join(others) + " |\n|---|" + "---:|" * len(others))
    for group, values in means.items():
        print(f"| {group} | " + " | ".join(cell(values[w]) for w in others) + " |")
    for row in rows:
        each = {who: us for who, us in row["microseconds"].items() if us}
        if each:
            print(f"{row['name']}, microseconds for one: " + ", ".join(f"{who} {us:.3f}" for who, us in each.items()))
    slower = [r["name"] for r in rows if r.get("xemu") and r.get("qemu") and r["xemu"] > r["qemu"]]
    print(f"\nslower than qemu: {', '.join(slower) or 'none'}")
    print("a static hello, ms: " + ", ".join(f"{who} {ms:.2f}" for who, ms in hello.items()))
    if speed:
        print(f"translation: {speed['rate'] / 1e6:.1f} million guest instructions a second ({speed['insns']} of python's start)")


if __name__ == "__main__":
    sys.exit(main())
