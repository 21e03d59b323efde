-- Notifications by type of the last seven days, beside the seven before.
select type, coalesce(sum(n) filter (where hour >= now() - interval '7 days'), 0) as this_week,
  coalesce(sum(n) filter (where hour < now() - interval '7 days'), 0) as last_week
from analytics_hours where hour >= now() - interval '14 days'
group by 1 order by this_week desc;
