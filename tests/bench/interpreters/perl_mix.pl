my (%h, $s);
for my $i (1 .. 900000) { $h{$i % 9973} += $i; $s .= chr(97 + $i % 26) if $i % 3; }
my $n = () = $s =~ /[aeiou]\w/g;
sub fib { my $n = shift; $n < 2 ? $n : fib($n - 1) + fib($n - 2) }
package P; sub new { bless {x => $_[1]}, $_[0] } sub x { $_[0]{x} } package main;
my $sum = 0;
for my $i (1 .. 250000) { my $o = P->new($i); $sum += $o->x }
my @a = sort { $a <=> $b } map { $_ * 7919 % 100003 } 1 .. 150000;
my @w = sort map { "w$_" } @a;
my $text = join " ", @w;
my %seen; $seen{$1}++ while $text =~ /w(\d\d)\d*/g;
(my $t = $text) =~ s/w(\d)(\d)/$2$1/g;
my @f = split / /, $t;
print fib(23), " $n $sum $a[77] ", scalar(keys %seen), " ", scalar(@f), " $w[99]\n";
