-- Of the pushes and inbox items of the last week that were accepted: how many were opened, by type.
select type, channel, sum(n) as accepted, sum(n) filter (where furthest in ('opened', 'acted')) as opened,
  round(100.0 * sum(n) filter (where furthest in ('opened', 'acted')) / nullif(sum(n), 0), 1) as percent
from analytics_hours
where hour >= now() - interval '7 days' and channel in ('push', 'in_app')
  and furthest in ('accepted', 'delivered', 'seen', 'opened', 'acted')
group by 1, 2 order by accepted desc;
