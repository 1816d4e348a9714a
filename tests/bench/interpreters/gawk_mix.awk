function fib(n) { return n < 2 ? n : fib(n - 1) + fib(n - 2) }
BEGIN {
    for (i = 0; i < 700000; i++) { h[i % 9973] += i * 0.5; s += i % 7 }
    for (i = 0; i < 120000; i++) {
        line = i " word" (i * 31 % 1009) " " i * 7919 % 100003 " end"
        n = split(line, f, " ")
        c[f[2]] += n + length(f[3])
        if (line ~ /7[0-9]* end$/) m++
        sub(/word/, "w", line); t += index(line, "99") + length(substr(line, 3, 4))
    }
    print s, h[77], c["word7"], m, t, fib(22), sprintf("%05d %.3f %s", 42, 1 / 3, toupper("abc"))
}
