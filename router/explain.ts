import type { AnyNotificationType } from '#contracts/catalogue.ts'
import type { EpochMs, IntentId, RecipientId } from '#contracts/ids.ts'
import type { JsonObject } from '#contracts/intent.ts'
import type { Database } from '#runtime/postgres.ts'
import { simulate, type SimulatedLine } from './simulate.ts'

/** What somebody might state. Without `data` nothing is known of repeats, and dedupe is not asked. */
export type Asked = {
  entry: AnyNotificationType
  recipient: RecipientId
  /** When it would happen and be decided. */
  at: EpochMs
  data?: JsonObject
  tenant?: string
  room?: string
  thread?: string
  /** Who would state it. Without: nothing is known of how much of it there is. */
  producer?: string
  /** Why the person would be a recipient. */
  reason?: string
}

/**
 * What would be decided for a person, one decision for each channel of the type: an intent for nobody else, simulated.
 * Changes nothing, and tells nobody.
 */
export async function explain(db: Database, asked: Asked, volumeFloor?: number): Promise<SimulatedLine[]> {
  const { entry, recipient, at, data, reason, tenant, room, thread, producer = 'explain' } = asked
  const { dedupe: _, ...withoutDedupe } = entry
  const { lines } = await simulate(
    { db, addressKey: '', volumeFloor },
    {
      intent: {
        ...{ id: nobodys, producer, key: 'explain', type: entry.type, catalogue: '', lane: entry.lane },
        ...{
          to: [{ kind: 'recipient', id: recipient, ...(reason !== undefined && { reason }) }],
          data: data ?? {},
          occurredAt: at,
        },
        ...(tenant !== undefined && { tenant }),
        ...(room !== undefined && { room }),
        ...(thread !== undefined && { thread }),
      },
      entry: data ? entry : withoutDedupe,
      now: at,
    },
  )
  return lines
}

/** The id of no intent: nothing of a decision follows from it. */
const nobodys = '00000000-0000-8000-8000-000000000000' as IntentId
