import type { Provider } from '#contracts/channel.ts'
import type { Queryable } from '#runtime/postgres.ts'
import { endpointAfter } from './endpoint-state.ts'
import { type EndpointMark, isAbout } from './mark.ts'
import type { Endpoint } from './preferences.ts'
import { pruneFloor, prunesMost } from './prune.ts'
import type { Suppressions } from './suppression-store.ts'

/** What is guarded together: endpoints of one provider and app (none: the empty name). */
export type PruneGroup = { provider: Provider; app: string }
/** A guard that held something for the first time since it was settled. */
export type Tripped = PruneGroup & { held: number; most: number; reason: string }

type Prune = PruneGroup & { mark: EndpointMark }

/**
 * Which dead marks may be carried out now. More than `prunesMost` in ten minutes are a fault of ours (wrong project, wrong
 * environment) rather than dead devices: they are held, and with them all of that provider and app, until an operator
 * settles it (`settlePrunes`). Each prune is written before it is counted, so that workers let no more through together: not
 * fifty processes, of which each counts now and then while there is ample room.
 */
export async function guardPrunes(
  { db, addressKey }: Suppressions,
  dead: readonly EndpointMark[],
): Promise<{ allowed: EndpointMark[]; tripped: Tripped[] }> {
  if (dead.length === 0) return { allowed: [], tripped: [] }
  const prunes = await prunesIn(db, { dead, addressKey })
  const allowed: EndpointMark[] = []
  const tripped: Tripped[] = []
  if (prunes.length === 0) return { allowed, tripped }
  await writePrunes(db, prunes)
  for (const group of Map.groupBy(prunes, groupKey).values()) {
    const { provider, app } = group[0]!
    const said = await verdict(db, { provider, app, come: group.length })
    if (said.kind === 'allowed') allowed.push(...group.map(one => one.mark))
    else {
      await holdPrunes(db, group)
      if (said.isFirst)
        tripped.push({ provider, app, held: group.length, most: said.most, reason: group[0]!.mark.reason })
    }
  }
  return { allowed, tripped }
}

const groupKey = ({ provider, app }: PruneGroup): string => `${provider}\u001f${app}`

/** Those that end an endpoint which lives: each once, so that many messages to one dead device count as one. */
async function prunesIn(
  db: Queryable,
  { dead, addressKey }: { dead: readonly EndpointMark[]; addressKey: string },
): Promise<Prune[]> {
  const rows = await db.query<{ id: string; endpoints: string }>(
    `select id, endpoints from recipients where id = any($1::text[]) and endpoints is not null`,
    [[...new Set(dead.map(mark => mark.recipient))]],
  )
  const people = new Map(rows.map(row => [row.id, JSON.parse(row.endpoints) as Endpoint[]]))
  const found = dead.flatMap((mark): Prune[] => {
    const endpoint = people.get(mark.recipient)?.find(one => isAbout(mark, one, addressKey))
    if (!endpoint || endpointAfter(endpoint, { kind: 'dead', at: mark.at, why: mark.reason }) === endpoint) return []
    return [{ mark, provider: endpoint.provider, app: endpoint.app ?? '' }]
  })
  return [...new Map(found.map(one => [`${one.mark.recipient}\u001f${one.mark.endpoint}`, one])).values()]
}

async function writePrunes(db: Queryable, prunes: readonly Prune[]): Promise<void> {
  await db.query(
    `insert into prunes as p (recipient, endpoint, hash, provider, app, reason)
     select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[]) as n(recipient, endpoint, hash, provider, app, reason)
     order by recipient collate "C", endpoint collate "C", hash collate "C"
     on conflict (recipient, endpoint, hash) do update set at = now(), state = 'pruned', reason = excluded.reason where p.state <> 'held'`,
    [
      ...[prunes.map(one => one.mark.recipient), prunes.map(one => one.mark.endpoint)],
      ...[prunes.map(one => one.mark.hash), prunes.map(one => one.provider), prunes.map(one => one.app)],
      prunes.map(one => one.mark.reason),
    ],
  )
}

type Verdict = { kind: 'allowed' } | { kind: 'held'; isFirst: boolean; most: number }

const windowSql = `interval '10 minutes'`

/** Where half of what may be pruned is left, a process counts again when it took a hundredth of it, or after a second. */
const ample = { share: 0.5, uncounted: 0.01, forMs: 1_000 }
/** How many more a process takes without counting, and until when by its monotonic clock, of each group. */
const roomOf = new WeakMap<Queryable, Map<string, { left: number; untilMs: number }>>()

async function verdict(db: Queryable, { come, ...group }: PruneGroup & { come: number }): Promise<Verdict> {
  const room = roomOf.get(db)?.get(groupKey(group))
  if (room && performance.now() < room.untilMs && (room.left -= come) >= 0) return { kind: 'allowed' }
  const said = await counted(db, group)
  if (said.held) return { kind: 'held', isFirst: false, most: said.most }
  if (said.n <= pruneFloor) return { kind: 'allowed' }
  const { most, n } = said.fresh ? said : { most: await countMost(db, group), n: said.n }
  if (n > most) return { kind: 'held', isFirst: true, most }
  const rooms = roomOf.get(db) ?? new Map<string, { left: number; untilMs: number }>()
  if (n <= ample.share * most)
    rooms.set(groupKey(group), { left: ample.uncounted * most, untilMs: performance.now() + ample.forMs })
  roomOf.set(db, rooms)
  return { kind: 'allowed' }
}

/** How many were asked for in the last ten minutes (at most one more than may be), and whether any are held. */
async function counted(db: Queryable, { provider, app }: PruneGroup) {
  const [row] = await db.query<{ most: number | null; fresh: boolean; held: boolean; n: number }>(
    `select l.most::float8, coalesce(l.counted_at > now() - ${windowSql}, false) as fresh,
       exists (select from prunes where provider = $1 and app = $2 and state = 'held') as held,
       (select count(*)::int from (select from prunes where provider = $1 and app = $2
          and state in ('pruned', 'held') and at > greatest(now() - ${windowSql}, coalesce(l.settled_at, '-infinity'))
          limit case when l.counted_at > now() - ${windowSql} then l.most + 1 end) latest) as n
     from (select 1) one left join prune_limits l on l.provider = $1 and l.app = $2`,
    [provider, app],
  )
  return { ...row!, most: row!.most ?? pruneFloor }
}

/** A part of the people is enough to count active addresses by: so many bytes of their table. */
const sampleBytes = 64 * 1024 * 1024
const percent = `least(100, 100.0 * ${sampleBytes} / greatest(pg_relation_size('recipients'), 1))`

/** Counts what is usual anew, for all processes and ten minutes. */
async function countMost(db: Queryable, { provider, app }: PruneGroup): Promise<number> {
  const [row] = await db.query<{ active: number; last_day: number }>(
    `select (select count(*) * 100 / ${percent} from recipients r tablesample system (${percent}),
         json_array_elements(r.endpoints::json) e
       where r.endpoints is not null and e ->> 'provider' = $1 and coalesce(e ->> 'app', '') = $2
         and e ->> 'state' in ('active', 'suspect'))::float8 as active,
       (select count(*)::int from prunes where provider = $1 and app = $2 and state = 'pruned'
         and at between now() - interval '1 day' and now() - ${windowSql}) as last_day`,
    [provider, app],
  )
  const active = Math.round(row!.active ?? 0)
  const most = prunesMost({ active, lastDay: row!.last_day })
  await db.query(
    `insert into prune_limits (provider, app, active, most) values ($1, $2, $3, $4)
     on conflict (provider, app) do update set active = excluded.active, most = excluded.most, counted_at = now()`,
    [provider, app, active, most],
  )
  return most
}

async function holdPrunes(db: Queryable, prunes: readonly Prune[]): Promise<void> {
  await db.query(
    `update prunes p set state = 'held' from unnest($1::text[], $2::text[], $3::text[]) as h(recipient, endpoint, hash)
     where p.recipient = h.recipient and p.endpoint = h.endpoint and p.hash = h.hash`,
    [prunes.map(one => one.mark.recipient), prunes.map(one => one.mark.endpoint), prunes.map(one => one.mark.hash)],
  )
}
