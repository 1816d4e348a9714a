proc fib n { if {$n < 2} { return $n }; expr {[fib [expr {$n - 1}]] + [fib [expr {$n - 2}]]} }
proc main {} {
    set s 0
    for {set i 0} {$i < 2000000} {incr i} { set s [expr {$s + $i % 7 * 0.5}] }
    for {set i 0} {$i < 250000} {incr i} { incr h([expr {$i * 7919 % 5003}]) $i; lappend l [expr {$i * 31 % 10007}] }
    set l [lsort -integer $l]
    set t ""
    foreach x [lrange $l 0 60000] { append t "w$x " ; if {[string match *7 $x]} { incr n } }
    set d [dict create]
    foreach w [split $t] { dict incr d $w }
    incr n [regexp -all {w\d*7} $t]
    puts "[fib 22] $s [array size h] [lindex $l 77] $n [dict size $d] [string length [string map {w vv} $t]] [string length [regsub -all {(\d)(\d)} $t {\2\1}]]"
}
main
