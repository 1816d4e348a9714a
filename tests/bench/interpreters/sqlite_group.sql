create table t(i integer, g text, h integer, r real);
with recursive c(n) as (select 1 union all select n + 1 from c where n < 150000)
insert into t select n, 'g' || n * 7919 % 1009, n % 37, n * 0.25 from c;
select g, count(*), avg(r), min(i), max(h) from t group by g order by 3 desc limit 2;
select h, count(distinct g), total(r) from t group by h having count(*) > 3 order by 2, 1 limit 2;
select sum(length(g) + abs(i % 100 - 50)), sum(case when r > 1000 then 1 else 0 end) from t where g like '%7%' or h between 3 and 9;
select count(*) from (select distinct g, h from t);
select sum(x) from (select sum(r) over (partition by h order by i) x from t where i < 40000);
select i, g from t order by g desc, r limit 2;
select group_concat(substr(upper(g), 2, 3), '') = '' from t where i % 10 = 0;
with recursive f(n, a, b) as (select 1, 0, 1 union all select n + 1, b, (a + b) % 1000007 from f where n < 300000) select max(a) from f;
