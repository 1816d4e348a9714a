local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end
local t = {}
for i = 1, 200000 do t[i] = (i * 7919) % 200003 end
table.sort(t)
table.sort(t, function(a, b) return a % 1000 < b % 1000 or (a % 1000 == b % 1000 and a < b) end)
local s = 0
for i = 1, 12000000 do s = s + i % 7 * 0.5 end
print(fib(30), t[500], s, #(("x"):rep(100000):gsub("x", "yz")))
