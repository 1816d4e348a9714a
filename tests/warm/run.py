#!/usr/bin/env python3
"""Runs guest programs with the cache, cold and warm, and around its edges. One line PASS or FAIL each."""
import glob
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from suite import main, report, test  # noqa: E402

LIMIT = 300
SYSROOT = "/usr/aarch64-linux-gnu"
# Small and large, threads, signals, processes, faults, libraries, code that changes.
PROGRAMS = ["hello", "threads", "signals", "process", "plugins", "sort", "varargs", "floats", "cgoto", "recursion",
            "landing", "rewrite", "patch", "environment"]
# Code that is written or changed in memory is translated each time; so are ways that depend on time.
CHANGING = ("rewrite", "patch", "landing", "threads", "signals", "process")
# Where memory lies is random, and programs look at it: CPython's allocator at the lowest 20 bits of each address, the string
# functions at how far a page's end is. So a second run meets a few blocks that the first didn't execute (none with setarch -R
# and the same environment, which isn't asked for here). What isn't found at all is hundreds.
MOST_NEW = 15
# runtime/code/store.c: LEAST_BLOCKS
FEW = 16


class Run:
    """What a program did: exit status, output, counters."""

    def __init__(self, status, out, err):
        self.status, self.out = status, out
        lines = err.decode("utf-8", "replace").splitlines()
        counters = [line for line in lines if line.startswith("{")]
        self.stats = json.loads(counters[-1]) if counters else {}
        self.errors = [line for line in lines if not line.startswith("{")]

    def __getattr__(self, name):
        return self.stats.get(name)


class Warm:
    def __init__(self, xemu, programs, folder):
        self.xemu, self.programs, self.folder = os.path.abspath(xemu), os.path.abspath(programs), folder
        self.cache = os.path.join(folder, "cache")

    def environment(self, **more):
        base = {k: v for k, v in os.environ.items() if not k.startswith(("XEMU_", "QEMU_", "XDG_CACHE"))}
        return {**base, "HOME": self.folder, "XEMU_CACHE": "rw", "XEMU_CACHE_PATH": self.cache, "XEMU_LD_PREFIX": SYSROOT,
                "XEMU_CACHE_SHARED": os.path.join(self.folder, "shared"), "XEMU_STATS": "json", **more}

    def start(self, program, *args, **more):
        return subprocess.Popen([self.xemu, program, *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, env=self.environment(**more), cwd=self.folder)

    def run(self, program, *args, **more):
        p = self.start(program, *args, **more)
        try:
            out, err = p.communicate(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            p.kill()
            p.communicate()
            return Run(None, b"", b"")
        return Run(p.returncode, out, err)

    def program(self, name, build="O2-dynamic"):
        return os.path.join(self.programs, f"{name}-{build}")

    def clear(self):
        shutil.rmtree(self.cache, ignore_errors=True)

    def entries(self):
        return sorted(glob.glob(os.path.join(self.cache, "code", "*", "*")))

    def control(self, *args, **more):
        return subprocess.run([self.xemu, "--cachectl", *args], capture_output=True, env=self.environment(**more),
                              cwd=self.folder)

    # ---- the same again ---------------------------------------------------------------------------------

    @test
    def nothing_is_translated_twice(self):
        sums = [0] * 4
        for name in PROGRAMS:
            for build in ("O1-static", "O2-dynamic"):
                program = self.program(name, build)
                if not os.path.exists(program):
                    continue
                self.clear()
                cold, problem, translated = self.run(program), None, []
                for _ in range(3):
                    warm = self.run(program)
                    translated.append(warm.blocks)
                    if (warm.status, warm.out) != (cold.status, cold.out):
                        problem = f"status {warm.status}, cold {cold.status}; {warm.errors[-1:]}"
                if not cold.blocks:
                    problem = f"cold: {cold.status} {cold.errors[-1:]}"
                elif name not in CHANGING and min(translated):
                    problem = f"{translated} blocks translated, cold {cold.blocks}"
                elif not warm.kept_blocks:
                    problem = "nothing placed"
                report(f"twice {os.path.basename(program)}", problem)
                if name not in CHANGING:
                    sums = [s + (n or 0) for s, n in zip(sums, [1, cold.blocks, translated[-1], warm.kept_blocks])]
        # (tools/dev test shows it)
        print("warm: {} programs: {} blocks translated in first runs, {} in fourth ones, which placed {}".format(*sums), flush=True)

    @test
    def regions_are_kept(self):
        """Code of tier 2: made in the first run, or by a later one for what an earlier one has kept."""
        for name, build in (("cgoto", "O1-static"), ("sort", "O2-dynamic"), ("recursion", "O2-dynamic")):
            program, tiers = self.program(name, build), {"XEMU_TIERS": "1,2"}
            expected = self.run(program, XEMU_CACHE="off")
            for first in ("1", "1000000"):
                self.clear()
                runs = [self.run(program, XEMU_HOT=hot, **tiers) for hot in (first, "1", "1", "1")]
                made = [r.regions for r in runs]
                problem = None
                if any((r.status, r.out) != (expected.status, expected.out) for r in runs):
                    problem = f"statuses {[r.status for r in runs]} {runs[-1].errors[-1:]}"
                elif not sum(made[:2]) or made[3] > made[0] // 8 + made[1] // 8:
                    problem = f"{made} regions compiled"
                report(f"regions {os.path.basename(program)} {first}", problem)

    @test
    def short_runs_add_up(self):
        """A command that never runs long enough to ask gets its code when it is run often."""
        program, tiers, asked = self.program("lasting"), {"XEMU_TIERS": "1,2"}, []
        self.clear()
        problem = None
        for _ in range(20):
            r = self.run(program, LASTING="70", **tiers)
            asked.append(r.promotions)
            if r.status or not r.out:
                problem = f"status {r.status} {r.errors[-1:]}"
        # (Where the machine is slow enough the first run may ask.)
        if not problem and not any(asked):
            problem = f"{asked} promotions"
        elif not problem and asked[-1]:
            problem = f"asks for ever: {asked}"
        report("short runs add up", problem)

    @test
    def what_a_command_compiled_is_enough(self):
        """A run that isn't longer than a LONG one (jit/patience.c) of the same command asks for no region, whatever is hot."""
        program, tiers = self.program("lasting"), {"XEMU_TIERS": "1,2"}
        self.clear()
        long, short = self.run(program, LASTING="1200", **tiers), self.run(program, LASTING="600", **tiers)
        other = self.run(program, "another", LASTING="600", **tiers)
        problem = None
        if (short.status, short.out) != (long.status, long.out) or long.status:
            problem = f"statuses {long.status} {short.status} {short.errors[-1:]}"
        elif not long.promotions or not long.optimizers:
            problem = f"nothing promoted in {long.stats}"
        elif short.promotions or short.optimizers or short.regions:
            problem = f"promoted again: {short.stats}"
        elif other.status:
            problem = f"with an argument: {other.errors[-1:]}"
        report("what a command compiled is enough", problem)

    @test
    def copies_are_shared(self):
        """The second run, which reads what the first learned, leaves it for the third to map."""
        for name, build in (("sort", "O2-dynamic"), ("cgoto", "O2-static"), ("plugins", "O2-dynamic"), ("threads", "O2-dynamic"),
                            ("process", "O2-dynamic"), ("patch", "O2-static")):
            program = self.program(name, build)
            for tiers in ({}, {"XEMU_TIERS": "1,2", "XEMU_HOT": "1"}) if name in ("sort", "cgoto") else ({},):
                self.clear()
                expected = self.run(program, XEMU_CACHE="off")
                runs = [self.run(program, **tiers) for _ in range(4)]
                alone = self.run(program, XEMU_CACHE_SHARED="off", **tiers)
                problem = None
                if any((r.status, r.out) != (expected.status, expected.out) for r in [*runs, alone]):
                    problem = f"statuses {[r.status for r in runs]} {alone.status} {runs[-1].errors[-1:]}"
                elif runs[0].cache_shared or not runs[1].cache_shared_stores or not runs[3].cache_shared or alone.cache_shared:
                    problem = f"{[(r.cache_shared, r.cache_shared_stores) for r in [*runs, alone]]}"
                elif runs[3].kept_blocks < alone.kept_blocks // 2:
                    problem = f"{runs[3].kept_blocks} blocks placed, without sharing {alone.kept_blocks}"
                report(f"shared {os.path.basename(program)} {len(tiers)}", problem)
        stat = json.loads(self.control("stat", "--json").stdout)
        report("shared copies are counted", None if stat["shared_copies"] and stat["shared_bytes"] else stat)
        copies = glob.glob(os.path.join(self.folder, "shared", "*"))
        with open(copies[0], "r+b") as f:
            f.seek(5000)
            f.write(b"damage")
        verify = json.loads(self.control("verify", "--json").stdout)
        report("damaged shared copies are found", None if verify["damaged_shared"] == 1 else verify)
        self.control("clear")
        report("shared copies are cleared", None if not os.path.exists(os.path.join(self.folder, "shared")) else copies)

    @test
    def what_came_before_confinement_is_kept(self):
        """Landlock takes the cache's folder away, too: what was translated until then is kept."""
        self.clear()
        program = self.program("confined", "O2-static")
        expected = self.run(program, XEMU_CACHE="off")
        runs = [self.run(program) for _ in range(2)]
        good = all((r.status, r.out) == (expected.status, expected.out) for r in runs) and runs[1].kept_blocks > 0 and runs[1].blocks < runs[0].blocks // 2
        report("what came before confinement is kept", None if good else [(r.status, r.blocks, r.kept_blocks) for r in runs])

    @test
    def the_name_does_not_matter(self):
        self.clear()
        first = self.run(self.program("sort"))
        copy = os.path.join(self.folder, "renamed")
        shutil.copy(self.program("sort"), copy)
        again = self.run(copy)
        report("another name", None if again.blocks <= MOST_NEW and again.out == first.out else f"{again.stats}")

    @test
    def another_program_under_the_same_name(self):
        path = os.path.join(self.folder, "same")
        problem = None
        for name in ("sort", "cgoto", "sort", "varargs"):
            shutil.copy(self.program(name, "O2-static"), path)
            expected = self.run(self.program(name, "O2-static"), XEMU_CACHE="off")
            for _ in range(2):
                r = self.run(path)
                if (r.status, r.out) != (expected.status, expected.out):
                    problem = f"{name}: {r.status} {r.out[:100]}"
        report("another program under the same name", problem)

    @test
    def a_file_changed_in_place(self):
        path = os.path.join(self.folder, "changed")
        shutil.copy(self.program("hello", "O2-static"), path)
        before = [self.run(path) for _ in range(2)]
        with open(path, "rb") as f:
            code = f.read()
        at = code.find(b"ello")
        with open(path, "r+b") as f:
            f.seek(at)
            f.write(b"ELLO")
        after = [self.run(path) for _ in range(2)]
        good = (before[1].out == before[0].out and after[0].out == after[1].out == before[0].out.replace(b"ello", b"ELLO")
                and after[0].blocks > 0 and after[1].blocks <= MOST_NEW)
        report("a file changed in place", None if good else f"{before[0].out} {after[0].out} {after[1].stats}")

    @test
    def other_options_are_other_entries(self):
        self.clear()
        program = self.program("floats", "O2-static")
        first = self.run(program)
        other = [self.run(program, XEMU_HOST_FEATURES="-avx512,-avx2,-avx") for _ in range(2)]
        again = self.run(program)
        good = (other[0].blocks > 0 and other[1].blocks <= MOST_NEW and again.blocks <= MOST_NEW and
                first.out == other[0].out == other[1].out == again.out)
        report("other host features", None if good else f"{other[0].blocks} {other[1].blocks} {again.blocks}")

    # ---- what can go wrong -------------------------------------------------------------------------------

    @test
    def damage(self):
        program = self.program("sort")
        self.clear()
        expected = self.run(program)
        pristine = {path: open(path, "rb").read() for path in self.entries()}
        chance, met, problem = random.Random(1), 0, None
        for i in range(60):
            for path, good in pristine.items():
                bad = bytearray(good)
                kind = chance.randrange(4)
                if kind == 0:
                    bad[chance.randrange(len(bad))] ^= 1 << chance.randrange(8)
                elif kind == 1:
                    del bad[chance.randrange(len(bad)):]
                elif kind == 2:
                    at = chance.randrange(len(bad))
                    bad[at:at + 512] = bytes(len(bad[at:at + 512]))
                else:
                    at, to = chance.randrange(len(bad)), chance.randrange(len(bad))
                    bad[at:at + 64], bad[to:to + 64] = bad[to:to + 64], bad[at:at + 64]
                with open(path, "wb") as f:
                    f.write(bad)
            r = self.run(program, XEMU_CACHE="ro" if i % 2 else "rw")
            met += r.cache_corrupt or 0
            if (r.status, r.out) != (expected.status, expected.out):
                problem = f"round {i}: status {r.status}"
        # The first run replaces a part that is damaged somewhere, and with it what it has taken of the rest of that part; the
        # second learns that anew.
        for _ in range(3):
            r = self.run(program)
        # An entry of many parts isn't written anew for fewer blocks than LEAST_BLOCKS of runtime/code/store.c, and which
        # parts the damages left isn't known here.
        if not problem and (r.blocks >= FEW or not met):
            problem = f"{r.blocks} blocks translated afterwards, {met} damages met"
        report("damaged entries", problem)

    @test
    def many_at_once(self):
        program = self.program("sort")
        self.clear()
        expected = self.run(program, XEMU_CACHE="off")
        running = [self.start(program) for _ in range(24)]
        chance, killed, problem = random.Random(2), 0, None
        for p in chance.sample(running, 6):
            time.sleep(chance.random() * 0.05)
            p.kill()
        for p in running:
            out, _ = p.communicate(timeout=LIMIT)
            killed += p.returncode == -signal.SIGKILL
            if p.returncode != -signal.SIGKILL and (p.returncode, out) != (expected.status, expected.out):
                problem = f"status {p.returncode}"
        verify = self.control("verify", "--json")
        after = self.run(program)
        if not problem and (json.loads(verify.stdout)["damaged"] or after.blocks or after.out != expected.out):
            problem = f"{verify.stdout} {after.blocks} blocks"
        report(f"24 at once, {killed} killed", problem)

    @test
    def folders_that_cannot_be_used(self):
        program = self.program("sort", "O2-static")
        expected = self.run(program, XEMU_CACHE="off")
        hostile = os.path.join(self.folder, "hostile")
        self.clear()
        self.run(program)
        shutil.copytree(self.cache, hostile)
        os.chmod(hostile, 0o777)
        link = os.path.join(self.folder, "link")
        os.symlink(self.cache, link)
        cases = {"a folder for all to write": {"XEMU_CACHE_PATH": hostile}, "a symbolic link": {"XEMU_CACHE_PATH": link},
                 "no folder": {"XEMU_CACHE_PATH": "/proc/no/folder"}, "no home": {"XEMU_CACHE_PATH": "", "HOME": "/no/home"},
                 "no cache wanted": {"XEMU_CACHE": "off"}}
        for name, more in cases.items():
            r = self.run(program, **more)
            good = (r.status, r.out) == (expected.status, expected.out) and r.blocks > 0 and not r.errors
            report(name, None if good else f"{r.status} {r.blocks} {r.errors}")
        inside = os.path.join(self.folder, "inside")
        shutil.copytree(self.cache, inside)
        os.chmod(os.path.join(inside, "code"), 0o777)
        for name, folder, words in (("others may write", hostile, "others may write"), ("a link", link, "a symbolic link"),
                                    ("others may write inside", inside, "others may write")):
            r = self.control("stat", XEMU_CACHE_PATH=folder)
            report(f"cachectl says why: {name}", None if r.returncode == 1 and words in r.stderr.decode() else r)

    @test
    def read_only(self):
        self.clear()
        program = self.program("cgoto", "O2-static")
        r = self.run(program, XEMU_CACHE="ro")
        report("ro writes nothing", None if r.blocks and not os.path.exists(self.cache) else f"{r.stats}")
        # What won't be kept is translated quickly, as without a cache.
        report("ro and nothing known: quick blocks", None if r.quick_blocks > r.blocks // 2 else f"{r.stats}")
        r = self.run(program, XEMU_CACHE_PATH="/proc/no/such/folder")
        report("nothing can be kept: quick blocks", None if r.quick_blocks > r.blocks // 2 else f"{r.stats}")
        r = self.run(program)
        report("kept: no quick blocks", None if r.blocks and not r.quick_blocks else f"{r.stats}")
        r = self.run(program, XEMU_CACHE="ro")
        report("ro uses what is known", None if r.blocks <= MOST_NEW and r.kept_blocks else f"{r.stats}")
        layered = self.run(program, XEMU_CACHE_PATH=f"{self.folder}/upper:{self.cache}")
        # A run may go ways of its own for a few blocks, which then are the upper layer's.
        upper = glob.glob(f"{self.folder}/upper/code/*/*")
        good = layered.blocks <= MOST_NEW and layered.stats["kept_found"] > 0 and (layered.blocks > 0 or not upper)
        report("a layer below is used", None if good else f"{layered.stats}")

    # ---- looking after it ------------------------------------------------------------------------------------

    @test
    def cachectl(self):
        self.clear()
        program = self.program("sort")
        self.run(program)
        listed = json.loads(self.control("ls", "--json").stdout)
        names = {e["name"] for e in listed}
        report("ls", None if {"sort-O2-dynamic", "libc.so.6"} <= names and not any(e["damaged"] for e in listed) else names)
        path = self.control("path")
        report("path", None if path.stdout.decode().strip() == self.cache else path.stdout)
        files = [os.path.join(self.folder, f"export{i}") for i in range(2)]
        for f in files:
            exported = self.control("export", f, "--json")
            report("export says how much", None if json.loads(exported.stdout)["exported"] == len(listed) else exported)
        same = open(files[0], "rb").read() == open(files[1], "rb").read()
        self.clear()
        imported = self.control("import", files[0], "--json")
        r = self.run(program)
        good = same and json.loads(imported.stdout)["imported"] == len(listed) and r.blocks <= MOST_NEW
        report("export and import", None if good else f"{same} {imported} {r.blocks}")
        with open(files[0], "r+b") as f:
            f.truncate(1000)
        report("import of half a file", None if self.control("import", files[0]).returncode == 1 else "taken")
        self.control("prune", XEMU_CACHE_SIZE="1")
        report("prune", None if not self.entries() else self.entries())
        self.run(program)
        self.control("clear")
        report("clear", None if not os.listdir(self.cache) else os.listdir(self.cache))
        report("usage", None if self.control("what").returncode == 2 else "no status 2")


main(Warm, "warm", __doc__)
