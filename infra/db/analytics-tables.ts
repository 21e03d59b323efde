import type { Generated } from 'kysely'
import type { Day } from './schema.ts'

/** The tables of analytics as kysely sees them. */
export type AnalyticsTables = {
  event_packs: { day: Day; pack: string }
  delivery_events: {
    day: Day
    at: Date
    kind: string
    what: string
    intent_id: string
    type: string
    category: string
    producer: string
    tenant: string | null
    lane: string
    occurred_at: Date
    recipient: string
    channel: string
    endpoint: string | null
    provider: string | null
    rule: string | null
    rule_value: string | null
    batch_id: string | null
    set_id: string | null
    simulated: Generated<boolean>
    /** `experiment/arm`. */
    arm: string | null
    platform: string | null
    app_version: string | null
    locale: string | null
    called: boolean | null
    success: boolean | null
  }
  /** Hours of types that are to be counted anew. Rows are only added, by sinks, and taken by who counts. */
  rollup_marks: { id: Generated<string>; cohort: Date; type: string; newest: Date }
  rollup_state: { one: Generated<boolean>; newest_event: Date; at: Generated<Date> }
  /** Notifications by the hour of their intents, alike in everything that is asked. Always counted from raw, never added to. */
  funnel_hours: {
    cohort: Date
    type: string
    category: string
    lane: string
    producer: string
    channel: string
    provider: string | null
    arm: string | null
    /** Bit 0: `delivered` is told of, bit 1: `seen`. Bit 2: nobody tells of `acted`. */
    told: number
    /** Position of the furthest stage. */
    reached: number
    fate: string
    reason: string | null
    machine: boolean
    n: number
    /** Of how many people at least, in this hour, its group is; null where it was counted before that was told. */
    people: number | null
  }
  /** Events by hour and type in columns: see `analytics/fold.ts`. */
  folded_hours: {
    cohort: Date
    type: string
    words: string
    stories: Buffer
    notifications: Buffer
    people: Buffer
  }
  /** Every time that a person did what a product told us of. */
  product_events: { recipient: string; event: string; at: Date; intent_id: string | null }
  /** Views for other people's tools: read by nobody here. */
  analytics_notifications: { intent_id: string; recipient: string; channel: string }
  analytics_hours: { hour: Date; type: string; n: number }
}
