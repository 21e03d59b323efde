import type { Generated } from 'kysely'

/** What people have before them: the inbox, and what is to be taken off screens. Part of the schema. */
export type SurfaceTables = {
  inbox_items: {
    delivery: string
    recipient: string
    intent_id: string
    type: string
    occurred_at: Date
    created_at: Date
    thread: string | null
    /** In which it was told; an item of none is in the inbox of each. */
    tenant: string | null
    content: string
    seen_at: Date | null
    read_at: Date | null
    archived_at: Date | null
    /** Why the person is told: `mention`, `role` … */
    reason: string | null
    /** The person's number when it was put there. */
    number: Generated<string>
    /** Its attempt. Null: it was put before that was kept. */
    batch: string | null
    slot: number | null
    /** When the success that its type names was told of it. */
    acted_at: Date | null
  }
  /** The last number of a person: each change of their inbox takes the next, in its own transaction. */
  inbox_people: { recipient: string; last: string }
  /** Marks and removals: which items changed with that number. What is not there any more was removed. */
  inbox_changes: { recipient: string; number: string; deliveries: string[]; at: Generated<Date> }
  /** Attempts of types that name a success, other than inbox items, which a person looked at; and when that was told of them. */
  looks: {
    recipient: string
    delivery: string
    intent_id: string
    type: string
    batch: string
    slot: number
    at: Date
    acted_at: Date | null
  }
  /** What is to be taken off the screens that show it, and which endpoints were told. `why`: `read` or `retracted`. */
  removals: {
    intent_id: string
    recipient: string
    why: string
    at: Generated<Date>
    told: Generated<string[]>
    told_at: Date | null
    done_at: Date | null
  }
  /** People with removals: when they are looked at, by which worker until when, and when each device was sent some. */
  removal_turns: {
    recipient: string
    due_at: Date | null
    lease_until: Date | null
    turn: Generated<number>
    sent: Generated<string>
  }
}
