-- Notifications of the last 30 days by day (UTC) and channel: intended, accepted by the provider, opened.
select (hour at time zone 'UTC')::date as day, channel, sum(n) as intended,
  sum(n) filter (where furthest in ('accepted', 'delivered', 'seen', 'opened', 'acted')) as accepted,
  sum(n) filter (where furthest in ('opened', 'acted')) as opened
from analytics_hours where hour >= now() - interval '30 days'
group by 1, 2 order by 1, 2;
