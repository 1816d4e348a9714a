words = [("w%d" % (i * 7919 % 10007)) for i in range(20000)]
total = 0
for _ in range(12):
    text = " ".join(words)
    total += len(text.upper().replace("W1", "--")) + text.count("w99") + text.find("w10006")
    seen = {}
    for w in text.split():
        w = w.strip("w").zfill(6)[::-1]
        if w.startswith("7") or w.endswith("00"):
            seen[w] = seen.get(w, 0) + len(w)
    total += len(seen)
    total += len("".join(c for c in text[:60000] if c.isdigit()))
    total += sum(len(f"{i:>8}|{i * 0.5:.3f}|{i:x}") for i in range(20000))
    total += len(text.encode("utf-8").decode("utf-8").translate({ord("w"): "vv"}))
b = bytearray()
for i in range(900000):
    b.append(i & 127)
print(total, len(b), sum(b))
