import { forgetInbox } from '#channels/in-app/forget-store.ts'
import { channels } from '#contracts/channel.ts'
import type { EpochMs } from '#contracts/ids.ts'
import { addressHash, type Endpoint } from '#preferences/preferences.ts'
import { deleteRecipient } from '#preferences/recipient-store.ts'
import type { Database } from '#runtime/postgres.ts'

/**
 * Erases a person: what `deleteRecipient` forgets, and their inbox. Nothing that no worker had claimed by then is sent, and
 * nothing that was claimed is put into the inbox by a statement that begins later. Safe to repeat.
 * `tell` hears whose inbox has changed.
 */
export async function erasePerson(
  db: Database,
  { recipient, now, tell }: { recipient: string; now: EpochMs; tell?: (recipients: readonly string[]) => void },
): Promise<void> {
  await deleteRecipient({ db, now }, recipient)
  await forgetInbox(db, recipient)
  tell?.([recipient])
}

type Row = Record<string, unknown>
export type ExportedPerson = { recipient: Row | undefined } & Record<string, unknown>

/**
 * All that is held of a person, for them: addresses whole, times as they are stored. Suppressions are those of their
 * addresses, by keyed hash. What is told of others is not in it.
 */
export async function exportPerson(
  db: Database,
  { recipient: id, addressKey }: { recipient: string; addressKey: string },
): Promise<ExportedPerson> {
  const [found] = await db.query<Row>('select * from recipients where id = $1', [id])
  const { endpoints: stored, choices, ...said } = found ?? {}
  const endpoints = typeof stored === 'string' ? (JSON.parse(stored) as Endpoint[]) : []
  const of = (what: string) => db.query<Row>(what, [id])
  const hashes = endpoints.map(one => addressHash(addressKey, one))
  return {
    recipient: found && { ...said, choices: typeof choices === 'string' ? JSON.parse(choices) : {}, endpoints },
    consents: (await of('select * from consent_log where recipient = $1 order by id')).map(named),
    suppressions: (await db.query<Row>('select * from suppressions where hash = any($1::text[])', [hashes])).map(named),
    prunes: await of('select provider, app, endpoint, reason, state, at from prunes where recipient = $1 order by at'),
    audiences: await of('select audience, reason from audience_members where recipient = $1 order by 1'),
    read: await of('select thread, up_to from watermarks where recipient = $1 order by 1'),
    engagements: await of('select intent_id, what, event, at from engagements where recipient = $1 order by at'),
    looks: await of('select intent_id, at, acted_at from looks where recipient = $1 order by at'),
    presence: await of('select active_until from presence where recipient = $1'),
    inbox: (await of('select * from inbox_items where recipient = $1 order by number')).map(unpacked),
    removals: await of('select intent_id, why, at from removals where recipient = $1 and done_at is null order by at'),
    digests: await of(
      'select id, opened_at, due_at, n from digests where recipient = $1 and closed_at is null order by 2',
    ),
    acts: await of('select event, at, intent_id from product_events where recipient = $1 order by at'),
    windows: await of('select state, keep_until from windows where recipient = $1'),
    held: (await of(waiting)).map(named),
    deliveries: await of('select * from delivery_events where recipient = $1 order by at, kind'),
  }
}

const waiting = `select v.intent_id, v.channel, v.reason, v.due_at from held v
  where v.recipient = $1 and v.hold_id in (select id from holds where released_at is null and $1 = any(recipients))`

/** With the channel's name instead of its place in the list. */
const named = ({ channel, ...rest }: Row): Row => ({
  ...rest,
  ...(typeof channel === 'number' && { channel: channels[channel] }),
})

const unpacked = ({ content, ...rest }: Row): Row => ({
  ...rest,
  content: typeof content === 'string' ? JSON.parse(content) : content,
})
