import type { ColumnType, Generated } from 'kysely'
import type { AddressTables } from './address-tables.ts'
import type { AnalyticsTables } from './analytics-tables.ts'
import type { SurfaceTables } from './surface-tables.ts'

/** Which module writes a table. Others may read it. */
export const owners = {
  admitted: 'infra/ledger',
  refused: 'infra/ledger',
  sets: 'infra/ledger',
  batches: 'infra/ledger',
  intent_sets: 'infra/ledger',
  holds: 'infra/ledger',
  expansions: 'infra/ledger',
  retractions: 'infra/ledger',
  deliveries: 'infra/ledger',
  held: 'infra/ledger',
  digests: 'infra/ledger',
  outbox: 'infra/ledger',
  stops: 'infra/ledger',
  operator_log: 'infra/ledger',
  quarantines: 'infra/ledger',
  volumes: 'infra/ledger',
  volume_passes: 'infra/ledger',
  standings: 'infra/ledger',
  catalogue_schemas: 'infra/ledger',
  windows: 'router',
  recipients: 'preferences',
  addresses: 'preferences',
  suppressions: 'preferences',
  texted_words: 'preferences',
  prunes: 'preferences',
  prune_limits: 'preferences',
  address_key: 'preferences',
  consent_log: 'preferences',
  tenants: 'preferences',
  audience_members: 'preferences',
  watermarks: 'preferences',
  engagements: 'preferences',
  presence: 'preferences',
  producer_tokens: 'producers/http',
  receipts: 'channels',
  troubles: 'channels',
  inbox_items: 'channels',
  inbox_people: 'channels',
  inbox_changes: 'channels',
  looks: 'channels',
  removals: 'channels',
  removal_turns: 'channels',
  pace_buckets: 'channels',
  pacings: 'channels',
  event_packs: 'analytics',
  delivery_events: 'analytics',
  rollup_marks: 'analytics',
  rollup_state: 'analytics',
  funnel_hours: 'analytics',
  folded_hours: 'analytics',
  analytics_notifications: 'analytics',
  analytics_hours: 'analytics',
  product_events: 'preferences',
} as const satisfies Record<keyof Schema, string>

export type Day = ColumnType<string, string, never>

/** The tables as kysely sees them. `schema.sql` beside it is dumped from the real server and compared in a test. */
export type Schema = AddressTables &
  AnalyticsTables &
  SurfaceTables & {
    /** One narrow row per intent: the idempotency key. Kept 35 days, longer than Pub/Sub can redeliver. */
    admitted: { id: string; body_hash: string; set_id: string }
    /** Messages that could not become intents; a parked one waits for a catalogue that knows its type. */
    refused: {
      message_id: string
      at: Date
      lane: string
      reason: string
      intent_id: string | null
      producer: string | null
      type: string | null
      catalogue: string | null
      problems: string
      message: Buffer | null
      readmitted_at: Date | null
      /** An operator wants it admitted again. */
      asked_at: Date | null
    }
    /** The JSON Schema of a type's data, as the catalogue that was started or stored last has it. */
    catalogue_schemas: { type: string; catalogue: string; schema: string; since: Generated<Date> }
    /** The journal: one row for every router transaction, what it took in and what it decided. Never updated. */
    sets: {
      day: Day
      id: string
      lane: number
      /** `messages`, `expansion` or `release`. */
      origin: string
      received: number
      admitted: number
      duplicate: number
      malformed: number
      conflict: number
      unknown: number
      parked: number
      expired: number
      /** Decisions (intent, recipient, channel) by verdict. */
      delivering: number
      refused: number
      held: number
      /** Held decisions that this set took up again. */
      released: number
      /** Deliveries (endpoints) that the delivering decisions opened. */
      opened: number
    }
    /** The packed ledger. See `infra/ledger/batch.ts`. */
    batches: {
      day: Day
      id: string
      set_id: string
      lane: number
      channel: number
      provider: string
      sensitive: boolean
      tries: number
      due_at: Date
      /** Why it is not due yet: a `WaitReason`. */
      waits_for: string | null
      enqueued_at: Date | null
      attempt: Generated<number>
      lease_until: Date | null
      claimed_at: Date | null
      claim_snapshot: string | null
      closed_at: Date | null
      doubt: Generated<boolean>
      from_batch: string | null
      from_slots: number[] | null
      n: number
      recipients: string[]
      endpoints: string[]
      intents: string[]
      picks: number[] | null
      payload: string | null
      whys: string | null
      reasons: string | null
      outcomes: number[] | null
      provider_ids: string | null
    }
    /** Later sets of an intent: expansion pages and released holds. The first is in `admitted`. */
    intent_sets: { intent_id: string; set_id: string }
    holds: {
      id: string
      set_id: string
      lane: number
      reason: string
      due_at: Date
      released_at: Date | null
      released_by: string | null
      n: number
      recipients: string[]
      channels: number[]
      reasons: string
      counted_at: (Date | null)[] | null
      held_since: (Date | null)[] | null
      intents: string[]
      picks: number[] | null
      payload: string | null
      whys: string
      /** The digest that these decisions wait in, instead of for a time of their own. */
      digest_id: string | null
    }
    /** What is told to a person together, once it is due. Open ones are unique by person and key. */
    digests: {
      id: string
      recipient: string
      key: string
      lane: number
      opened_at: Date
      due_at: Date
      /** Intents that joined. */
      n: number
      is_full: boolean
      closed_at: Date | null
      closed_by: string | null
      /** Released early, for a retraction: what is not retracted waits on until then. */
      until: Date | null
    }
    /** Tombstones: what a producer took back, or replaced by a later intent. Kept 35 days, as keys are. */
    retractions: {
      id: string
      /** `retracted` or `superseded`. */
      kind: string
      at: Generated<Date>
      xid: Generated<string>
      /** The intent that took the place of a superseded one, and when that happened: what is later is not superseded. */
      successor: string | null
      occurred_until: Date | null
      /** Inbox items that had been seen when they were removed. */
      seen: Generated<number>
      /** When what may have been written at the same moment is looked for again. */
      follow_up_at: Date | null
    }
    /** An intent with audiences that is being turned into sets, page by page. */
    expansions: {
      intent_id: string
      lane: number
      set_id: string
      payload: string
      after_recipient: Generated<string>
      pages: Generated<number>
      members: Generated<number>
      due_at: Date
      done_at: Date | null
      /** Not read since, but for so many members of a sample. */
      quarantined_at: Date | null
      sample_left: Generated<number>
    }
    /** Recipients of a type and producer in ten minutes, a row for each process that counted. */
    volumes: { period: Date; type: string; producer: string; process: string; passed: string; held: string }
    /** Types and producers whose volume an operator lets pass for a time. */
    volume_passes: { type: string; producer: string; until: Date }
    /** Intents that a blast guard holds; one without `ended_at` waits for an operator. */
    quarantines: {
      intent_id: string
      type: string
      producer: string
      recipients: number
      more: boolean
      /** `recipients`, `volume` or `members`. */
      guard: Generated<string>
      most: number
      volume: Generated<string>
      since: Generated<Date>
      sample: Generated<string[]>
      approved_by: string | null
      ended_at: Date | null
      ended_by: string | null
      ended_how: string | null
    }
    /** View: one row for each slot of a batch. */
    deliveries: {
      day: Day
      batch_id: string
      set_id: string
      slot: number
      lane: number
      channel: number
      provider: string
      intent_id: string
      recipient: string
      endpoint: string
      outcome: number | null
      tries: number
      attempt: number
      due_at: Date
      claimed_at: Date | null
      claim_snapshot: string | null
      closed_at: Date | null
      doubt: boolean
      from_batch: string | null
      from_slot: number | null
    }
    /** View: one row for each decision that a hold keeps or kept. */
    held: {
      hold_id: string
      set_id: string
      slot: number
      lane: number
      channel: number
      reason: string
      intent_id: string
      recipient: string
      due_at: Date
      released_at: Date | null
      released_by: string | null
    }
    /** `refused`: why Pub/Sub does not take it. Such a pack stays until an operator clears the column or the row. */
    /** Every act of an operator; rows are never changed. `about`: ids and numbers as JSON. */
    operator_log: {
      id: Generated<string>
      at: Generated<Date>
      who: string
      what: string
      why: string | null
      about: string
    }
    /** Kill switches; an open one has no `ended_at`. `freed`: everything that it held has come forward. */
    stops: {
      id: Generated<string>
      scope: string
      name: string
      resume: string
      who: string
      why: string
      since: Generated<Date>
      ended_at: Date | null
      ended_by: string | null
      freed: Generated<boolean>
      /** When what it held is told, where that is told together. */
      told_at: Date | null
    }
    outbox: { id: Generated<string>; pack: string; n: number; payload: string; refused: string | null }
    windows: { recipient: string; state: string; keep_until: Generated<string> }
    recipients: {
      id: string
      tenant: string | null
      locale: string | null
      zone: string | null
      quiet: string | null
      choices: string | null
      endpoints: string | null
      erased_at: Date | null
      /** All that occurred until then was read, on all threads. */
      read_up_to: Date | null
      read_xid: string | null
      updated_at: Generated<Date>
    }
    consent_log: {
      id: Generated<string>
      xid: Generated<string>
      at: Date
      recipient: string
      kind: string
      category: string | null
      thread: string | null
      channel: number | null
      endpoint: string | null
      wish: boolean | null
      /** When a mute, a pause or a level ends by itself. */
      until: Date | null
      source: string
      tenant: string | null
      room: string | null
      /** `level`: the level. `mention`: which mentions. */
      said: string | null
    }
    tenants: { id: string; settings: string; updated_at: Generated<Date> }
    audience_members: { audience: string; recipient: string; reason: string | null }
    /** How far a person has read a thread; never moves back. */
    watermarks: { recipient: string; thread: string; up_to: Date; xid: Generated<string> }
    /** What a person did with an intent, where no inbox item says it. `intent_id` of zeros: with any that waits for `event`. */
    engagements: { recipient: string; intent_id: string; what: string; event: string; at: Date }
    presence: { recipient: string; active_until: Date }
    producer_tokens: {
      token_hash: string
      producer: string
      types: string[]
      scopes: string[]
      /** Of which alone it is told. */
      tenant: string | null
      created_at: Generated<Date>
    }
    /** What workers share of a provider's limit; unlogged. Milliseconds by the server's clock. */
    pace_buckets: { key: string; free_at: number; ramp_from: number }
    /** What each worker says of its providers, anew every few seconds; unlogged. `pacing`: a `Pacing` as JSON. */
    pacings: { worker: string; provider: string; at: Generated<Date>; pacing: string }
    /** Reports of providers, in their words but without addresses, each once. `attempt`: as it was named to the provider. */
    receipts: {
      provider: string
      event: string
      attempt: string
      address_hash: string | null
      body: string
      at: Generated<Date>
      applied_at: Date | null
    }
    /** The furthest that was reported of an attempt: the place of a word in `contracts/standing.ts`. Never goes back. */
    standings: {
      delivery: string
      batch: string
      slot: number
      standing: number
      their_id: string
      at: Generated<Date>
    }
  }
