create table a(i integer primary key, k integer, s text);
create table b(i integer primary key, k integer, t text);
with recursive c(n) as (select 1 union all select n + 1 from c where n < 60000)
insert into a select n, n * 7919 % 20011, 's' || n % 1000 from c;
insert into b select i, k * 3 % 20011, s from a where i % 2;
create index ak on a(k);
create index bk on b(k);
create index bt on b(t);
select count(*), sum(a.i) from a join b on a.k = b.k;
select count(*), max(a.s) from a left join b on a.k = b.k + 1 where b.i is null;
select count(*) from a where exists (select 1 from b where b.k = a.k and b.t > 's5');
select sum(x.i % 7 + y.i % 3) from a x join a y on x.k = y.k join b z on z.k = x.k;
select count(*) from a where s in (select t from b where k < 9000);
select a.s, count(*) n from a join b on a.s = b.t where a.i < 6000 group by a.s order by n desc, a.s limit 3;
