import type { AnyNotificationType } from '#contracts/catalogue.ts'
import type { EpochMs, IntentId, RecipientId } from '#contracts/ids.ts'
import type { JsonObject } from '#contracts/intent.ts'
import { joinableDigests, type OpenDigest } from '#ledger/digests.ts'
import { readPeople } from '#preferences/preferences.ts'
import type { Queryable } from '#runtime/postgres.ts'
import { type ChannelDecision, decide } from './decide.ts'
import { windowKey } from './judge.ts'
import { parseWindows } from './policies/windows.ts'
import { readWindows } from './windows-store.ts'

/** What somebody might state. Without `data` nothing is known of repeats, and dedupe is not asked. */
export type Supposed = {
  entry: AnyNotificationType
  recipient: RecipientId
  /** When it would happen and be decided. */
  at: EpochMs
  data?: JsonObject
  thread?: string
}

/**
 * What would be decided for a person, one decision for each channel of the type: by the router's own function, from what
 * is known of the person, and the windows and digests as they stand now. Changes nothing, and tells nobody.
 */
export async function explain(db: Queryable, supposed: Supposed): Promise<ChannelDecision[]> {
  const { entry, recipient, at, data, thread } = supposed
  const people = await readPeople(db, [recipient])
  const state = await readWindows(db, windowKey(supposed))
  const digests = await joinableDigests(db, [recipient])
  const { dedupe: _, ...withoutDedupe } = entry
  return decide({
    intent: {
      ...{ id: nobodys, producer: 'explain', type: entry.type, category: entry.category, catalogue: '' },
      ...{ occurredAt: at, data: data ?? {}, ...(thread !== undefined && { thread }) },
    },
    entry: data ? entry : withoutDedupe,
    person: people.get(recipient)!,
    windows: parseWindows(state),
    digests: digests.get(recipient) ?? new Map<string, OpenDigest>(),
    at,
  })
}

/** The id of no intent: nothing of a decision follows from it. */
const nobodys = '00000000-0000-8000-8000-000000000000' as IntentId
