-- Why notifications of the last 24 hours were not accepted by a provider, the most frequent first.
select furthest as last_stage, outcome, reason, sum(n) as n, round(100.0 * sum(n) / sum(sum(n)) over (), 2) as percent
from analytics_hours
where hour >= now() - interval '24 hours' and furthest in ('intended', 'decided', 'attempted')
group by 1, 2, 3 order by n desc;
