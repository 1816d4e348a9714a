def fib(n) = n < 2 ? n : fib(n - 1) + fib(n - 2)
class Vec
  attr_reader :x, :y
  def initialize(x, y); @x, @y = x, y; end
  def +(o) = Vec.new(@x + o.x, @y + o.y)
end
v = Vec.new(0, 0)
400000.times { |i| v += Vec.new(i & 7, 1.5) }
h = Hash.new(0)
500000.times { |i| h[i * 7919 % 5003] += 1 }
a = (1..200000).map { |i| i * 7919 % 200003 }.sort_by { |x| [x % 100, x] }
s = (1..60000).map { |i| "w#{i * 31 % 1009}" }.join(" ")
n = s.scan(/w\d*7/).size + s.gsub(/(\d)(\d)/) { $2 + $1 }.count("7") + s.split.tally.size
puts fib(24), v.x, h.size, a[77], n, (1..300000).select(&:even?).map { |x| x * 2 }.reduce(:+)
