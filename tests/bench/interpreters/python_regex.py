import re
text = "\n".join("%d.%d.%d.%d - user%d [%02d/Nov/2026] \"GET /a/%x.html\" %d %d" %
                 (i & 255, i * 7 & 255, 3, i % 11, i % 97, i % 30, i * 2654435761 & 0xffffff, 200 + i % 5, i * 31) for i in range(12000))
line = re.compile(r'(\S+) - (\w+) \[(\d\d)/(\w+)/(\d+)\] "(\w+) ([^"]+)" (\d+) (\d+)')
n, hosts = 0, {}
for _ in range(8):
    for m in line.finditer(text):
        hosts[m.group(2)] = hosts.get(m.group(2), 0) + int(m.group(9))
    n += len(re.findall(r"user[1-9]+[05]\b|/a/[0-9a-f]*7[a-f]", text))
    n += len(re.sub(r"(\d+)\.(\d+)", r"\2.\1", text)) + len(re.split(r"[ ./]+", text))
for i in range(150):
    re.purge()
    re.compile(r"(a|b)*c{2,%d}(?P<x>[a-z0-9_]+)(?=x)(?:foo|bar|baz)?\d{3}" % (i + 3))
print(n, hosts["user7"])
