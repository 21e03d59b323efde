-- The arms of each experiment of the last two weeks: people told, people who opened.
select arm, count(distinct recipient) as people, count(distinct recipient) filter (where opened_at is not null) as opened
from analytics_notifications
where occurred_at >= now() - interval '14 days' and arm is not null and accepted_at is not null
group by 1 order by 1;
