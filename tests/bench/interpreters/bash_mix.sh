f() { local a=$1; (( a < 2 )) && { r=$a; return; }; f $((a - 1)); local x=$r; f $((a - 2)); (( r += x )); }
i=0
while (( i < 300000 )); do (( i++, s += i * i % 7 )); done
declare -A h
for (( i = 0; i < 30000; i++ )); do k="key$(( i % 997 ))"; h[$k]=$(( ${h[$k]:-0} + i )); a[i % 500]+="x"; done
for w in {1..20000}; do case $w in *7) (( n++ ));; 1*) x=${w#1}; y=${x:-0}; (( n += ${#y} ));; esac; done
f 15
t=
for i in {1..4000}; do t+="$i,"; done
IFS=, read -ra p <<<"$t"
[[ $t =~ ([0-9]+),3999, ]]
echo $s ${#h[@]} $n $r ${#p[@]} ${BASH_REMATCH[1]} ${#t} "${t//9/}" | { read -r line; echo ${#line} ${line:0:30}; }
