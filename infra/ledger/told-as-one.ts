import { type BatchId, dayOf, type DigestId, type IntentId } from '#contracts/ids.ts'
import { outcomeCode } from '#contracts/outcome.ts'
import { plainArray, type Queryable, textArray } from '#runtime/postgres.ts'

/** A delivery that was told as one with others of its person, to the same endpoint. */
export type ToldAsOne = { batch: BatchId; recipient: string; endpoint: string; digest: DigestId }

const outcomes = (['sent', 'delivered', 'digested', 'in_doubt'] as const).map(outcomeCode)

/**
 * What the message of each told, in the order in which it is asked: the one that spoke for all of them last. Of a call that is not
 * recorded, or was made again, all that may have been told.
 */
export async function toldWith(db: Queryable, asked: readonly ToldAsOne[]): Promise<IntentId[][]> {
  const found: IntentId[][] = asked.map(() => [])
  const places = asked.map((one, place) => ({ ...one, place }))
  // One day at a time, like `readAttempts`.
  for (const [day, ofDay] of Map.groupBy(places, ({ batch }) => dayOf(batch))) {
    const rows = await db.query<{ place: number; intents: string }>(select, [
      day,
      plainArray(ofDay.map(({ batch }) => batch)),
      textArray(ofDay.map(({ recipient }) => recipient)),
      textArray(ofDay.map(({ endpoint }) => endpoint)),
      textArray(ofDay.map(({ digest }) => digest)),
      plainArray(ofDay.map(({ place }) => place)),
    ])
    for (const { place, intents } of rows) found[place] = intents.split(',') as IntentId[]
  }
  return found
}

// There may be thousands in a batch: what is packed is taken apart once, not for each of them.
const select = `
  select a.place, string_agg(i.id::text, ',' order by s.place) as intents
  from unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::int[]) as a(batch, recipient, endpoint, digest, place)
  join batches b on b.day = $1 and b.id = a.batch
  cross join lateral unnest(b.recipients, b.endpoints, b.picks, b.outcomes) with ordinality as s(recipient, endpoint, pick, outcome, place)
  join lateral unnest(b.intents, string_to_array(b.payload, E'\\x1f')) with ordinality as i(id, facts, place)
    on i.place = coalesce(s.pick, 0) + 1
  where s.recipient = a.recipient and s.endpoint = a.endpoint and (s.outcome is null or s.outcome in (0, ${outcomes.join(', ')}))
    and i.facts::json -> 'digest' ->> 'id' = a.digest
  group by a.place`
