#!/usr/bin/env python3
"""Translates guest programs ahead of time and runs them with that. One line PASS or FAIL each."""
import json
import os
import shutil
import struct
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from suite import main, report, test  # noqa: E402

LIMIT = 300
SYSROOT = "/usr/aarch64-linux-gnu"
PROGRAMS = ["hello-O2-static", "hello-O1-dynamic", "switches-O0-static", "switches-O2-dynamic", "exceptions-O2-static", "exceptions-O1-dynamic",
            "containers-O2-dynamic", "sort-O2-dynamic", "recursion-O0-dynamic", "jumps-O2-static"]
LOOPS = """
#include <stdio.h>
static unsigned table[1000];
__attribute__((noinline)) static unsigned mix(unsigned a, unsigned b)
{
    for (unsigned i = 0; i < b % 8; i++)
        a = a * 5 + (a >> 7 ^ table[i]);
    return a;
}
int main(void)
{
    unsigned sum = 0;
    for (unsigned n = 0; n < 200; n++) {
        for (unsigned i = 0; i < 1000; i++)
            table[i] = table[i] * 3 + i;
        for (unsigned i = 0; i < 1000; i++)
            sum += mix(table[i], i);
    }
    printf("%u\\n", sum);
    return 0;
}
"""
# A function of pairs that threads share, run by one after another.
THREADS = """
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
typedef struct Pair { unsigned long a, b; } Pair;
static Pair pairs[64];
static int more(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}
static void *work(void *arg)
{
    int v[500];
    for (int i = 0; i < 500; i++)
        v[i] = (i * 7919 + (int)(long)arg) % 1009;
    qsort(v, 500, sizeof *v, more);
    for (int i = 0; i < 5000; i++) {
        Pair p = pairs[i % 64];
        pairs[(i + 1) % 64] = (Pair){p.b + (unsigned)v[i % 500], p.a};
    }
    return NULL;
}
int main(void)
{
    for (long i = 0; i < 4; i++) {
        pthread_t t;
        if (pthread_create(&t, NULL, work, (void *)i) || pthread_join(t, NULL))
            return 1;
    }
    printf("%lu %lu\\n", pairs[3].a, pairs[5].b);
    return 0;
}
"""
# Two functions that nothing but a table of Go's tells of.
GO = """
asm(".text\\n first: nop\\n ret\\n second: nop\\n ret\\n end:\\n"
    ".section .rodata\\n .balign 32\\n .long 0xfffffff1\\n .byte 0, 0, 4, 8\\n .quad COUNT, 0, first, 0, 0, 0, 0, 72\\n"
    ".long first - first, 0, second - first, 0, end - first\\n .text\\n");
void _start(void)
{
    asm volatile("mov x8, #93\\n mov x0, #0\\n svc #0");
}
"""
# Where a handler looks at the registers of a memory fault.
HANDLER = """
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
static sigjmp_buf back;
static void on_fault(int sig)
{
    siglongjmp(back, sig);
}
static int more(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}
int main(void)
{
    static int v[500];
    volatile int sum = 0;
    signal(SIGSEGV, on_fault);
    for (int i = 0; i < 20; i++) {
        if (!sigsetjmp(back, 1))
            sum += *(volatile int *)8L;
        for (int k = 0; k < 500; k++)
            v[k] = (k * 7919 + i) % 1009;
        qsort(v, 500, sizeof *v, more);
        sum += v[i];
    }
    printf("%d\\n", sum);
    return 0;
}
"""
# The vDSO has no file; memory functions choose their ways by where things lie.
FEW = 16


class Aot:
    def __init__(self, xemu, programs, folder):
        self.xemu, self.programs, self.folder = os.path.abspath(xemu), os.path.abspath(programs), folder
        self.cache = os.path.join(folder, "cache")

    def xemu_run(self, *args, **more):
        base = {k: v for k, v in os.environ.items() if not k.startswith(("XEMU_", "QEMU_", "XDG_CACHE"))}
        env = {**base, "HOME": self.folder, "XEMU_CACHE_PATH": self.cache,
               "XEMU_CACHE_SHARED": os.path.join(self.folder, "shared"), "XEMU_LD_PREFIX": SYSROOT, "XEMU_TIERS": "1", **more}
        return subprocess.run([self.xemu, *args], stdin=subprocess.DEVNULL, capture_output=True, env=env, cwd=self.folder, timeout=LIMIT)

    def ahead(self, *args, **more):
        r = self.xemu_run("--aot", "--json", *args, **more)
        return r, json.loads(r.stdout) if r.stdout.startswith(b"{") else {"files": []}

    def program(self, name):
        return os.path.join(self.programs, name)

    def clear(self):
        shutil.rmtree(self.cache, ignore_errors=True)

    def exported(self):
        path = os.path.join(self.folder, "export")
        self.xemu_run("--cachectl", "export", path)
        with open(path, "rb") as f:
            return f.read()

    def stripped(self, name):
        to = os.path.join(self.folder, "stripped-" + name)
        subprocess.run(["aarch64-linux-gnu-strip", self.program(name), "-o", to], check=True)
        return to

    @test
    def first_run(self):
        for name in PROGRAMS:
            for path in (self.program(name), self.stripped(name)):
                self.clear()
                plain = self.xemu_run("--cache=off", path)
                made, said = self.ahead(path)
                first = self.xemu_run("--cache=ro", "--stats=json", path)
                stats = json.loads(first.stderr.splitlines()[-1])
                problem = None
                if made.returncode or any("error" in f for f in said["files"]):
                    problem = f"--aot: {made.returncode} {made.stderr[-200:]}"
                elif (first.returncode, first.stdout) != (plain.returncode, plain.stdout):
                    problem = f"another output: {first.returncode}"
                elif stats["blocks"] > FEW:
                    problem = f"{stats['blocks']} blocks translated"
                elif any(f["functions_covered"] < f["functions"] for f in said["files"]):
                    problem = f"functions left out: {said['files']}"
                report(f"first run {os.path.basename(path)}", problem)

    @test
    def outside(self):
        """What isn't made ahead of time is hardly executed."""
        for name in ("switches-O2-dynamic", "exceptions-O2-static", "containers-O2-dynamic"):
            for path in (self.program(name), self.stripped(name)):
                self.clear()
                self.ahead(path)
                counts = os.path.join(self.folder, "counts")
                run = self.xemu_run("--cache=ro", f"--count={counts}", "--stats=json", path)
                stats = json.loads(run.stderr.splitlines()[-1])
                total, ahead = stats["insns_run"], stats["insns_ahead"]
                with open(counts) as f:
                    listed = sum(int(times) * int(insns) for _, times, insns in map(str.split, f))
                good = run.returncode == 0 and total > 10000 and total - ahead <= total // 100 and listed == total - ahead
                report(f"outside {os.path.basename(path)}", None if good else (run.returncode, total, ahead, listed))

    @test
    def the_same_bytes(self):
        for tiers in ("1", "1,2"):
            exports = []
            names = ("sort-O2-dynamic", "exceptions-O1-dynamic") if tiers == "1" else ("jumps-O2-static",)
            for jobs in ("1", "3"):
                self.clear()
                self.ahead("-j", jobs, *map(self.program, names), XEMU_TIERS=tiers)
                exports.append(self.exported())
            report(f"the same bytes, tiers {tiers}", None if len(exports[0]) > 100000 and exports[0] == exports[1] else [len(e) for e in exports])

    @test
    def regions(self):
        """Tier 2's code of loops is made ahead of time, and is what the first run comes to."""
        path, source = os.path.join(self.folder, "loops"), os.path.join(self.folder, "loops.c")
        with open(source, "w") as f:
            f.write(LOOPS)
        subprocess.run(["aarch64-linux-gnu-gcc", "-O2", source, "-o", path], check=True)
        plain = self.xemu_run("--cache=off", path)
        self.clear()
        made, said = self.ahead(path, XEMU_TIERS="1,2")
        first = self.xemu_run("--cache=ro", "--stats=json", path, XEMU_TIERS="1,2")
        again, repeated = self.ahead(path, XEMU_TIERS="1,2")
        stats = json.loads(first.stderr.splitlines()[-1])
        good = (made.returncode == 0 and said["files"][0]["regions"] >= 4 and (first.returncode, first.stdout) == (plain.returncode, plain.stdout)
                and stats["kept_found"] > 1 and stats["promotions"] == 0 and stats["blocks"] <= FEW and again.returncode == 0 and repeated["files"][0]["regions"] == 0)
        report("regions", None if good else (made.returncode, said, first.returncode, stats, repeated))

    @test
    def threads(self):
        """With its first thread a program changes its mode: the code of that is made, too."""
        path, source = os.path.join(self.folder, "threads"), os.path.join(self.folder, "threads.c")
        with open(source, "w") as f:
            f.write(THREADS)
        subprocess.run(["aarch64-linux-gnu-gcc", "-O2", "-pthread", source, "-o", path], check=True)
        plain = self.xemu_run("--cache=off", path)
        self.clear()
        self.ahead(path)
        first = self.xemu_run("--cache=ro", "--stats=json", path)
        counted = self.xemu_run("--cache=ro", "--count", "--stats=json", path)
        stats, counts = json.loads(first.stderr.splitlines()[-1]), json.loads(counted.stderr.splitlines()[-1])
        outside = counts["insns_run"] - counts["insns_ahead"]
        good = ((first.returncode, first.stdout) == (plain.returncode, plain.stdout) == (0, counted.stdout) and stats["blocks"] <= FEW
                and outside <= counts["insns_run"] // 100)
        report("threads", None if good else (first.returncode, stats, counts))

    def compiled(self, name, text, *options):
        path, source = os.path.join(self.folder, name), os.path.join(self.folder, name + ".c")
        with open(source, "w") as f:
            f.write(text)
        subprocess.run(["aarch64-linux-gnu-gcc", "-O2", *options, source, "-o", path], check=True)
        return path

    @test
    def thread_regions(self):
        """Regions serve programs with threads, too."""
        path = self.compiled("hot-threads", THREADS.replace("5000", "3000000"), "-pthread")
        plain = self.xemu_run("--cache=off", path)
        self.clear()
        self.ahead(path, XEMU_TIERS="1,2")
        first = self.xemu_run("--cache=ro", "--stats=json", path, XEMU_TIERS="1,2")
        stats = json.loads(first.stderr.splitlines()[-1])
        good = (first.returncode, first.stdout) == (plain.returncode, plain.stdout) and stats["kept_found"] > 0 and stats["promotions"] == 0
        report("regions with threads", None if good else (first.returncode, stats))

    @test
    def handlers(self):
        path = self.compiled("handler", HANDLER)
        plain = self.xemu_run("--cache=off", path)
        self.clear()
        self.ahead(path)
        counted = self.xemu_run("--cache=ro", "--count", "--stats=json", path)
        first = self.xemu_run("--cache=ro", path)
        counts = json.loads(counted.stderr.splitlines()[-1])
        good = (plain.returncode, plain.stdout) == (0, counted.stdout) == (first.returncode, first.stdout) and counts["insns_run"] > 1000000 \
            and counts["insns_run"] - counts["insns_ahead"] <= counts["insns_run"] // 100
        report("a handler of memory faults", None if good else (counted.returncode, counts))

    @test
    def profile(self):
        """What was hot where the cache was exported is made first, for another processor as well."""
        path, file = self.compiled("profiled", LOOPS.replace("n < 200;", "n < 20000;")), os.path.join(self.folder, "profile")
        self.clear()
        for _ in range(2):
            plain = self.xemu_run(path, XEMU_TIERS="1,2")
        self.xemu_run("--cachectl", "export", file)
        other = {"XEMU_TIERS": "1,2", "XEMU_HOST_FEATURES": "-avx512"}
        made = []
        for _ in range(2):
            self.clear()
            _, said = self.ahead("--profile-use", file, path, **other)
            made.append((said["files"][0]["profile_regions"], self.exported()))
        _, again = self.ahead("--profile-use", file, path, **other)
        first = self.xemu_run("--cache=ro", "--stats=json", path, **other)
        stats = json.loads(first.stderr.splitlines()[-1])
        good = (made[0][0] > 0 and made[0] == made[1] and again["files"][0]["regions"] == 0 and first.stdout == plain.stdout
                and stats["kept_found"] > 0 and stats["promotions"] == 0)
        report("profile", None if good else (made[0][0], made[0] == made[1], again, stats))
        self.refused("a profile that is none", 126, "is no exported cache", "--aot", "--profile-use", path, path)
        self.refused("a profile that isn't there", 126, "No such file", "--aot", "--profile-use", file + "x", path)
        self.refused("--profile-use without --aot", 126, "--aot", "--profile-use", file, path)

    @test
    def go(self):
        self.clear()
        functions = []
        for count in ("2", "0", "0x7fffffffffffffff"):  # the others are no tables
            path = self.compiled("go", GO.replace("COUNT", count), "-nostdlib", "-static", "-fno-asynchronous-unwind-tables", "-s")
            _, said = self.ahead(path)
            functions.append(said["files"][0]["functions"])
        report("Go's table", None if functions == [3, 1, 1] else functions)

    @test
    def again(self):
        self.clear()
        _, first = self.ahead(self.program("hello-O2-static"))
        before = self.exported()
        _, said = self.ahead(self.program("hello-O2-static"))
        files = said["files"]
        good = len(files) == 1 and files[0]["blocks"] == 0 and files[0]["covered_bytes"] == first["files"][0]["covered_bytes"] and files[0]["known_blocks"] > 0 and self.exported() == before
        report("again", None if good else files)

    @test
    def after_a_run(self):
        self.clear()
        path = self.program("switches-O2-static")
        run = self.xemu_run("--stats=json", path)
        learned = json.loads(run.stderr.splitlines()[-1])["blocks"]
        _, said = self.ahead(path)
        again = self.xemu_run("--cache=ro", "--stats=json", path)
        blocks = json.loads(again.stderr.splitlines()[-1])["blocks"]
        good = said["files"][0]["known_blocks"] >= learned // 2 and blocks <= FEW and again.stdout == run.stdout
        report("after a run", None if good else (learned, said, blocks))

    @test
    def learned(self):
        """What a run takes of that it has learned: the next one needs nothing else."""
        for name in ("hello-O2-static", "sort-O2-dynamic"):
            self.clear()
            self.ahead(self.program(name))
            runs = [self.xemu_run("--stats=json", self.program(name)) for _ in range(3)]
            first, _, third = [json.loads(r.stderr.splitlines()[-1]) for r in runs]
            good = first["stock_blocks"] > 100 and third["stock_blocks"] <= FEW and third["blocks"] <= FEW and third["kept_blocks"] < 2 * first["stock_blocks"]
            report(f"learned {name}", None if good and len({r.stdout for r in runs}) == 1 else (first, third))

    def entries(self):
        return [os.path.join(d, f) for d, _, names in os.walk(os.path.join(self.cache, "code")) for f in names]

    @test
    def damaged(self):
        path = self.program("switches-O2-static")
        plain = self.xemu_run("--cache=off", path)
        self.clear()
        self.ahead(path)
        whole = {}
        for entry in self.entries():
            with open(entry, "rb") as f:
                whole[entry] = f.read()
        problem, dropped = None if whole else "no entry", 0
        for step in range(30):
            for entry, data in whole.items():
                bad, at = bytearray(data), len(data) * step // 30
                bad[at:at + len(data) // 50] = bytes(b ^ 0x5a for b in bad[at:at + len(data) // 50])
                with open(entry, "wb") as f:
                    f.write(bad)
            run = self.xemu_run("--cache=ro", "--stats=json", path)
            dropped += json.loads(run.stderr.splitlines()[-1])["cache_corrupt"] > 0
            if (run.returncode, run.stdout) != (plain.returncode, plain.stdout):
                problem = f"wrong after damage at {step}: {run.returncode}"
        report("damaged", problem or (None if dropped > 5 else f"damage noticed {dropped} times"))

    @test
    def folders(self):
        self.clear()
        tree = os.path.join(self.folder, "tree")
        os.makedirs(os.path.join(tree, "bin"))
        for name in ("hello-O2-static", "jumps-O2-static"):
            shutil.copy(self.program(name), os.path.join(tree, "bin"))
        os.symlink("hello-O2-static", os.path.join(tree, "bin", "link"))
        shutil.copy(self.program("hello-native"), tree)
        with open(os.path.join(tree, "script"), "w") as f:
            f.write("#!/bin/sh\n")
        r, said = self.ahead("--all", tree)
        names = [os.path.basename(f["path"]) for f in said["files"]]
        report("folders", None if r.returncode == 0 and names == ["hello-O2-static", "jumps-O2-static"] else (r.returncode, names, r.stderr))

    @test
    def text(self):
        self.clear()
        r = self.xemu_run("--aot", self.program("hello-O1-dynamic"))
        lines = r.stdout.decode().splitlines()
        good = r.returncode == 0 and not r.stderr and len(lines) == 4 and lines[-1].startswith("3 files (0 failed)")
        report("text", None if good else (r.returncode, lines, r.stderr))

    def refused(self, name, status, words, *args, **more):
        r = self.xemu_run(*args, **more)
        err = r.stderr.decode()
        good = r.returncode == status and err.count("\n") == 1 and err.startswith("xemu: ") and words in err
        report(f"refused: {name}", None if good else (r.returncode, err))

    @test
    def bad_input(self):
        self.clear()
        hello, bad = self.program("hello-O2-static"), os.path.join(self.folder, "bad")
        self.refused("cache off", 126, "cache", "--aot", "--cache=off", hello)
        self.refused("nothing named", 126, "no program", "--aot")
        self.refused("not there", 127, "cannot be opened", "--aot", os.path.join(self.folder, "nothing"))
        self.refused("another machine", 126, "give an AArch64", "--aot", self.program("hello-native"))
        self.refused("a folder", 126, "directory", "--aot", self.folder)
        self.refused("-j of nothing", 126, "wants a number", "--aot", "-j", "0", hello)
        self.refused("--all without --aot", 126, "--aot", "--all", hello)
        with open(hello, "rb") as f:
            start = f.read(3000)
        for name, content in (("text", b"not a program\n"), ("empty", b""), ("cut off", start)):
            with open(bad, "wb") as f:
                f.write(content)
            self.refused(name, 126, "give an AArch64", "--aot", bad)
        # The others are done all the same.
        r, said = self.ahead(bad, hello)
        report("one of two", None if r.returncode == 126 and len(said["files"]) == 1 and said["files"][0]["blocks"] > 0 else (r.returncode, said))

    @test
    def images(self):
        self.clear()
        folder = os.path.join(self.folder, "images")
        for again in range(2):  # what the cache knows is in them, too
            shutil.rmtree(folder, ignore_errors=True)
            r, _ = self.ahead("--emit-elf", folder, self.program("recursion-O0-dynamic"), self.stripped("recursion-O0-dynamic"))
            names = self.symbols(os.path.join(folder, "recursion-O0-dynamic.elf"))
            bare = self.symbols(os.path.join(folder, "stripped-recursion-O0-dynamic.elf"))
            good = r.returncode == 0 and "main" in names and "_start" in names and any(n.startswith("sub_") for n in bare)
            report(f"images {again}", None if good else (r.returncode, r.stderr, len(names), len(bare)))

    @staticmethod
    def symbols(path):
        """The names in .symtab, each of which lies in .text."""
        with open(path, "rb") as f:
            data = f.read()
        at, = struct.unpack_from("<Q", data, 40)
        sections = [struct.unpack_from("<IIQQQQIIQQ", data, at + 64 * i) for i in range(5)]
        text, symbols, strings = sections[1], sections[2], sections[3]
        names = set()
        for i in range(24, symbols[5], 24):
            name, _, _, section, value, size = struct.unpack_from("<IBBHQQ", data, symbols[4] + i)
            if section == 1 and value + size <= text[5] and any(data[text[4] + value:text[4] + value + size]):
                names.add(data[strings[4] + name:data.index(b"\0", strings[4] + name)].decode())
        return names

    @test
    def missing_library(self):
        self.clear()
        root = os.path.join(self.folder, "root")
        os.makedirs(os.path.join(root, "lib"))
        for name in ("ld-linux-aarch64.so.1",):
            shutil.copy(os.path.join(SYSROOT, "lib", name), os.path.join(root, "lib"))
        r, said = self.ahead(self.program("hello-O1-dynamic"), XEMU_LD_PREFIX=root)
        good = r.returncode == 0 and len(said["files"]) == 2 and r.stderr.startswith(b"xemu: warning: ") and b"libc.so.6" in r.stderr
        report("missing library", None if good else (r.returncode, r.stderr, said))


main(Aot, "aot", __doc__)
