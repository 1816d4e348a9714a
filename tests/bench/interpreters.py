#!/usr/bin/env python3
"""Measures interpreters, compilers and databases that run for a second or more: what steady state is, and whether tier 2
is worth its costs.

Each program of interpreters/ runs --runs times in each way, in alternation; processor time (user + system) counts, the
medians are compared with native ones, outputs must agree. The ways:
  first   the first run with an empty cache, the default options
  warm    a later one (after three), with the cache that those left
  tier1   without tier 2 (--tiers=interp,1), no cache
  off     without a cache, the default options
`first / tier1` above 1 means that tier 2 lost by what it cost. The optimizer is a process of its own that isn't counted;
it is waited for between runs.

With --roots=DIR there are DIR/arm64 and DIR/amd64 already (tests/real/fetch makes such folders); else they are fetched.
"""
import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys

import run

PROGRAMS = {"py": ["python3", "-S"], "lua": ["lua5.4"], "pl": ["perl"], "awk": ["gawk", "-f"], "sh": ["bash"], "rb": ["ruby", "--disable-gems"],
            "php": ["php", "-n"], "scm": ["guile", "--no-auto-compile"], "tcl": ["tclsh"], "sql": ["sqlite3", "-init"], "c": ["cc1"]}
PACKAGES = ["python3", "lua5.4", "perl", "gawk", "bash", "ruby", "php-cli", "guile-3.0", "tcl", "sqlite3", "cpp"]
WAYS = {"native": None, "first": [], "warm": [], "tier1": ["--tiers=interp,1", "--cache=off"], "off": ["--cache=off"]}
SCRIPTS = os.path.join(run.HERE, "interpreters")


def c_source(path, functions=330):
    """A C file of 5,000 lines: functions that differ, of the kinds that programs have."""
    with open(path, "w", encoding="ascii") as file:
        file.write("typedef unsigned long u64;\nstruct node { struct node *left, *right; u64 key; char name[16]; };\n"
                   "extern int printf(const char *, ...);\nextern void *malloc(u64);\nextern int strcmp(const char *, const char *);\n")
        for i in range(functions):
            a, b = i * 7919 % 1009 + 2, i * 31 % 97 + 1
            file.write([
                f"""static u64 mix{i}(u64 x, u64 y)
{{
    u64 s = {a};
    for (u64 k = 0; k < (x & {b}); k++) {{
        s = s * {a | 1}UL + (y ^ (k << {i % 13}));
        if (s & {1 << i % 20})
            s ^= s >> {i % 31 + 1};
        else
            s += x / (k + {b});
    }}
    return s;
}}
u64 use{i}(u64 *p, int n) {{ u64 t = 0; for (int j = 0; j < n; j++) t += mix{i}(p[j], t); return t; }}

""", f"""struct node *insert{i}(struct node *n, u64 key, const char *name)
{{
    if (!n) {{
        n = malloc(sizeof *n);
        n->left = n->right = 0;
        n->key = key * {a};
        for (int k = 0; k < 15 && name[k]; k++)
            n->name[k] = name[k] == '{chr(97 + i % 26)}' ? '_' : name[k];
    }} else if (key < n->key || (key == n->key && strcmp(name, n->name) < {b})) {{
        n->left = insert{i}(n->left, key, name);
    }} else {{
        n->right = insert{i}(n->right, key + {b}, name);
    }}
    return n;
}}

""", f"""int state{i}(const char *s, double *out)
{{
    int state = 0, depth = 0;
    for (; *s; s++)
        switch (state * 8 + (*s & 7)) {{
        case 0: state = {i % 4}; break;
        case 3: depth++; out[depth & 15] = depth * {a}.5 + out[{i % 16}]; break;
        case 9: case 17: state = *s > '{chr(97 + i % 26)}' ? 2 : 1; break;
        case 12: printf("%d {i}\\n", depth); depth -= {b}; break;
        case 21: state = depth > {a} ? 3 : 0; break;
        case 30: return -1;
        default: state = (state + {b}) & 3;
        }}
    return depth << state;
}}

"""][i % 3])
    return path


def roots(arguments, work):
    found = {}
    for arch in "arm64", "amd64":
        found[arch] = [os.path.join(r, arch) for r in arguments.roots.split(":")] if arguments.roots else [os.path.join(work, "interpreters-" + arch)]
        if not arguments.roots:
            subprocess.run([os.path.join(run.ROOT, "tests/real/fetch"), arch, found[arch][0]] + PACKAGES, check=True)
    return found


def program(folders, name):
    for folder in folders:
        for place in (f"usr/bin/{name}", *(f"usr/libexec/gcc/{t}-linux-gnu/{v}/{name}" for t in ("aarch64", "x86_64") for v in (12, 13, 14, 15))):
            if os.path.exists(os.path.join(folder, place)):
                return folder, os.path.join(folder, place)
    return None, None


def command(way, folders, xemu, script, c_file):
    kind = script.rsplit(".", 1)[1]
    words = PROGRAMS[kind]
    end = ["-quiet", "-O2", c_file, "-o", "-"] if kind == "c" else words[1:] + [os.path.join(SCRIPTS, script)]
    if kind == "sql":
        end += [":memory:", ""]
    folder, path = program(folders["amd64" if way == "native" else "arm64"], words[0])
    if not path:
        return None
    if way != "native":
        return xemu + WAYS[way] + ["-L", folder, path] + end
    libraries = [os.path.join(folder, d) for d in ("lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu")]
    return [os.path.join(folder, "lib64/ld-linux-x86-64.so.2"), "--library-path", ":".join(libraries), path] + end


def environment(way, folders, cache):
    e = dict(run.ENVIRONMENT, XDG_CACHE_HOME=cache)
    if way == "native":
        e["GUILE_LOAD_PATH"] = ":".join(f"{f}/usr/share/guile/3.0" for f in folders["amd64"])
        e["GUILE_LOAD_COMPILED_PATH"] = ":".join(f"{f}/usr/lib/x86_64-linux-gnu/guile/3.0/ccache" for f in folders["amd64"])
        e["TCL_LIBRARY"] = next((t for t in (f"{f}/usr/share/tcltk/tcl8.6" for f in folders["amd64"]) if os.path.exists(t)), "")
        e["RUBYLIB"] = ":".join(f"{f}/usr/lib/{d}" for f in folders["amd64"] for d in ("ruby/3.3.0", "x86_64-linux-gnu/ruby/3.3.0"))
        e["PYTHONHOME"] = next((f"{f}/usr" for f in folders["amd64"] if os.path.exists(f"{f}/usr/bin/python3")), "")
    return e


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--xemu", required=True, help="NAME=PATH,... compares several builds")
    parser.add_argument("--work", required=True)
    parser.add_argument("--roots", default="")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", default="")
    parser.add_argument("--ways", default="native,first,warm,tier1,off")
    parser.add_argument("--qemu", default="", help="qemu-aarch64, to be measured as well")
    arguments = parser.parse_args()
    work = os.path.abspath(arguments.work)
    os.makedirs(work, exist_ok=True)
    folders = roots(arguments, work)
    builds = [(b.split("=", 1) if "=" in b else ["", b]) for b in arguments.xemu.split(",")]
    scripts = [s for s in sorted(os.listdir(SCRIPTS)) + ["cc1.c"] if re.search(arguments.only, s)]
    c_file = c_source(os.path.join(work, "cc1.c"))
    ways = arguments.ways.split(",")
    columns = [(b, w) for w in ways for b in (builds if w != "native" else [("", "")])]
    results = {}
    for script in scripts:
        times, problems, expected = {c[1] + c[0][0]: [] for c in columns}, {}, None
        for number in range(arguments.runs):
            for (name, xemu), way in columns:
                key = way + name
                cache = os.path.join(work, f"cache-{script}-{way}{name}")
                words = command(way, folders, [xemu], script, c_file)
                if not words:
                    problems[key] = "no program"
                    continue
                env = environment(way, folders, cache)
                if way == "first" or (way == "warm" and number == 0):
                    shutil.rmtree(cache, ignore_errors=True)
                    os.makedirs(cache)
                if way == "warm" and number == 0:
                    for _ in range(3):
                        run.measure(words, os.devnull, env)
                out = os.path.join(work, "output-" + key)
                seconds, status = run.measure(words, out, env)
                with open(out, "rb") as file:
                    output = file.read()
                expected = expected if expected is not None else output
                if status:
                    problems[key] = f"status {status}"
                elif output != expected and not script.endswith(".c"):  # another target, other code
                    problems[key] = "other output"
                times[key].append(seconds)
        medians = {k: statistics.median(t) for k, t in times.items() if t}
        results[script] = {"times": times, "problems": problems}
        base = medians.get("native")
        cells = [f"{medians[k] * 1e3:.0f}" if k == "native" or not base else f"{medians[k] / base:.2f}" for k in medians]
        if not results.keys() - {script}:
            print("| program | " + " | ".join(k + (" ms" if k == "native" or not base else "") for k in medians) + " |\n|---|" + "---:|" * len(medians))
        print(f"| {script} | " + " | ".join(cells) + " |" + "".join(f" {k}: {p}" for k, p in problems.items()), flush=True)
    with open(os.path.join(work, "interpreters.json"), "w", encoding="ascii") as file:
        json.dump(results, file, indent=1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
