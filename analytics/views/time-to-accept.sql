-- Seconds from the intent until its provider accepted it, by channel and lane, for intents of the last hour.
select channel, lane, count(accepted_at) as accepted,
  percentile_cont(array[0.5, 0.9, 0.99]) within group (order by extract(epoch from accepted_at - occurred_at)) as p50_p90_p99
from analytics_notifications where occurred_at >= now() - interval '1 hour'
group by 1, 2 order by 1, 2;
