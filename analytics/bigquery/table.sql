-- The table that a BigQuery subscription of the events topic writes to (`--write-metadata`, no topic schema), by day of publishing.
-- Whoever asks must say of which days: without, BigQuery would read all of them, and refuses.
-- `data` is JSON as infra/contracts/event-pack.schema.json has it. Replace `carillon` by your dataset.
CREATE TABLE IF NOT EXISTS `carillon.event_packs` (
  subscription_name STRING,
  message_id STRING,
  publish_time TIMESTAMP NOT NULL,
  data JSON,
  attributes JSON
)
PARTITION BY DATE(publish_time)
CLUSTER BY publish_time
OPTIONS (partition_expiration_days = 400, require_partition_filter = TRUE);
