create table t(i integer primary key, s text, r real, b blob);
create index ts on t(s);
create index tr on t(r, i);
with recursive c(n) as (select 1 union all select n + 1 from c where n < 130000)
insert into t select n, 'row' || (n * 7919 % 100003), n / 7.0, zeroblob(n % 40) from c;
update t set r = r * 2, s = s || '-' where i % 3 = 0;
delete from t where i % 5 = 0;
insert into t(s, r) select s, r + 1 from t where i % 2;
select count(*), round(sum(r), 2), max(s), sum(length(b)) from t;
