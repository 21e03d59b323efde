import { channels } from '#contracts/channel.ts'
import type { EpochMs } from '#contracts/ids.ts'
import type { Database, Queryable } from '#runtime/postgres.ts'
import { addressHash } from './address.ts'
import { logConsent } from './consent-log.ts'
import { contactPrefix } from './profile.ts'
import { standsSql } from './suppression-store.ts'
import { ownersOf, suppressionLine, tellOwners } from './tell-owners.ts'

/** What a person asks for by a text to us. */
export type TextedWord = 'stop' | 'start' | 'help'
/** `message`: its provider's id of the text. `lifts`: what START takes back besides STOP, the provider's codes for the same. */
export type Texted = { message: string; word: TextedWord; number: string; now: EpochMs; lifts: readonly string[] }
/** `changed`: what the number gets, or HELP, which is answered each time. `locale`: of somebody who has the number. */
export type Heard = { changed: boolean; locale?: string }

const sms = channels.indexOf('sms')

/**
 * Hears a text. STOP: no claim from now on sends to the number, for nobody who has it or registers it, in no tenant. START takes
 * back exactly what STOP has written, and what the provider says of it, also where that comes later; what was suppressed for
 * another reason, or by somebody else, stays so. A text that comes again, however late,
 * changes nothing and is answered as the first time. Each change has its line in the consent log, for everybody who has the
 * number, or for the contact that it would be.
 */
export async function hearText(
  { db, addressKey }: { db: Database; addressKey: string },
  texted: Texted,
): Promise<Heard> {
  const hash = addressHash(addressKey, { channel: 'sms', address: texted.number })
  const { word, now } = texted
  const changed = word === 'help' || (await db.transaction(tx => written(tx, hash, { ...texted, word })))
  // After the commit: who registers the number from now on sees what stands.
  if (word !== 'help') await tellOwners(db, [hash], { now, source: 'sms' })
  const locale = await localeOf(db, hash)
  return { changed, ...(locale !== undefined && { locale }) }
}

type Wish = Texted & { word: 'stop' | 'start' }

async function written(tx: Queryable, hash: string, { message, word, now, lifts }: Wish): Promise<boolean> {
  const fresh = await tx.query(
    `insert into texted_words (message, word) values ($1, $2) on conflict do nothing returning 1`,
    [message, word],
  )
  if (fresh.length === 0) {
    const [known] = await tx.query<{ changed: boolean }>(`select changed from texted_words where message = $1`, [
      message,
    ])
    return known!.changed
  }
  const changed = await (word === 'stop' ? stop(tx, { hash, now }) : start(tx, { hash, lifts, now }))
  if (changed) await tx.query(`update texted_words set changed = true where message = $1`, [message])
  const nobody = `${contactPrefix}${hash.slice(0, 22)}`
  if (changed && (await ownersOf(tx, [hash])).length === 0)
    await logConsent(tx, [suppressionLine(nobody, { channel: 'sms' }, { wish: word === 'start', source: 'sms' })], now)
  return changed
}

/** Whether it was not stopped already. */
async function stop(tx: Queryable, { hash, now }: { hash: string; now: EpochMs }): Promise<boolean> {
  const rows = await tx.query(
    `insert into suppressions as s (hash, channel, reason, source, at, stopped_at)
     values ($1, ${sms}, 'stop', 'sms', to_timestamp($2 / 1000.0), to_timestamp($2 / 1000.0))
     on conflict (hash, channel) do update set stopped_at = excluded.stopped_at where s.stopped_at is null returning 1`,
    [hash, now],
  )
  return rows.length > 0
}

/** Whether the number may be used again, and was not before. */
async function start(
  tx: Queryable,
  { hash, lifts, now }: { hash: string; lifts: readonly string[]; now: EpochMs },
): Promise<boolean> {
  await tx.query(
    `insert into suppressions (hash, channel, reason, source, at, expires_at)
     values ($1, ${sms}, 'stop', 'sms', to_timestamp($2 / 1000.0), '-infinity') on conflict do nothing`,
    [hash, now],
  )
  type Stands = { stands: boolean }
  const [before] = await tx.query<Stands>(
    `select ${standsSql} as stands from suppressions where hash = $1 and channel = ${sms} for update`,
    [hash],
  )
  const [after] = await tx.query<Stands>(
    `update suppressions set stopped_at = null, taken_back = taken_back || $2::jsonb,
       expires_at = case when source = 'sms' or (source = 'provider' and reason = any($3::text[])) then '-infinity' else expires_at end
     where hash = $1 and channel = ${sms} returning ${standsSql} as stands`,
    [hash, JSON.stringify(Object.fromEntries(lifts.map(reason => [reason, now]))), lifts],
  )
  return before!.stands && !after!.stands
}

async function localeOf(db: Queryable, hash: string): Promise<string | undefined> {
  const [row] = await db.query<{ locale: string }>(
    `select r.locale from addresses a join recipients r on r.id = a.recipient
     where a.hash = $1 and a.channel = ${sms} and r.locale is not null order by a.recipient limit 1`,
    [hash],
  )
  return row?.locale
}
