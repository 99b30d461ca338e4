create table numbers (n integer primary key, t text, x real);
with recursive c(n) as (select 1 union all select n + 1 from c where n < 200000)
  insert into numbers select n, 'text of row ' || (n * 7919 % 100003), n * 0.5 from c;
create index texts on numbers (t);
select count(*), sum(x) from numbers where t between 'text of row 2' and 'text of row 6';
select t, count(*) from numbers group by substr(t, 1, 14) order by 2 desc limit 5;
update numbers set t = t || t where n % 3 = 0;
delete from numbers where n % 5 = 0;
select count(distinct t) from numbers;
