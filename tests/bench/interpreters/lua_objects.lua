local Account = {}
Account.__index = Account
function Account.new(b) return setmetatable({balance = b, log = {}}, Account) end
function Account:deposit(v) self.balance = self.balance + v; self.log[#self.log % 50 + 1] = v end
function Account:get() return self.balance end
local Special = setmetatable({}, {__index = Account})
Special.__index = Special
function Special.new(b) return setmetatable(Account.new(b), Special) end
function Special:get() return Account.get(self) * 2 end
local total = 0
for i = 1, 60000 do
  local a = i % 2 == 0 and Account.new(i) or Special.new(i)
  for j = 1, 20 do a:deposit(j) end
  total = total + a:get()
end
local words, n = {}, 0
for i = 1, 150000 do
  local w = string.format("k%d", i * 31 % 5003)
  words[w] = (words[w] or 0) + #w
end
for k, v in pairs(words) do if k:match("^k%d*7$") then n = n + v end end
local parts = {}
for w in (("lorem ipsum dolor sit amet "):rep(8000)):gmatch("%a+") do parts[#parts + 1] = w:upper():sub(1, 3) end
local function map(f, v) local r = {} for i, x in ipairs(v) do r[i] = f(x) end return r end
for i = 1, 10 do parts = map(function(x) return x .. "" end, parts) end
local co = coroutine.wrap(function() for i = 1, 400000 do coroutine.yield(i) end return 0 end)
for i = 1, 400000 do total = total + co() end
print(total, n, #table.concat(parts))
