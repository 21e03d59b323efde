-- One row for each slot of each pack of some days (UTC, of the packs' making, the last one too): the columns of `delivery_events` in
-- Postgres. `SELECT * FROM `carillon.delivery_events`(DATE '2026-11-20', DATE '2026-11-20')` reads that day's partition, the next one's, and
-- the hour before it. Pub/Sub delivers at least once and a relay may publish a pack twice, so each pack counts once, by its own id and not by
-- the message's. A pack that is published more than a day after its own is not told: ask for that day with more room by changing the 48.
CREATE OR REPLACE TABLE FUNCTION `carillon.delivery_events`(first_day DATE, last_day DATE)
AS (
WITH packs AS (
  SELECT data
  FROM `carillon.event_packs`
  -- Clocks differ; and compared with the parameters alone, so that BigQuery reads no other partition.
  WHERE publish_time >= TIMESTAMP_SUB(TIMESTAMP(first_day), INTERVAL 1 HOUR)
    AND publish_time < TIMESTAMP_ADD(TIMESTAMP(last_day), INTERVAL 48 HOUR)
    AND JSON_VALUE(data, '$.v') = '1'
    AND CAST(JSON_VALUE(data, '$.day') AS DATE) BETWEEN first_day AND last_day
  QUALIFY ROW_NUMBER() OVER (PARTITION BY JSON_VALUE(data, '$.pack') ORDER BY publish_time) = 1
),
slots AS (
  SELECT
    data,
    slot,
    JSON_QUERY_ARRAY(data, '$.intents')[OFFSET(CAST(JSON_VALUE(slot, '$.i') AS INT64))] AS intent,
    JSON_QUERY_ARRAY(data, '$.whys')[SAFE_OFFSET(CAST(JSON_VALUE(slot, '$.w') AS INT64))] AS why
  FROM packs
  CROSS JOIN UNNEST(JSON_QUERY_ARRAY(data, '$.slots')) AS slot
)
SELECT
  CAST(JSON_VALUE(data, '$.day') AS DATE) AS day,
  TIMESTAMP_MILLIS(CAST(JSON_VALUE(data, '$.at') AS INT64)) AS at,
  JSON_VALUE(data, '$.kind') AS kind,
  JSON_VALUE(slot, '$.what') AS what,
  JSON_VALUE(intent, '$.id') AS intent_id,
  JSON_VALUE(intent, '$.type') AS type,
  JSON_VALUE(intent, '$.category') AS category,
  JSON_VALUE(intent, '$.producer') AS producer,
  JSON_VALUE(intent, '$.tenant') AS tenant,
  JSON_VALUE(intent, '$.lane') AS lane,
  TIMESTAMP_MILLIS(CAST(JSON_VALUE(intent, '$.occurredAt') AS INT64)) AS occurred_at,
  JSON_VALUE(slot, '$.recipient') AS recipient,
  JSON_VALUE(slot, '$.channel') AS channel,
  NULLIF(JSON_VALUE(slot, '$.endpoint'), '') AS endpoint,
  JSON_VALUE(data, '$.provider') AS provider,
  JSON_VALUE(why, '$.rule') AS rule,
  JSON_VALUE(why, '$.value') AS rule_value,
  JSON_VALUE(data, '$.batch') AS batch_id,
  JSON_VALUE(data, '$.set') AS set_id,
  IFNULL(JSON_VALUE(data, '$.simulated') = 'true', FALSE) AS simulated,
  JSON_VALUE(slot, '$.arm') AS arm,
  JSON_VALUE(slot, '$.platform') AS platform,
  JSON_VALUE(slot, '$.version') AS app_version,
  JSON_VALUE(slot, '$.locale') AS locale,
  JSON_VALUE(slot, '$.called') = 'true' AS called,
  JSON_VALUE(intent, '$.success') = 'true' AS success
FROM slots
);
