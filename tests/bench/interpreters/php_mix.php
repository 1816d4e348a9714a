<?php
function fib($n) { return $n < 2 ? $n : fib($n - 1) + fib($n - 2); }
class Vec { public function __construct(public $x, public $y) {} function add(Vec $o) { return new Vec($this->x + $o->x, $this->y + $o->y); } }
$v = new Vec(0, 0);
for ($i = 0; $i < 1500000; $i++) $v = $v->add(new Vec($i & 7, 1.5));
$h = [];
for ($i = 0; $i < 2500000; $i++) { $k = $i * 7919 % 5003; $h[$k] = ($h[$k] ?? 0) + 1; }
$a = [];
for ($i = 0; $i < 200000; $i++) $a[] = $i * 7919 % 200003;
usort($a, fn($x, $y) => $x % 100 <=> $y % 100 ?: $x <=> $y);
$s = implode(" ", array_map(fn($i) => "w" . $i * 31 % 1009, range(1, 150000)));
$n = preg_match_all('/w\d*7/', $s) + strlen(preg_replace('/(\d)(\d)/', '$2$1', $s)) + count(array_count_values(explode(" ", $s)));
$m = 0;
for ($i = 0; $i < 12000000; $i++) { $m = ($m + $i * 3) % 1000003; if ($m & 1) $m ^= $i & 255; }
echo fib(27), " ", $v->x, " ", count($h), " ", $a[77], " $n $m\n";
