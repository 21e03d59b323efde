import type { EpochMs } from '#contracts/ids.ts'
import { openPostgres } from '#runtime/postgres.ts'
import { testDatabase } from '#tests/servers.ts'
import type { Mark } from './mark.ts'
import type { GivenEndpoint, Profile } from './profile.ts'
import { keepContacts, markEndpoint, readPeople } from './preferences.ts'
import { deleteRecipient, upsertRecipients } from './recipient-store.ts'

/** A database of its own and the stores on it. */
export async function createStores() {
  await using opened = new AsyncDisposableStack()
  const database = opened.use(await testDatabase())
  const db = opened.use(await openPostgres({ url: database.url, connectionsMax: 8, name: 'test' }))
  const running = opened.move()
  const addressKey = 'a key for tests'
  return {
    db,
    addressKey,
    upsert: (now: EpochMs, ...profiles: Profile[]) => upsertRecipients({ db, addressKey, now }, profiles),
    erase: (now: EpochMs, id: string) => deleteRecipient({ db, now }, id),
    /** Marks endpoints whose addresses are as they stand now, unless told otherwise. */
    mark: async (...marks: GivenMark[]) => {
      const people = await readPeople(db, [...new Set(marks.map(mark => mark.recipient))])
      const whole = marks.map((mark): Mark => {
        const one = people.get(mark.recipient)!.endpoints.find(({ id }) => id === mark.endpoint)
        return { channel: one?.channel ?? 'email', address: one?.address ?? '', ...mark }
      })
      await markEndpoint({ db, addressKey }, whole)
    },
    keep: (now: EpochMs, ...contacts: Parameters<typeof keepContacts>[1]) =>
      keepContacts({ db, addressKey, now }, contacts),
    person: async (id: string) => (await readPeople(db, [id])).get(id)!,
    /** `push/a-phone active` for each endpoint but the inbox. */
    endpoints: async (id: string) => {
      const { endpoints } = (await readPeople(db, [id])).get(id)!
      return endpoints.filter(one => one.id !== 'inbox').map(one => `${one.channel}/${one.id} ${one.state}`)
    },
    /** The consent log of a person, or of all, as short texts. */
    consent: async (id?: string) => {
      const rows = await db.query<{ line: string }>(
        `select concat_ws(' ', case when $1::text is null then recipient end, kind, category, thread,
           (array['push', 'sms', 'email', 'in_app'])[channel + 1], endpoint, case wish when true then 'yes' when false then 'no' else 'taken back' end) as line
         from consent_log where recipient = coalesce($1, recipient) order by id`,
        [id ?? null],
      )
      return rows.map(row => row.line)
    },
    /** The directory: who has how many addresses. */
    owned: async (id: string) => {
      const rows = await db.query<{ endpoint: string }>(
        'select endpoint from addresses where recipient = $1 order by endpoint',
        [id],
      )
      return rows.map(row => row.endpoint)
    },
    /** Whether so many wait for a lock. */
    waiting: async (many: number) => {
      const [row] = await db.query<{ n: number }>(
        `select count(*)::int as n from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
      )
      return row!.n === many
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}
export type GivenMark = Omit<Mark, 'channel' | 'address'> & Partial<Pick<Mark, 'channel' | 'address'>>
export type Stores = Awaited<ReturnType<typeof createStores>>

export const device = (token: string, id?: string): GivenEndpoint => ({
  ...(id !== undefined && { id }),
  channel: 'push',
  provider: 'fcm',
  address: token,
})
export const mailbox = (address: string, id?: string): GivenEndpoint => ({
  ...(id !== undefined && { id }),
  channel: 'email',
  provider: 'sendgrid',
  address,
})
